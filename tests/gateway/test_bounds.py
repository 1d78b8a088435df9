"""A key that is bound to some stages and models calls nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.conftest import Gateway
from tests.support.provider import Provider
from tests.support.shapes import error_of

TO_CODE = {"messages": [{"role": "user", "content": "Fix the parser"}]}


@pytest.mark.parametrize(
    ("bounds", "ask", "said"),
    [
        ({"stages": ["review"]}, {"model": "cfx-plan"}, "may not call the stage plan"),
        ({"stages": ["review", "plan"]}, TO_CODE, "It may call: plan, review"),
        ({"stages": ["plan"]}, {"model": "gpt-4o-mini"}, "may not call the stage direct"),
        ({"models": ["deepseek-v3"]}, {"model": "gpt-4o-mini"}, "It may call: deepseek-v3"),
        ({"models": ["gone"]}, {"model": "gpt-4o-mini", "stream": True}, "It may call: gone"),
    ],
    ids=str,
)
async def test_what_lies_outside_is_forbidden_and_costs_nothing(
    gateway: Gateway, provider: Provider, bounds: dict[str, Any], ask: dict[str, Any], said: str
) -> None:
    wish = {name: frozenset(values) for name, values in bounds.items()}
    key = (await gateway.services.accounts.create_key("alice", **wish)).key
    answer = await gateway.chat({"authorization": f"Bearer {key}"}, **ask)
    assert said in error_of(answer, 403, "permission_denied")["message"]
    assert answer.headers["x-ratelimit-remaining"] == "1000"
    assert provider.calls() == []


@pytest.mark.parametrize(
    "ask", [{"model": "cfx-review"}, {"model": "gpt-4o-mini"}, {"model": "cfx-plan"}], ids=str
)
async def test_what_lies_inside_is_answered(gateway: Gateway, ask: dict[str, Any]) -> None:
    bounds = {"stages": frozenset({"plan", "review", "direct"}), "models": frozenset({"gpt-4o-mini"})}
    key = (await gateway.services.accounts.create_key("alice", **bounds)).key
    assert (await gateway.chat({"authorization": f"Bearer {key}"}, **ask)).status_code == 200


async def test_flow_on_chat_needs_all_three_stages(gateway: Gateway) -> None:
    key = (await gateway.services.accounts.create_key("alice", stages=frozenset({"plan", "code"}))).key
    answer = await gateway.chat({"authorization": f"Bearer {key}"}, model="cfx-flow")
    assert "may not run flows" in error_of(answer, 403, "permission_denied")["message"]
