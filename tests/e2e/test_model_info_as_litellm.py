"""``/v1/model/info`` beside the real LiteLLM's: the same shape, and what LiteLLM knows of the same models."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.litellm import LiteLlm
from tests.support.server import Server

PATH = "/v1/model/info"
READ_BY_EDITORS = {
    "max_tokens",
    "max_input_tokens",
    "max_output_tokens",
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "supports_vision",
    "supports_prompt_caching",
    "supports_function_calling",
}
"""**Source**: Roo Code, ``src/api/providers/fetchers/litellm.ts``."""


def infos(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    body = answer.json()
    assert set(body) == {"data"}
    for model in body["data"]:
        assert {"model_name", "litellm_params", "model_info"} <= set(model)
        assert isinstance(model["litellm_params"]["model"], str)
    return {model["model_name"]: model["model_info"] for model in body["data"]}


def test_litellm_answers_in_the_same_shape(litellm: LiteLlm, litellm_server: Server) -> None:
    key = {"Authorization": f"Bearer {litellm.key}"}
    theirs = infos(httpx.get(litellm.url + PATH, headers=key, trust_env=False))
    ours = infos(litellm_server.client.get(PATH))
    assert set(theirs) <= set(ours), "we name every model that LiteLLM serves, and our stages"
    assert all(set(info) >= READ_BY_EDITORS for info in ours.values())
    known = theirs["gpt-4.1"]
    strange = set(ours["gpt-4.1"]) - set(known)
    assert strange == set()
    for name, value in ours["gpt-4.1"].items():
        assert isinstance(value, type(known[name])) or name.endswith("_token"), name


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o-mini"])
def test_litellm_knows_the_same_windows_and_prices(
    litellm: LiteLlm, litellm_server: Server, model: str
) -> None:
    key = {"Authorization": f"Bearer {litellm.key}"}
    theirs = infos(httpx.get(litellm.url + PATH, headers=key, trust_env=False))[model]
    ours = infos(litellm_server.client.get(PATH))[model]
    for name in READ_BY_EDITORS - {"max_tokens", "supports_prompt_caching"}:
        assert ours[name] == pytest.approx(theirs[name]), name
