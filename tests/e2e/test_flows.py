"""The whole loop: plan → code → check → review, through the server, on real commits and on its own cases."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import Case, own_cases, shared_clean_cases, shared_data
from tests.support.flows import (
    BAD_DIFF,
    FILES,
    FILES_AFTER,
    GOOD_DIFF,
    PLAN_TEXT,
    Flows,
    finding,
    git_apply,
    loop,
    plan_text,
    says,
    verdict,
)
from tests.support.provider import CODE, PLAN, REVIEW, Provider
from tests.support.server import Server
from tests.support.shapes import error_of

SHARED = shared_clean_cases()
ABSENT = pytest.mark.skip(reason=f"no shared data in {shared_data()}: set CFX_TEST_DATA")


@pytest.fixture
def flows(server: Server) -> Flows:
    return Flows(server.client)


def assert_case_comes_true(flows: Flows, provider: Provider, case: Case, folder: Path) -> None:
    provider.script(*loop([says(case.llm_output)], plan=[says(plan_text(*case.changes))]))
    flow = flows.finish_with_a_person(flows.start(f"Do what {case.id} did", case.files_before))
    assert (flow["status"], flow["reason"]) == ("approved", None), flow
    assert git_apply(flows.diff(flow["id"]), case.files_before, folder) == case.files_after


@pytest.mark.parametrize("case", own_cases(), ids=lambda case: case.id)
def test_flow_on_a_case_of_ours_ends_in_its_files(
    flows: Flows, provider: Provider, case: Case, tmp_path: Path
) -> None:
    assert_case_comes_true(flows, provider, case, tmp_path / "applied")


@pytest.mark.parametrize(
    "case", SHARED or [pytest.param(None, marks=ABSENT)], ids=lambda case: case.id if case else "absent"
)
def test_flow_behind_litellm_on_a_real_commit_ends_in_its_files(
    litellm_server: Server, provider: Provider, case: Case, tmp_path: Path
) -> None:
    """Server → LiteLLM → provider, whose CODE reply is the commit's diff."""
    assert_case_comes_true(Flows(litellm_server.client), provider, case, tmp_path / "applied")


def test_flow_tells_its_story_in_events(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = flows.run()
    events = flows.events(flow["id"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert flows.types(flow["id"]) == [
        "flow.queued",
        "flow.started",
        *("step.started", "step.completed"),  # plan
        *("step.started", "step.completed"),  # code
        *("step.started", "step.completed", "diff.checked"),
        *("step.started", "step.completed", "review.completed"),
        "flow.completed",
    ]
    checked = next(event for event in events if event["type"] == "diff.checked")
    assert checked["data"]["status"] == "accepted"
    assert checked["data"]["files"] == [{"path": "greet.py", "added": 1, "removed": 1}]


def test_flow_counts_tokens_and_cost_by_stage(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF, usage={"prompt_tokens": 1000, "completion_tokens": 500})]))
    flow = flows.run()
    code = flow["stages"]["code"]
    assert (code["model"], code["calls"]) == ("deepseek-v3", 1)
    assert (code["input_tokens"], code["output_tokens"]) == (1000, 500)
    assert code["cost_usd"] == pytest.approx((1000 * 0.28 + 500 * 0.42) / 1e6)
    assert flow["cost_usd"] == pytest.approx(
        sum(stage["cost_usd"] for stage in flow["stages"].values()), abs=2e-6
    )
    assert flow["usage"]["total_tokens"] == flow["usage"]["input_tokens"] + flow["usage"]["output_tokens"]
    assert set(flow["stages"]) == {"plan", "code", "review"}


def test_plan_steps_and_list_can_be_read(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = flows.run()
    plan = flows.client.get(flow["links"]["plan"])
    assert plan.headers["content-type"].startswith("text/markdown")
    assert plan.text.strip() == PLAN_TEXT.strip()
    assert flows.client.get(f"/v1/flows/{flow['id']}/steps/2").json()["output"] == GOOD_DIFF
    listed = flows.client.get("/v1/flows", params={"limit": 1}).json()
    assert listed["data"][0]["id"] == flow["id"]
    assert listed["next_cursor"]
    rest = flows.client.get("/v1/flows", params={"cursor": listed["next_cursor"], "limit": 1}).json()
    assert rest["data"][0]["id"] != flow["id"]


def test_coder_sees_plan_and_files_and_reviewer_sees_the_diff(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flows.run()
    coder, reviewer = (json.dumps(provider.calls(model)[0]["body"]) for model in (CODE, REVIEW))
    assert "Scripted reply, no model is behind it." in coder
    assert "Hello" in coder
    assert "Hello {name}!" in reviewer


def test_refused_diff_goes_back_with_the_reason_then_a_right_one_is_approved(
    flows: Flows, provider: Provider, tmp_path: Path
) -> None:
    provider.script(*loop([says(BAD_DIFF), says(GOOD_DIFF)]))
    flow = flows.run()
    assert flow["status"] == "approved"
    assert flow["round"] == 1, "a refused diff spends no review round"
    checks = [event["data"] for event in flows.events(flow["id"]) if event["type"] == "diff.checked"]
    assert [check["status"] for check in checks] == ["refused", "accepted"]
    assert checks[0]["code"] == "removed_line_mismatch"
    second = json.dumps(provider.calls(CODE)[1]["body"]["messages"])
    assert "Hello" in second
    assert "Goodbye" in second, "the coder sees the line that it got wrong"
    assert len(provider.calls(REVIEW)) == 1, "a refused diff is never reviewed"
    assert git_apply(flows.diff(flow["id"]), FILES, tmp_path / "applied") == FILES_AFTER


def test_prose_instead_of_a_diff_goes_back_too(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says("I would rather talk about it."), says(GOOD_DIFF)]))
    flow = flows.run()
    assert flow["status"] == "approved"
    codes = [e["data"]["code"] for e in flows.events(flow["id"]) if e["type"] == "diff.checked"]
    assert codes[0] == "no_diff"


