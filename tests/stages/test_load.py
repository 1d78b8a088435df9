"""models.yaml: what is written is what is read, and what is shipped is what is recommended."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from cfx_flow.errors import ConfigError
from cfx_flow.prompts import load_prompts
from cfx_flow.settings import HOUSE, Settings
from cfx_flow.stages.check import load_config
from cfx_flow.stages.load import load_models, require_upstreams
from cfx_flow.stages.model import Models, StageName
from tests.stages.small import SMALL


def test_small_file_is_read_as_written(load: Callable[..., Models]) -> None:
    models = load(SMALL, HERE_URL="https://models.example/api/v1/", HERE_KEY="secret")
    plan, code = models.stages[StageName.PLAN], models.stages[StageName.CODE]
    assert [target.model for target in code.targets] == ["vendor/small-7b", "big"]
    assert plan.targets[0].price.input == Decimal("0.27")
    assert code.targets[0].price.cost_usd(10_000, 10_000) == 0
    assert plan.targets[0].upstream.base_url == "https://models.example/api/v1"
    assert plan.targets[0].upstream.api_key is not None
    assert "secret" not in repr(models)
    assert plan.sampling == {"temperature": 1.0, "max_tokens": 100}
    assert code.prompt is None
    assert models.modes == {"architect": StageName.PLAN}
    assert models.direct.targets["small"] is code.targets[0]
    assert models.unset == ()


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("http://litellm:4000", "http://litellm:4000/v1"),
        ("http://litellm:4000/", "http://litellm:4000/v1"),
        (" http://litellm:4000/v1 ", "http://litellm:4000/v1"),
        ("https://openrouter.example/api/v1/", "https://openrouter.example/api/v1"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("http://[::1]:4000", "http://[::1]:4000/v1"),
    ],
)
def test_bare_host_gets_v1_and_other_paths_stay(load: Callable[..., Models], url: str, base_url: str) -> None:
    models = load(SMALL, HERE_URL=url)
    assert models.upstreams["here"].base_url == base_url


@pytest.mark.parametrize(
    "url",
    [
        "litellm:4000",
        "ftp://host",
        "http://",
        "http://host:99999",
        "http://u:p@host",
        "http://h?a=b",
        "http://[::1",
        "http://ho st",
        "http://host/v1\n2",
    ],
)
def test_unusable_address_names_its_variable_and_not_its_value(load: Callable[..., Models], url: str) -> None:
    with pytest.raises(ConfigError, match="HERE_URL holds no usable address") as caught:
        load(SMALL, HERE_URL=url)
    assert caught.value.line == 3
    assert repr(url) not in str(caught.value)


def test_line_end_that_came_along_with_the_upstream_s_key_is_no_part_of_it(
    load: Callable[..., Models],
) -> None:
    """As a header it would break every call, and flows would say that the upstream sends rubbish."""
    key = load(SMALL, HERE_KEY=" sk-secret\r\n").upstreams["here"].api_key
    assert key is not None
    assert key.get_secret_value() == "sk-secret"


@pytest.mark.parametrize("key", ["sk-1\nsk-2", "sk-é", "sk-\x00"])
def test_key_that_is_none_names_its_variable_and_not_its_value(load: Callable[..., Models], key: str) -> None:
    with pytest.raises(ConfigError, match="HERE_KEY holds characters that no key has") as caught:
        load(SMALL, HERE_KEY=key)
    assert "sk-" not in str(caught.value)


def test_unset_address_is_no_error_until_models_are_called(load: Callable[..., Models]) -> None:
    models = load(SMALL, HERE_URL="")
    assert models.unset == ("HERE_URL",)
    with pytest.raises(ConfigError, match="HERE_URL: is not set"):
        require_upstreams(models)


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_models(tmp_path / "absent.yaml", {})


def test_file_that_is_not_utf8_is_named(load: Callable[..., Models]) -> None:
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(b"\xff\xfe\x00")


def test_byte_order_mark_is_no_fault(load: Callable[..., Models]) -> None:
    assert load("\ufeff" + SMALL).unset == ("HERE_URL",)


def test_shipped_models_are_the_recommended_ones(models: Models) -> None:
    first = {name.value: stage.targets[0].model for name, stage in models.stages.items()}
    assert first == {"plan": "claude-sonnet-4-5", "code": "deepseek-v3", "review": "gpt-4o-mini"}
    assert all(len(stage.targets) > 1 for stage in models.stages.values())


def test_shipped_prompts_exist_and_take_no_variables(models: Models) -> None:
    prompts = load_prompts(HOUSE / "prompts")
    for stage in models.stages.values():
        assert stage.prompt is not None
        assert len(prompts.text(stage.prompt)) > 500


def test_prompt_that_is_absent_is_told_with_the_stage(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(SMALL.replace("prompt: plan.md", "prompt: absent.md"))
    with pytest.raises(ConfigError, match=r"stages\.plan\.prompt: there is no 'absent\.md'"):
        load_config(Settings.load({"CFX_MODELS_FILE": str(file)}), {})


def test_litellm_serves_exactly_the_models_of_models_yaml(models: Models) -> None:
    shipped = yaml.safe_load((HOUSE / "config" / "litellm.yaml").read_text("utf-8"))
    served = {entry["model_name"] for entry in shipped["model_list"]}
    asked = {target.model for stage in models.stages.values() for target in stage.targets}
    assert served == asked | {target.model for target in models.direct.targets.values()}


def test_litellm_neither_retries_nor_falls_back_nor_holds_a_secret() -> None:
    text = (HOUSE / "config" / "litellm.yaml").read_text("utf-8")
    shipped = yaml.safe_load(text)
    assert shipped["litellm_settings"]["num_retries"] == 0
    assert shipped["router_settings"]["num_retries"] == 0
    assert shipped["general_settings"]["cancel_on_disconnect"] is True
    assert not any(
        "fallbacks" in key for section in shipped.values() if isinstance(section, dict) for key in section
    )
    keys = [entry["litellm_params"]["api_key"] for entry in shipped["model_list"]]
    assert all(key.startswith("os.environ/") for key in [*keys, shipped["general_settings"]["master_key"]])
