from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from cfx_flow.chat.ask import Ask, Wishes, read_ask
from cfx_flow.errors import InvalidRequest
from cfx_flow.prompts import Prompts, load_prompts
from cfx_flow.stages.load import load_models
from cfx_flow.stages.model import Models, Price, StageName, Target, Upstream
from tests.support.processes import HOUSE

HI = [{"role": "user", "content": "hi"}]
SYSTEM = {"role": "system", "content": "I am the editor"}
TARGET = Target(
    Upstream("u", "http://127.0.0.1:1/v1", None), "real-model", Price(Decimal(1), Decimal(1)), 9, 5000
)


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models(HOUSE / "config" / "models.yaml", {})


@pytest.fixture(scope="module")
def prompts() -> Prompts:
    return load_prompts(HOUSE / "prompts")


class Desk:
    def __init__(self, models: Models, prompts: Prompts) -> None:
        self.models, self.prompts = models, prompts

    def ask(self, prompt: str | None = None, **body: Any) -> Ask:
        sent = json.dumps({"model": "cfx-code", "messages": HI} | body).encode()
        return read_ask(sent, Wishes(prompt=prompt), self.models, self.prompts)

    def payload(self, prompt: str | None = None, **body: Any) -> Mapping[str, Any]:
        sent: Mapping[str, Any] = json.loads(self.ask(prompt, **body).payload(TARGET))
        return sent


@pytest.fixture
def desk(models: Models, prompts: Prompts) -> Desk:
    return Desk(models, prompts)


def test_the_targets_own_name_for_the_model_goes_up(desk: Desk) -> None:
    assert desk.payload()["model"] == "real-model"


def test_the_stages_prompt_is_put_before_the_messages(desk: Desk, prompts: Prompts) -> None:
    assert desk.payload()["messages"] == [{"role": "system", "content": prompts.text("code.md")}, *HI]


@pytest.mark.parametrize("own", [{"messages": [SYSTEM, *HI]}, {"tools": [{"type": "function"}]}])
def test_a_caller_with_a_protocol_of_its_own_is_relayed_untouched(desk: Desk, own: dict[str, Any]) -> None:
    assert desk.payload(**own)["messages"] == own.get("messages", HI)
    assert not desk.ask(**own).checks


def test_the_header_overrides_both_ways(desk: Desk) -> None:
    assert desk.payload("none")["messages"] == HI
    forced = desk.payload("Stage", messages=[SYSTEM, *HI])["messages"]
    assert [message["role"] for message in forced] == ["system", "system", "user"]
    assert desk.ask("stage", messages=[SYSTEM, *HI]).checks
    assert not desk.ask("none").checks


def test_another_value_of_the_header_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidRequest, match="stage, none") as refusal:
        desk.ask("mine")
    assert refusal.value.param == "X-CFX-Prompt"


def test_sampling_defaults_speak_only_where_the_caller_is_silent(desk: Desk, models: Models) -> None:
    defaults = models.stages[StageName.CODE].sampling
    assert {name: desk.payload()[name] for name in defaults} == dict(defaults)
    assert desk.payload(temperature=None)["temperature"] == defaults["temperature"]
    assert desk.payload(temperature=0.7, max_tokens=5)["temperature"] == 0.7
    assert "max_tokens" not in desk.payload(max_completion_tokens=77)


def test_an_unlimited_caller_gets_the_stages_limit(desk: Desk, models: Models) -> None:
    sent = desk.payload(max_completion_tokens=-1)
    assert "max_completion_tokens" not in sent
    assert sent["max_tokens"] == models.stages[StageName.CODE].sampling["max_tokens"]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({}, {"max_tokens": 5000}),
        ({"max_tokens": 100}, {"max_tokens": 100}),
        ({"max_tokens": 10**9}, {"max_tokens": 5000}),
        ({"max_completion_tokens": 10**9}, {"max_completion_tokens": 5000}),
        ({"max_tokens": 7, "max_completion_tokens": 10**9}, {"max_tokens": 7, "max_completion_tokens": 5000}),
        ({"max_completion_tokens": -1}, {"max_tokens": 5000}),
    ],
)
def test_a_direct_call_is_clamped_whatever_it_calls_the_limit(
    desk: Desk, asked: dict[str, int], sent: dict[str, int]
) -> None:
    payload = desk.payload(model="gpt-4o-mini", **asked)
    assert {name: payload[name] for name in payload if name.startswith("max_")} == sent


def test_a_direct_call_gets_neither_prompt_nor_sampling_nor_check(desk: Desk) -> None:
    payload = desk.payload(model="gpt-4o-mini")
    assert payload["messages"] == HI
    assert "temperature" not in payload
    assert not desk.ask(model="gpt-4o-mini").checks


def test_usage_is_always_asked_of_a_stream_and_other_options_stay(desk: Desk) -> None:
    assert desk.payload(stream=True)["stream_options"] == {"include_usage": True}
    options = {"include_usage": False, "include_obfuscation": False}
    asked = desk.payload(stream=True, stream_options=options)["stream_options"]
    assert asked == {"include_usage": True, "include_obfuscation": False}
    assert "stream_options" not in desk.payload()


def test_everything_else_goes_up_as_it_came(desk: Desk) -> None:
    extra = {"seed": 7, "metadata": {"a": "b"}, "reasoning_effort": "low", "zzz": [1, {"ü": None}]}
    payload = desk.payload(**extra)
    assert {name: payload[name] for name in extra} == extra
