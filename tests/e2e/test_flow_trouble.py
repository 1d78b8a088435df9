"""A flow whose provider is down, slow, torn or talks rubbish: it ends failed, says why, and can be read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.flows import GOOD_DIFF, Flows, loop, says
from tests.support.provider import CODE, Provider
from tests.support.server import Server
from tests.support.shapes import HTML, assert_clean, error_of

TROUBLES: dict[str, dict[str, Any]] = {
    "failing": {"status": 503},
    "torn": {"content": "Half a sentence", "chunk_chars": 4, "drop_after_chunks": 3},
    "HTML": {"raw": HTML},
    "silent": {"content": "too late", "delay_s": 30},
    "endless": {"content": "too late", "chunk_delay_s": 30},
    "refusing us": {"status": 401},
    "without an end": {"content": "Half", "finish_reason": None, "done": False},
}


@pytest.mark.parametrize("reply", TROUBLES.values(), ids=TROUBLES)
def test_flow_fails_with_a_reason_and_can_be_read(
    straight: Server, provider: Provider, reply: dict[str, Any]
) -> None:
    provider.script(*loop([])[:1], {"replies": [reply]})
    flows = Flows(straight.client)
    flow = flows.run()
    assert_failed_readably(flows, flow)
    assert straight.client.get(f"/v1/flows/{flow['id']}/plan").text.startswith("# Plan")


@pytest.mark.parametrize("name", ["failing", "torn", "silent"])
def test_flow_behind_litellm_fails_with_a_reason(
    behind_litellm: Server, provider: Provider, name: str
) -> None:
    provider.script(*loop([])[:1], {"replies": [TROUBLES[name]]})
    flows = Flows(behind_litellm.client)
    assert_failed_readably(flows, flows.run())


def test_flow_fails_when_nobody_listens(straight: Server, provider: Provider) -> None:
    flows = Flows(straight.client)
    with provider.down():
        assert_failed_readably(flows, flows.run())


def assert_failed_readably(flows: Flows, flow: dict[str, Any]) -> None:
    assert (flow["status"], flow["reason"]) == ("failed", "upstream")
    assert len(flow["message"]) > 10
    assert_clean(flow["message"])
    last = flows.events(flow["id"])[-1]
    assert (last["type"], last["data"]["reason"]) == ("flow.completed", "upstream")
    error_of(flows.client.get(f"/v1/flows/{flow['id']}/diff"), 404)


def test_flow_goes_on_with_the_next_target(straight: Server, provider: Provider) -> None:
    rules: list[dict[str, Any]] = loop([{"status": 503}])
    provider.script(*rules, {"model": "gpt-4.1-mini", "replies": [says(GOOD_DIFF)]})
    flows = Flows(straight.client)
    flow = flows.run()
    assert flow["status"] == "approved"
    assert flow["stages"]["code"]["model"] == "gpt-4.1-mini"
    assert len(provider.calls(CODE)) == 2
