from __future__ import annotations

from cli.timeline import Timeline
from tests.cli.recorded import FAILED, PASSED, SKIPPED, Recorder, flow_with_tests, mended_flow, spent


def shown(record: Recorder) -> tuple[Timeline, list[tuple[str, int]]]:
    timeline = Timeline()
    rows = [row for event in record.events for row in timeline.add(event)]
    return timeline, [(row.stage, row.round) for row in rows]


def test_every_step_becomes_final_once_and_in_order() -> None:
    timeline, rows = shown(mended_flow())
    assert rows == [("plan", 0), ("code", 1), ("check", 1), ("code", 1), ("check", 1), ("review", 1)]
    assert timeline.status == "approved"
    assert timeline.rounds == 1


def test_sums_count_each_call_once() -> None:
    timeline, _ = shown(mended_flow())
    assert timeline.calls == 4
    assert timeline.tokens == 812 + 240 + 1310 + 410 + 1810 + 410 + 2000 + 90
    assert abs(timeline.cost_usd - 0.00755) < 1e-9


def test_check_waits_for_its_result_and_knows_a_refusal() -> None:
    timeline = Timeline()
    record = mended_flow()
    finals = {event.type: timeline.add(event) for event in record.events[:9]}
    assert finals["step.completed"] == []
    assert [row.refused for row in finals["diff.checked"]] == [True]


def test_result_that_comes_before_the_end_of_its_step_is_shown_once() -> None:
    record = Recorder()
    record("flow.started")("step.started", {"node": "review"}, step=1, round=1, stage="review")
    record("review.completed", {"verdict": "approve"}, step=1, round=1)
    record("step.completed", {"node": "review"}, step=1, round=1, stage="review", **spent("m", 1, 2, 0.5))
    timeline, rows = shown(record)
    assert rows == [("review", 1)]
    assert timeline.cost_usd == 0.5


def test_failed_tests_are_a_refusal_and_skipped_ones_no_proof() -> None:
    timeline, rows = shown(flow_with_tests())
    assert rows == [(stage, 1) for stage in ("code", "check", "test", "code", "check", "test", "review")]
    assert timeline.calls == 3
    refused = [row.refused for row in timeline.rows if row.stage == "test"]
    assert refused == [True, False]
    for verdict, unproven in ((PASSED, False), (FAILED, False), (SKIPPED, True)):
        timeline, _ = shown(Recorder().test(1, verdict))
        assert timeline.rows[0].unproven is unproven
    assert shown(Recorder().test(1, PASSED | {"status": "failed_before"}))[0].rows[0].unproven


def test_step_that_a_crash_cut_short_is_one_row_when_it_is_begun_again() -> None:
    record = Recorder()
    record("flow.started")("step.started", {"node": "plan"}, step=1, stage="plan")
    record("step.started", {"node": "plan", "again": True}, step=1, stage="plan")
    record("step.completed", {"node": "plan"}, step=1, stage="plan", **spent("m", 1, 1, 0.1))
    timeline, rows = shown(record)
    assert rows == [("plan", 0)]
    assert timeline.calls == 1


def test_running_step_is_the_one_that_ended_last_began() -> None:
    timeline = Timeline()
    for event in mended_flow().events[:5]:
        timeline.add(event)
    assert timeline.running is not None
    assert timeline.running.stage == "code"


def test_step_under_way_when_the_flow_is_cancelled_is_marked_so() -> None:
    record = Recorder()
    record("flow.started")("step.started", {"node": "code"}, step=1, round=1, stage="code")
    record("flow.completed", {"status": "cancelled", "reason": "user", "message": "You asked for it."})
    timeline, _ = shown(record)
    assert [row.stopped_by for row in timeline.rows] == ["cancelled"]
    assert timeline.message == "You asked for it."


def test_unknown_event_types_change_nothing() -> None:
    record = mended_flow()
    record.rows.insert(3, {**record.rows[2], "type": "tests.compared", "seq": 99})
    assert len(shown(record)[1]) == 6