def test_review_that_says_revise_goes_back_with_its_findings(flows: Flows, provider: Provider) -> None:
    remark = finding("Say it louder")
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise", remark), verdict("approve")]))
    flow = flows.run()
    assert (flow["status"], flow["round"]) == ("approved", 2)
    assert "Say it louder" in json.dumps(provider.calls(CODE)[1]["body"]["messages"])
    verdicts = [e["data"]["verdict"] for e in flows.events(flow["id"]) if e["type"] == "review.completed"]
    assert verdicts == ["revise", "approve"]
    assert len(provider.calls(PLAN)) == 1


@pytest.mark.parametrize("rounds", [1, 3])
def test_review_that_never_approves_ends_at_the_round_limit(
    flows: Flows, provider: Provider, rounds: int
) -> None:
    review = [verdict("revise", finding("No.")), verdict("revise", finding("No!", line=1)), verdict("revise")]
    provider.script(*loop([says(GOOD_DIFF)], review))
    flow = flows.run(max_rounds=rounds)
    assert (flow["status"], flow["reason"], flow["round"]) == ("rejected", "max_rounds", rounds)
    assert len(provider.calls(REVIEW)) == rounds


def test_coder_that_never_learns_ends_at_the_round_limit_unreviewed(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(BAD_DIFF)]))
    flow = flows.run(max_rounds=2)
    assert (flow["status"], flow["reason"]) == ("rejected", "max_rounds")
    assert provider.calls(REVIEW) == []
    assert len(provider.calls(CODE)) == 6, "two rounds, each with two fixes"
    error_of(flows.client.get(f"/v1/flows/{flow['id']}/diff"), 404)


def test_review_that_rejects_ends_the_flow(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("reject", finding("It must not be done."))]))
    flow = flows.run()
    assert (flow["status"], flow["reason"]) == ("rejected", "review")


def test_review_in_a_fence_with_prose_is_read(flows: Flows, provider: Provider) -> None:
    text = verdict("approve")["content"]
    provider.script(*loop([says(GOOD_DIFF)], [says(f"Sure! My review:\n```json\n{text}\n```\nBye.")]))
    assert flows.run()["status"] == "approved"


@pytest.mark.parametrize(
    "rubbish",
    ["Looks good to me, approve!", "", '{"verdict": "maybe"}', '{"verdict": ["approve"]}', "approve"],
)
def test_unreadable_review_is_never_an_approval(flows: Flows, provider: Provider, rubbish: str) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [says(rubbish)]))
    flow = flows.run()
    assert (flow["status"], flow["reason"]) == ("failed", "review_unreadable")
    assert flow["stages"]["review"]["calls"] == len(provider.calls(REVIEW)) == 2


def test_unreadable_review_is_asked_for_once_more(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [says("Looks fine."), verdict("approve")]))
    assert flows.run()["status"] == "approved"


def test_running_flow_is_cancelled_and_its_model_call_with_it(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF, delay_s=60)]))
    flow_id = flows.start()
    provider.wait_for_calls(1, CODE)
    assert flows.cancel(flow_id).status_code == 200
    flow = flows.finish(flow_id)
    assert (flow["status"], flow["reason"]) == ("cancelled", "user")
    provider.wait_for_disconnect()
    assert flows.types(flow_id)[-1] == "flow.completed"


def test_ended_flow_cannot_be_cancelled(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = flows.run()
    error_of(flows.cancel(flow["id"]), 409, "conflict")
    assert flows.get(flow["id"])["status"] == "approved"


def test_event_stream_replays_and_follows_until_the_end(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF, first_byte_delay_s=0.5)]))
    flow_id = flows.start()
    streamed = list(flows.stream(flow_id))
    assert [event["event"] for event in streamed][:2] == ["flow.queued", "flow.started"]
    assert streamed[-1]["event"] == "flow.completed"
    assert streamed[-1]["data"]["data"]["status"] == "approved"
    assert [event["data"] for event in streamed] == flows.events(flow_id)


def test_event_stream_resumes_after_the_last_event_id(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = flows.run()["id"]
    whole = list(flows.stream(flow_id))
    for seen in (1, len(whole) // 2, len(whole) - 1):
        assert list(flows.stream(flow_id, whole[seen - 1]["id"])) == whole[seen:]
    assert list(flows.stream(flow_id, whole[-1]["id"])) == []


def test_many_readers_see_the_same_story(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF, chunk_delay_s=0.02)]))
    flow_id = flows.start()
    stories: list[list[dict[str, Any]]] = []
    threads = [threading.Thread(target=lambda: stories.append(list(flows.stream(flow_id)))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert stories == [stories[0]] * 5


def test_flow_on_an_uploaded_snapshot(flows: Flows, provider: Provider, tmp_path: Path) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    headers = {"Content-Type": "application/gzip"}
    answer = flows.client.post("/v1/snapshots", content=archive.getvalue(), headers=headers)
    assert answer.status_code == 201, answer.text
    snapshot = answer.json()
    assert snapshot["file_count"] == 2
    flow = flows.run(workspace={"snapshot_id": snapshot["id"]})
    assert (flow["status"], flow["snapshot_id"]) == ("approved", snapshot["id"])
    assert git_apply(flows.diff(flow["id"]), FILES, tmp_path / "applied") == FILES_AFTER


def test_flows_beyond_the_running_cap_wait_their_turn(flows: Flows, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF, first_byte_delay_s=0.3)]))
    ids = [flows.start() for _ in range(8)]
    assert {flows.finish(flow_id)["status"] for flow_id in ids} == {"approved"}
