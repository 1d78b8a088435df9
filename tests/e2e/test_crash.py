"""The promise: no accepted flow is lost, finished steps are never repeated, whatever kills the process."""

from __future__ import annotations

import json
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.flows import (
    FILES,
    FILES_AFTER,
    GOOD_DIFF,
    PLAN_TEXT,
    Flows,
    git_apply,
    loop,
    says,
    verdict,
)
from tests.support.postgres import PostgresServer
from tests.support.processes import wait_for
from tests.support.provider import CODE, PLAN, REVIEW, Provider
from tests.support.server import OwnServer

MINUTES = {"delay_s": 600.0}
STAGES = {PLAN: (0, "plan"), CODE: (1, "code"), REVIEW: (1, "review")}


class Stuck(NamedTuple):
    """Where the process dies: during ``model``'s first call. ``calls``: how many each model gets in all."""

    model: str
    script: list[dict[str, Any]]
    calls: dict[str, int]


STUCK = {
    "while planning": Stuck(
        PLAN,
        loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, **MINUTES), says(PLAN_TEXT)]),
        {PLAN: 2, CODE: 1, REVIEW: 1},
    ),
    "while coding": Stuck(
        CODE,
        loop([says(GOOD_DIFF, **MINUTES), says(GOOD_DIFF)]),
        {PLAN: 1, CODE: 2, REVIEW: 1},
    ),
    "in the middle of a streamed reply": Stuck(
        CODE,
        loop([says(GOOD_DIFF, chunk_chars=20, chunk_delay_s=20), says(GOOD_DIFF)]),
        {PLAN: 1, CODE: 2, REVIEW: 1},
    ),
    "while reviewing": Stuck(
        REVIEW,
        loop([says(GOOD_DIFF)], review=[verdict("approve", **MINUTES), verdict("approve")]),
        {PLAN: 1, CODE: 1, REVIEW: 2},
    ),
}


def calls_of(provider: Provider, task: str, model: str) -> int:
    return sum(task in json.dumps(call["body"]) for call in provider.calls(model))


def in_doubt(flow: dict[str, Any]) -> dict[tuple[int, str], tuple[int, int]]:
    """(round, stage) → calls that were maybe paid twice, and those that broke off, where there are any."""
    counted = {
        (one["round"], name): (stage["maybe_paid_twice"], stage["broken_off"]["calls"])
        for one in flow["rounds"]
        for name, stage in one["stages"].items()
    }
    return {where: calls for where, calls in counted.items() if any(calls)}


def test_killed_server_finishes_its_flows_and_repeats_only_the_calls_in_flight(
    own_server: OwnServer, provider: Provider, tmp_path: Path
) -> None:
    """Four flows at once, each caught in another place by one kill -9."""
    server = own_server()
    flows = Flows(server.client)
    provider.script(*(rule | {"contains": task} for task, stuck in STUCK.items() for rule in stuck.script))
    ids = {task: flows.start(task) for task in STUCK}
    for task, stuck in STUCK.items():
        wait_for(partial(calls_of, provider, task, stuck.model), timeout_s=60, what=f"call {task}")
    seen = {task: flows.events(flow_id) for task, flow_id in ids.items()}
    server.kill()
    server.start()
    for task, flow_id in ids.items():
        flow = flows.finish(flow_id)
        assert flow["status"] == "approved", task
        assert in_doubt(flow) == {STAGES[STUCK[task].model]: (1, 1)}, task
        expected = STUCK[task].calls
        assert {model: calls_of(provider, task, model) for model in expected} == expected, task
        events = flows.events(flow_id)
        assert events[: len(seen[task])] == seen[task], "what was told stays told"
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert git_apply(flows.diff(flow_id), FILES, tmp_path / flow_id) == FILES_AFTER


def test_accepted_flow_that_never_ran_survives_the_kill(own_server: OwnServer, provider: Provider) -> None:
    server = own_server(CFX_RUNNING_FLOWS_PER_USER="1")
    flows = Flows(server.client)
    provider.script(*loop([says(GOOD_DIFF, **MINUTES), says(GOOD_DIFF)]))
    first = flows.start()
    provider.wait_for_calls(1, CODE)
    waiting = [flows.start() for _ in range(3)]
    assert {flows.get(flow_id)["status"] for flow_id in waiting} == {"queued"}
    server.kill()
    server.start()
    assert [flows.finish(flow_id)["status"] for flow_id in (first, *waiting)] == ["approved"] * 4


