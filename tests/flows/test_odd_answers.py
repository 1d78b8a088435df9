"""A model that refuses, is cut off, or writes a megabyte: each ends clearly, and never in an approval."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.flows.conftest import House
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, loop, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider

pytestmark = pytest.mark.e2e

MEGABYTE = "x" * 1_000_000


def refuses(words: str) -> dict[str, Any]:
    """As OpenAI streams a refusal: beside the content, which stays empty."""
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choice = {"index": 0, "delta": {"role": "assistant", "refusal": words}, "finish_reason": "stop"}
    body = json.dumps(frame | {"choices": [choice]})
    return {"raw": f"data: {body}\n\ndata: [DONE]\n\n", "content_type": "text/event-stream"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refuses("I cannot help with that."), "is a refusal"),
        (says(PLAN_TEXT, finish_reason="content_filter"), "content filter"),
        (says(PLAN_TEXT, finish_reason="length"), "breaks off"),
        (says("x" * 100_000), "is longer than"),
        (says(""), "is empty"),
    ],
    ids=["refusal", "content filter", "cut off", "far too long", "empty"],
)
async def test_an_answer_that_is_no_plan_is_asked_for_once_more_then_the_flow_says_why(
    house: House, provider: Provider, answer: dict[str, Any], said: str
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[answer]))
    flow = await house.run()
    assert (flow["status"], flow["reason"]) == ("failed", "plan_unreadable")
    assert said in flow["message"]
    assert len(provider.calls(PLAN)) == 2
    assert len(str(provider.calls(PLAN)[1]["body"])) < 50_000
    assert said in str(provider.calls(PLAN)[1]["body"])

    provider.script(*loop([says(GOOD_DIFF)], plan=[answer, says(PLAN_TEXT)]))
    assert (await house.run())["status"] == "approved"


async def test_a_coder_that_refuses_is_asked_again(house: House, provider: Provider) -> None:
    provider.script(*loop([refuses("No."), says(GOOD_DIFF, finish_reason="content_filter"), says(GOOD_DIFF)]))
    flow = await house.run()
    codes = [e["data"]["code"] for e in await house.events(flow["id"]) if e["type"] == "diff.checked"]
    assert (flow["status"], codes) == ("approved", ["no_diff", "truncated", None])


async def test_a_diff_that_the_reviewer_cannot_read_whole_goes_back(house: House, provider: Provider) -> None:
    long = "".join(f"+line {n} {'x' * 80}\n" for n in range(10_000))
    huge = f"{GOOD_DIFF}--- /dev/null\n+++ b/big.txt\n@@ -0,0 +1,10000 @@\n{long}"
    provider.script(*loop([says(huge), says(GOOD_DIFF)]))
    flow = await house.run()
    checked = [e["data"] for e in await house.events(flow["id"]) if e["type"] == "diff.checked"]
    assert (flow["status"], checked[0]["code"]) == ("approved", "oversize")
    assert len(str(provider.calls(CODE)[1]["body"])) < 200_000  # it need not read all of it again


@pytest.mark.parametrize("answer", [refuses("No."), says(MEGABYTE), says('{"verdict": 7}'), says("")])
async def test_an_answer_that_is_no_review_is_asked_for_once_more_then_the_flow_fails(
    house: House, provider: Provider, answer: dict[str, Any]
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [answer]))
    flow = await house.run()
    assert (flow["status"], flow["reason"]) == ("failed", "review_unreadable")
    assert len(str(provider.calls(REVIEW)[1]["body"])) < 100_000

    provider.script(*loop([says(GOOD_DIFF)], [answer, verdict("approve")]))
    assert (await house.run())["status"] == "approved"
