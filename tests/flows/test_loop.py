"""The whole loop, over HTTP on both sides."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from sqlalchemy import select

from cfx_flow.store.tables import request_logs
from tests.flows.conftest import House, OpenHouse
from tests.support.flows import BAD_DIFF, GOOD_DIFF, PLAN_TEXT, finding, loop, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events if event["type"] != "step.progressed"]


@pytest.mark.quick
async def test_a_good_diff_ends_approved_with_the_whole_timeline(
    any_house: House, provider: Provider
) -> None:
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
    assert provider.calls(PLAN)
    assert len(provider.calls()) == 3


async def test_diff_plan_and_steps_can_be_read(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await house.run()
    base = f"/v1/flows/{flow['id']}"

    diff = await house.client.get(f"{base}/diff")
    plan = await house.client.get(f"{base}/plan")

    assert diff.headers["content-type"].startswith("text/x-diff")
    assert '+    return f"Hello {name}!"' in diff.text
    assert plan.headers["content-type"].startswith("text/markdown")
    assert "# Plan" in plan.text
    steps = [await house.step(flow["id"], n) for n in range(1, 5)]
    assert [step["node"] for step in steps] == ["plan", "code", "check", "review"]
    assert {step["status"] for step in steps} == {"completed"}
    assert [message["role"] for message in steps[1]["input"]["messages"]] == ["system", "user"]
    assert steps[1]["output"] == GOOD_DIFF
    assert (await house.client.get(f"{base}/steps/5")).status_code == 404


@pytest.mark.quick
async def test_a_refused_diff_goes_back_to_code_with_the_reason(house: House, provider: Provider) -> None:
    provider.script(*loop([says(BAD_DIFF), says(GOOD_DIFF)]))

    flow = await house.run()

    assert (flow["status"], flow["round"]) == ("approved", 1)
    checks = [e["data"] for e in await house.events(flow["id"]) if e["type"] == "diff.checked"]
    assert [check["status"] for check in checks] == ["refused", "accepted"]
    assert checks[0]["code"] == checks[0]["problems"][0]["code"] == "removed_line_mismatch"
    assert checks[1]["files"] == [{"path": "greet.py", "added": 1, "removed": 1}]
    told = asked(provider, CODE)[1]
    assert "could not be placed" in told
    assert 'return "Goodbye " + name' in told
    assert len(provider.calls(REVIEW)) == 1


@pytest.mark.quick
@pytest.mark.parametrize(
    ("wrong", "code"),
    {
        BAD_DIFF: "removed_line_mismatch",
        GOOD_DIFF.replace(" def greet(name):", " def greets(nobody):"): "context_not_found",
        GOOD_DIFF.replace("+++ b/greet.py", "+++ b/lib/greeter.py"): "paths_disagree",
        f"```diff\n{GOOD_DIFF}".rstrip("\n")[:-12]: "truncated",
        GOOD_DIFF.replace('f"Hello {name}!"', '"Hello " + name'): "no_change",
    }.items(),
)
async def test_a_model_that_only_copies_what_it_is_told_converges(
    house: House, provider: Provider, wrong: str, code: str
) -> None:
    """The first flow shows what CODE is told; in the second it answers with the lines out of that."""
    provider.script(*loop([says(wrong), says(GOOD_DIFF)]))
    first = await house.run()
    told = asked(provider, CODE)[1]

    provider.reset()
    provider.script(*loop([says(wrong), says(copied(told))]))
    second = await house.run()

    assert [flow["status"] for flow in (first, second)] == ["approved", "approved"]
    checks = [e["data"] for e in await house.events(second["id"]) if e["type"] == "diff.checked"]
    assert [check["code"] for check in checks] == [code, None]
    assert checks[1]["files"] == [{"path": "greet.py", "added": 1, "removed": 1}]


def copied(told: str) -> str:
    """A diff of the true lines in the text, with the one that it wants to change exchanged."""
    found = re.search(r"True lines of (\S+) from line (\d+) on.*\n((?: *\d+\|.*\n?)+)", told)
    assert found
    lines = [line.split("|", 1)[1] for line in found[3].strip("\n").split("\n")]
    at = next(n for n, line in enumerate(lines) if "return" in line)
    body = [f" {line}" for line in lines]
    body[at : at + 1] = [f"-{lines[at]}", '+    return f"Hello {name}!"']
    names = f"--- a/{found[1]}\n+++ b/{found[1]}\n"
    return f"{names}@@ -{found[2]},{len(lines)} +{found[2]},{len(lines)} @@\n" + "\n".join(body) + "\n"


@pytest.mark.e2e
async def test_a_round_is_spent_after_two_fixes_and_review_never_sees_a_refused_diff(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(BAD_DIFF)]))

    flow = await house.run(max_rounds=2)

    assert (flow["status"], flow["reason"]) == ("rejected", "max_rounds")
    assert "removed_line_mismatch" in flow["message"]
    assert len(provider.calls(CODE)) == 6  # 2 rounds of one attempt and two fixes
    assert provider.calls(REVIEW) == []
    assert (await house.client.get(f"/v1/flows/{flow['id']}/diff")).status_code == 404


@pytest.mark.quick
async def test_a_revise_verdict_goes_back_to_code_with_the_findings(house: House, provider: Provider) -> None:
    review = [verdict("revise", finding("mind the empty name")), verdict("approve")]
    provider.script(*loop([says(GOOD_DIFF)], review))

    flow = await house.run()

    assert (flow["status"], flow["round"]) == ("approved", 2)
    told = asked(provider, CODE)[1]
    assert "mind the empty name" in told
    assert "greet.py:2" in told
    assert GOOD_DIFF.strip() in told


async def test_what_the_reviewer_asked_for_still_stands_when_the_next_diff_is_refused(
    house: House, provider: Provider
) -> None:
    """The last answer may hold nothing of it."""
    review = [verdict("revise", finding("mind the empty name")), verdict("approve")]
    provider.script(*loop([says(GOOD_DIFF), says("I am sorry."), says(GOOD_DIFF)], review))

    flow = await house.run()

    assert (flow["status"], flow["round"]) == ("approved", 2)
    first, revised, refused = asked(provider, CODE)
    assert "still stands" not in f"{first}{revised}"
    assert refused.index("no_diff") < refused.index("still stands") < refused.index("mind the empty name")


@pytest.mark.e2e
async def test_a_reviewer_who_never_approves_ends_in_max_rounds(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise", finding("still wrong"))]))

    flow = await house.run(max_rounds=2)

    assert (flow["status"], flow["reason"]) == ("rejected", "max_rounds")
    assert "still asks for changes" in flow["message"]
    assert len(provider.calls(REVIEW)) == 2


async def test_a_reject_verdict_ends_the_flow_at_once(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("reject", finding("steals secrets"))]))

    flow = await house.run()

    assert (flow["status"], flow["reason"]) == ("rejected", "review")
    assert len(provider.calls()) == 3


async def test_an_unreadable_review_is_asked_for_once_more_with_the_exact_error(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [says("Looks good to me!"), verdict("approve")]))

    flow = await house.run()

    assert flow["status"] == "approved"
    assert flow["stages"]["review"]["calls"] == 2
    again = provider.calls(REVIEW)[1]["body"]["messages"]
    assert again[-2]["content"] == "Looks good to me!"
    assert 'no complete JSON object with a "verdict"' in again[-1]["content"]


async def test_two_unreadable_reviews_are_a_named_failure_and_never_an_approval(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [says("approve approve approve")]))

    flow = await house.run()

    assert (flow["status"], flow["reason"]) == ("failed", "review_unreadable")
    assert len(provider.calls(REVIEW)) == 2
    assert (await house.step(flow["id"], 4))["status"] == "failed"


@pytest.mark.e2e
async def test_an_empty_plan_is_asked_for_once_more(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says("  \n"), says(PLAN_TEXT)]))
    assert (await house.run())["status"] == "approved"

    provider.script(*loop([says(GOOD_DIFF)], plan=[says("")]))
    flow = await house.run()

    assert (flow["status"], flow["reason"]) == ("failed", "plan_unreadable")
    assert flow["stages"]["plan"]["calls"] == 2


async def test_tokens_and_cost_are_summed_per_stage_and_logged_per_call(
    house: House, provider: Provider
) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    provider.script(
        *loop(
            [says(GOOD_DIFF, usage=usage | {"cost": 0.25})],
            [verdict("approve", usage=usage)],
            [says(PLAN_TEXT, usage=usage | {"prompt_tokens_details": {"cached_tokens": 1000}})],
        )
    )

    flow = await house.run()

    stages = flow["stages"]
    assert stages["code"]["cost_usd"] == 0.25  # the upstream's own figure
    assert stages["review"]["cost_usd"] == (1000 * 0.15 + 100 * 0.60) / 1e6
    assert stages["plan"]["cost_usd"] == (1000 * 0.30 + 100 * 15) / 1e6  # all input from the cache
    assert {name: stage["cached_tokens"] for name, stage in stages.items()} == {
        "plan": 1000, "code": 0, "review": 0,
    }  # fmt: skip
    assert flow["cost_usd"] == round(sum(stage["cost_usd"] for stage in stages.values()), 6)
    assert flow["usage"] == {"input_tokens": 3000, "output_tokens": 300, "total_tokens": 3300}
    rows = await logged(house, flow["id"], 3)
    assert [(row.stage, row.status, row.input_tokens) for row in rows] == [
        ("plan", "success", 1000),
        ("code", "success", 1000),
        ("review", "success", 1000),
    ]


async def test_a_call_that_breaks_off_is_logged_with_what_it_used(house: House, provider: Provider) -> None:
    provider.reply(says("never ends " * 40, drop_after_chunks=2, chunk_chars=200))
    flow = await house.run()
    assert (flow["status"], flow["reason"]) == ("failed", "upstream")
    (row,) = await logged(house, flow["id"], 1)
    assert (row.status, row.model, row.estimated) == ("error", "gpt-4.1", True)  # the target asked last
    assert row.input_tokens > row.output_tokens > 0
    assert row.cost_usd > 0


@pytest.mark.e2e
async def test_only_models_that_obey_a_schema_are_sent_one(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    await house.run(stages={"review": {"model": "deepseek-v3"}, "code": {"model": "gpt-4.1-nano"}})
    await house.run()

    formats = [(c["body"]["model"], "response_format" in c["body"]) for c in provider.calls()]
    assert ("deepseek-v3", False) in formats
    assert ("gpt-4o-mini", True) in formats
    assert not any(sent for model, sent in formats if model not in ("gpt-4o-mini",))
    assert all(call["body"]["stream_options"] == {"include_usage": True} for call in provider.calls())


async def test_a_developers_environment_changes_nothing(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """langchain-openai and langsmith read these by themselves."""
    for name in ("OPENAI_PROXY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "LANGSMITH_ENDPOINT", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_GATEWAY"):
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-developers-own")
    provider.script(*loop([says(GOOD_DIFF)]))

    async with open_house(sqlite_url, CFX_LITELLM_KEY="key-of-the-proxy") as house:
        flow = await house.run()

    assert flow["status"] == "approved"
    assert {call["headers"]["authorization"] for call in provider.calls()} == {"Bearer key-of-the-proxy"}


async def test_text_that_no_database_takes_is_stored_all_the_same(
    any_house: House, provider: Provider
) -> None:
    code = [says(GOOD_DIFF + "\0"), says(GOOD_DIFF)]
    review = [verdict("revise", finding("NUL \0 here")), verdict("approve")]
    provider.script(*loop(code, review, [raw_frames("# Plan with a lone surrogate \ud800 and \0")]))

    flow = await any_house.run()

    assert flow["status"] == "approved"
    events = await any_house.events(flow["id"])
    codes = [event["data"]["code"] for event in events if event["type"] == "diff.checked"]
    assert codes == ["not_text", None, None]
    plan = await any_house.client.get(f"/v1/flows/{flow['id']}/plan")
    assert plan.text == "# Plan with a lone surrogate \ufffd and \u2400"


def raw_frames(text: str) -> dict[str, Any]:
    """A streamed reply, byte for byte as a sloppy server would send it."""
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = json.dumps(chunk | {"choices": [choice]})
    return {"raw": f"data: {body}\n\ndata: [DONE]\n\n", "content_type": "text/event-stream"}


def asked(provider: Provider, model: str) -> list[str]:
    """The user turn of each call."""
    return [call["body"]["messages"][1]["content"] for call in provider.calls(model)]


async def logged(house: House, flow_id: str, count: int) -> list[Any]:
    query = select(request_logs).where(request_logs.c.flow_id == flow_id).order_by(request_logs.c.created_at)
    async with asyncio.timeout(30):
        while True:
            async with house.services.store.read() as connection:
                rows = list(await connection.execute(query))
            if len(rows) >= count:
                return rows
            await asyncio.sleep(0.02)
