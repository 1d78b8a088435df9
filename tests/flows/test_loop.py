"""The whole loop, over HTTP on both sides."""

from __future__ import annotations

from typing import Any

from tests.flows.conftest import House
from tests.support.flows import BAD_DIFF, GOOD_DIFF, finding, loop, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events if event["type"] != "step.progressed"]


async def test_a_good_diff_ends_approved_with_the_whole_timeline(any_house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))

    flow = await any_house.run()

    assert (flow["status"], flow["reason"], flow["round"]) == ("approved", None, 1)
    events = await any_house.events(flow["id"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert types(events) == [
        "flow.queued",
        "flow.started",
        *["step.started", "step.completed"] * 3,
        "diff.checked",
        "step.started",
        "step.completed",
        "review.completed",
        "flow.completed",
    ]