def test_server_killed_again_and_again_still_finishes(own_server: OwnServer, provider: Provider) -> None:
    server = own_server()
    flows = Flows(server.client)
    provider.script(*loop([says(GOOD_DIFF, **MINUTES)] * 2 + [says(GOOD_DIFF)]))
    flow_id = flows.start()
    for attempt in (1, 2):
        provider.wait_for_calls(attempt, CODE)
        server.kill()
        server.start()
    assert flows.finish(flow_id)["status"] == "approved"
    assert len(provider.calls(PLAN)) == 1


def test_cancelled_flow_stays_cancelled_after_the_kill(own_server: OwnServer, provider: Provider) -> None:
    server = own_server()
    flows = Flows(server.client)
    provider.script(*loop([says(GOOD_DIFF, **MINUTES)]))
    flow_id = flows.start()
    provider.wait_for_calls(1, CODE)
    assert flows.cancel(flow_id).status_code == 200
    server.kill()
    server.start()
    assert flows.get(flow_id)["status"] == "cancelled"
    assert len(provider.calls(CODE)) == 1


def test_server_that_is_asked_to_stop_leaves_the_flow_to_the_next_one(
    own_server: OwnServer, provider: Provider
) -> None:
    server = own_server()
    flows = Flows(server.client)
    provider.script(*loop([says(GOOD_DIFF, **MINUTES), says(GOOD_DIFF)]))
    flow_id = flows.start()
    provider.wait_for_calls(1, CODE)
    server.process.stop(grace_s=20)
    assert "Traceback" not in server.log_tail()
    server.start()
    assert flows.finish(flow_id)["status"] == "approved"
    assert len(provider.calls(PLAN)) == 1


def test_server_that_is_given_the_time_lets_calls_end_and_a_second_signal_does_not(
    own_server: OwnServer, provider: Provider
) -> None:
    server = own_server(CFX_SERVE_DRAIN_S="60")
    flows = Flows(server.client)
    provider.script(*loop([says(GOOD_DIFF, **MINUTES), says(GOOD_DIFF)], plan=[says(PLAN_TEXT, delay_s=6)]))
    flows.start()
    provider.wait_for_calls(1, PLAN)
    assert server.process.stop(grace_s=30) == 0
    server.start()
    provider.wait_for_calls(1, CODE)
    assert len(provider.calls(PLAN)) == 1
    server.process.process.terminate()
    time.sleep(1)
    assert server.process.alive
    assert server.process.stop(grace_s=10) == 0
    assert "Traceback" not in server.log_tail()


def test_event_reader_goes_on_where_it_stopped_after_the_kill(
    own_server: OwnServer, provider: Provider
) -> None:
    server = own_server()
    flows = Flows(server.client)
    provider.script(*loop([says(GOOD_DIFF, **MINUTES), says(GOOD_DIFF)]))
    flow_id = flows.start()
    provider.wait_for_calls(1, CODE)
    seen = [next(stream) for stream in [flows.stream(flow_id)] for _ in range(3)]
    server.kill()
    server.start()
    rest = list(flows.stream(flow_id, seen[-1]["id"]))
    assert [int(event["id"]) for event in seen + rest] == list(range(1, len(seen + rest) + 1))
    assert rest[-1]["event"] == "flow.completed"


def test_flow_on_postgres_survives_the_kill(
    own_server: OwnServer, provider: Provider, postgres_server: PostgresServer
) -> None:
    """As docker-compose.yml runs it: migrated and keyed by commands, nothing but Postgres keeps the state."""
    url = postgres_server.create_database()
    server = own_server(CFX_DATABASE_URL=url, CFX_HASH_SALT="pepper of the tests, long enough")
    flows = Flows(server.client)
    provider.script(*loop([says(GOOD_DIFF, **MINUTES), says(GOOD_DIFF)]))
    flow_id = flows.start()
    provider.wait_for_calls(1, CODE)
    server.kill()
    shutil.rmtree(server.folder / "data", ignore_errors=True)
    server.start()
    assert flows.finish(flow_id)["status"] == "approved"
    assert len(provider.calls(PLAN)) == 1
    server.process.stop()
    postgres_server.drop_database(url)
