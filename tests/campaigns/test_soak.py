"""A server under mixed work for an hour (in ``make test`` half a minute): its memory does not grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.campaign import is_full
from tests.support.fleet import Fleet, fleet_of
from tests.support.flows import BAD_DIFF, FILES, GOOD_DIFF, finding, loop, says, verdict
from tests.support.processes import wait_for
from tests.support.provider import CODE, Provider

LASTS_S = 3600.0 if is_full() else 30.0
WARMS_UP_S = LASTS_S / 3
"""what every process fills once: caches, pools, the allocator's arenas"""
MOST_GROWTH = 1.10
HANDS = 4
ROOM = {"CFX_STREAMS_PER_USER": str(HANDS)}


@pytest.fixture(params=["sqlite", *(["postgres"] if is_full() else [])])
def soaked(request: pytest.FixtureRequest, provider: Provider, tmp_path: Path) -> Iterator[Fleet]:
    if request.param == "sqlite":
        with fleet_of(tmp_path, provider, None, **ROOM) as fleet:
            yield fleet
        return
    server = request.getfixturevalue("postgres_server")
    with fleet_of(tmp_path, provider, server.create_database(), **ROOM) as fleet:
        fleet.hire(2)
        yield fleet


def test_memory_does_not_grow(soaked: Fleet, provider: Provider) -> None:
    script(provider)
    processes = [psutil.Process(one.pid) for one in (soaked.server.process, *soaked.workers)]
    ends = time.monotonic() + LASTS_S
    work(soaked, provider, until=time.monotonic() + WARMS_UP_S)
    before = megabytes(processes)
    done = work(soaked, provider, until=ends)
    after = megabytes(processes)
    print(f"{done} tasks after the first {WARMS_UP_S:.0f} s; {before} MB before them, {after} MB after")
    assert max(then / now for now, then in zip(before, after, strict=True)) <= MOST_GROWTH, (before, after)


def megabytes(processes: list[psutil.Process]) -> list[float]:
    return [round(process.memory_info().rss / 2**20, 1) for process in processes]


def script(provider: Provider) -> None:
    """Flows of two rounds with a refused diff in each; one in seven is asked of an upstream that fails."""
    provider.script(
        {"contains": "must fail", "model": CODE, "replies": [{"status": 400}], "stateless": True},
        {"contains": "in chat", "replies": [says("word " * 200, chunk_chars=20)], "stateless": True},
        *(
            rule | {"stateless": True}
            for rule in loop([says(GOOD_DIFF)], [verdict("revise", finding("Louder."))])
        ),
    )


def work(fleet: Fleet, provider: Provider, until: float) -> int:
    """Tasks that were done; the provider's list of calls is kept short beside them."""
    done = 0
    with ThreadPoolExecutor(HANDS) as hands:
        while time.monotonic() < until:
            tasks = [partial(task, fleet) for task in TASKS for _ in range(HANDS)]
            for ended in [hands.submit(one) for one in tasks]:
                ended.result()
                done += 1
            httpx.delete(provider.url.removesuffix("/v1") + "/__calls", trust_env=False)
    return done


def a_flow_is_watched(fleet: Fleet) -> None:
    flow_id = fleet.flows.start("Greet, watched", max_rounds=2)
    assert list(fleet.flows.stream(flow_id))[-1]["event"] == "flow.completed"
    fleet.flows.get(flow_id)
    fleet.server.client.get(f"/v1/flows/{flow_id}/report")


def a_flow_fails(fleet: Fleet) -> None:
    assert fleet.flows.run("Greet, must fail")["status"] == "failed"


def a_flow_is_tested(fleet: Fleet) -> None:
    flow = fleet.flows.run("Greet, tested", tests="short", max_rounds=1)
    tests = fleet.server.client.get(f"/v1/flows/{flow['id']}/tests").json()
    assert tests["status"] != "not_run", flow["message"]


def a_flow_is_decided_and_cancelled(fleet: Fleet) -> None:
    flow_id = fleet.flows.start("Greet, decided", approval="plan")
    wait_for(lambda: fleet.flows.get(flow_id)["gate"] == "plan", timeout_s=30, what="gate", every_s=0.05)
    assert fleet.flows.cancel(flow_id).status_code == 200


def a_chat_is_read_to_its_end_and_another_is_left(fleet: Fleet) -> None:
    body = {"model": "cfx-plan", "messages": [{"role": "user", "content": "Plan in chat"}], "stream": True}
    for is_left in (False, True):
        with fleet.server.client.stream("POST", "/v1/chat/completions", json=body) as answer:
            for _ in answer.iter_lines():
                if is_left:
                    break


def a_stranger_is_refused(fleet: Fleet) -> None:
    body = {"task": "x" * 20_000, "workspace": {"files": FILES}, "no such field": BAD_DIFF}
    assert fleet.server.client.post("/v1/flows", json=body).status_code == 400


TASKS: tuple[Callable[[Fleet], None], ...] = (
    a_flow_is_watched,
    a_flow_fails,
    a_flow_is_tested,
    a_flow_is_decided_and_cancelled,
    a_chat_is_read_to_its_end_and_another_is_left,
    a_stranger_is_refused,
)
