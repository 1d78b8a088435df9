"""Servers and workers that are killed, frozen and stopped while flows run; an account of what was paid."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from cfx_flow.flows.retakes import AT_ONCE
from cfx_flow.store.address import sqlite_file
from cfx_flow.workers.queue import LOCKS
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, Flows, loop, says, verdict
from tests.support.postgres import connect_as_service
from tests.support.processes import NotReadyError, Running, start, wait_for, wait_ready
from tests.support.provider import CODE, PLAN, REVIEW, Provider
from tests.support.server import CFX, Server

MODELS = {"plan": PLAN, "code": CODE, "review": REVIEW}
TASK = re.compile(r"case \d{6}")
NOTICED_S = 1.0
HASH_SALT = "pepper of the tests, long enough"

OPEN_CALLS = """
    SELECT CAST(e.flow_id AS text), s.node FROM effects e
    JOIN flows f ON f.id = e.flow_id
    JOIN flow_steps s ON s.flow_id = e.flow_id AND s.n = e.step
    WHERE e.answer IS NULL AND f.status = 'in_progress'
"""
RUNNING = "SELECT CAST(id AS text), epoch FROM flows WHERE status = 'in_progress'"
SUSPECTS = f"SELECT CAST(id AS text) FROM flows WHERE retakes > {AT_ONCE}"
HOLDERS = f"""
    SELECT f.id::text, l.pid FROM flows f JOIN pg_locks l
    ON hashtextextended(f.id::text, {LOCKS}) = (l.classid::bigint << 32) | l.objid::bigint
    WHERE f.status = 'in_progress' AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
"""
SESSIONS = "SELECT pid FROM pg_stat_activity"


def paced(delay_s: float) -> list[dict[str, Any]]:
    """Three calls, each of which takes ``delay_s`` or a little more, for any number of flows."""
    slow = {"first_byte_delay_s": delay_s}
    rules = loop(
        [says(GOOD_DIFF, chunk_chars=60, chunk_delay_s=delay_s / 4)],
        review=[verdict("approve", **slow)],
        plan=[says(PLAN_TEXT, **slow)],
    )
    return [rule | {"stateless": True} for rule in rules]


class Rows:
    """The database, read from beside the processes that use it."""

    def __init__(self, url: str) -> None:
        file = sqlite_file(url)
        self._connection: Any = (
            connect_as_service(url, autocommit=True)
            if file is None
            else sqlite3.connect(f"file:{file}?mode=ro", uri=True, autocommit=True, timeout=10)
            if hasattr(sqlite3, "LEGACY_TRANSACTION_CONTROL")
            else sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None, timeout=10)
        )

    def __call__(self, query: str) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(query).fetchall())

    def close(self) -> None:
        self._connection.close()


def part_of(times_s: Sequence[float], part: float) -> float:
    ordered = sorted(times_s) or [0.0]
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


@dataclass
class Account:
    """Which calls may have been paid twice, and how long flows lay still."""

    in_flight: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(flow, node) → kills at which its call was open"""
    idle_s: list[float] = field(default_factory=list)
    """without those that were at three deaths in a row, within one step: they are made to wait (ADR 0036)"""
    suspects: int = 0
    kills: int = 0
    flows: int = 0
    repeats: int = 0

    def __str__(self) -> str:
        p50_s, p95_s, longest_s = (part_of(self.idle_s, part) for part in (0.5, 0.95, 1))
        return (
            f"{self.kills} kills, {self.flows} flows, {sum(self.in_flight.values())} calls in flight at a "
            f"kill, {self.repeats} repeated; taken over {len(self.idle_s)} times, p50 {p50_s:.2f} s, "
            f"p95 {p95_s:.2f} s, longest {longest_s:.2f} s; {self.suspects} had to wait as suspects"
        )


class Fleet:
    """A server, and on Postgres workers beside it, which run all the flows."""

    def __init__(self, folder: Path, provider: Provider, url: str | None, **variables: str) -> None:
        self.provider, self.folder = provider, folder
        policies = folder / "test_policies.yaml"
        policies.write_text("policies: {short: {commands: [[sleep, '0.1']]}}")
        more = {
            "CFX_RUNNING_FLOWS_PER_USER": "50",
            "CFX_DAILY_LIMIT": "1000000",
            "CFX_TEST_POLICIES_FILE": str(policies),
        } | variables
        if url is not None:
            more |= {"CFX_DATABASE_URL": url, "CFX_HASH_SALT": HASH_SALT, "CFX_WITH_WORKER": "false"}
        self.server = Server(folder, provider.url, **more)
        self.flows = Flows(self.server.client)
        self._url = url or f"sqlite:///{folder / 'data' / 'cfx.db'}"
        self.rows = Rows(self._url)
        self.workers: list[Running] = []
        self._ids: dict[str, str] = {}
        self._made = 0
        self._at_last_kill: dict[str, int] = {}

    def reconnect(self) -> None:
        """After a restart of the database, once the server has found it too."""
        self.rows.close()
        self.rows = Rows(self._url)
        wait_for(
            lambda: self.server.client.get("/v1/flows?limit=1").status_code == 200,
            timeout_s=30,
            what="server that has its database back",
        )

    # Workers ----------------------------------------------------------------------------

    def hire(self, count: int = 1) -> list[Running]:
        """Starts workers; returns when they have started."""
        hired = [self.hire_soon() for _ in range(count)]
        for worker in hired:
            self.ready(worker)
        return hired

    def hire_soon(self, **variables: str) -> Running:
        self._made += 1
        log = self.folder / f"worker-{self._made}.log"
        argv = [str(CFX), "worker", "--json"]
        worker = start(
            f"cfx worker {self._made}", argv, log=log, env=self.server.env | variables, cwd=self.folder
        )
        self.workers.append(worker)
        return worker

    def ready(self, worker: Running) -> None:
        wait_ready(worker, lambda: '"flows_at_once": ' in worker.log.read_text(), timeout_s=60)

    def disband(self) -> None:
        """No worker is left, and no flow that would run as soon as there is one."""
        for worker in self.workers:
            thaw(worker)
            worker.kill()
        self.workers.clear()
        for (flow_id,) in self.rows("SELECT CAST(id AS text) FROM flows WHERE completed_at IS NULL"):
            self.flows.cancel(flow_id)
        self._ids.clear()

    def dismiss(self, worker: Running) -> None:
        self.workers.remove(worker)

    # Flows ------------------------------------------------------------------------------

    def begin(self, count: int = 1) -> list[str]:
        """One in three runs tests."""
        made = []
        for _ in range(count):
            task = f"Greet with an exclamation mark, case {len(self._ids):06d}"
            made.append(self.flows.start(task, tests=None if len(self._ids) % 3 else "short"))
            self._ids[made[-1]] = TASK.findall(task)[0]
        return made

    def running(self) -> dict[str, int]:
        """Flow → epoch."""
        return {_id(flow_id): epoch for flow_id, epoch in self.rows(RUNNING)}

    def finished_steps(self) -> int:
        return int(self.rows("SELECT count(*) FROM flow_steps WHERE completed_at IS NOT NULL")[0][0])

    def until_it_works(self, finished_steps: int = 0) -> None:
        """Some flow runs that did not run, or ran elsewhere, at the last kill; and so many steps have come to
        their end: lives that are shorter than a step make everything wait (ADR 0036)."""
        self._until(lambda: self.running().items() - self._at_last_kill.items(), what="running flow")
        self._until(lambda: self.finished_steps() >= finished_steps, what=f"{finished_steps} finished steps")

    def _until(self, check: Callable[[], object], *, what: str) -> None:
        try:
            wait_ready(self.server.process, check, timeout_s=60, what=what)
        except NotReadyError as error:
            left = self.rows("SELECT id, status, epoch, retakes FROM flows WHERE completed_at IS NULL")
            workers = "\n".join(worker.log_tail() for worker in self.workers)
            raise NotReadyError(f"{error}\n{workers}\nunfinished: {left}") from None

    def unfinished(self) -> int:
        return int(self.rows("SELECT count(*) FROM flows WHERE completed_at IS NULL")[0][0])

    def calls(self) -> Counter[tuple[str, str]]:
        """What the provider was asked, by (flow, node)."""
        flow_of = {case: flow_id for flow_id, case in self._ids.items()}
        found: Counter[tuple[str, str]] = Counter()
        for call in self.provider.calls():
            node = next(node for node, model in MODELS.items() if model in call["body"]["model"])
            found[flow_of[TASK.findall(json.dumps(call["body"]))[-1]], node] += 1
        return found

    # Deaths -----------------------------------------------------------------------------

    def kill(self, victim: Running, account: Account) -> None:
        """kill -9 at this instant, with an account of the calls that are in flight."""
        freeze(victim)
        open_calls, running = self.rows(OPEN_CALLS), self.running()
        suspects = {flow_id for (flow_id,) in self.rows(SUSPECTS)}
        holders = dict(self.rows(HOLDERS)) if self.workers else {}
        self._at_last_kill = running
        victim.kill()
        died_at = time.monotonic()
        account.kills += 1
        lost = self._lost(holders) & running.keys() if self.workers else set(running)
        account.in_flight.update((_id(one), node) for one, node in open_calls if _id(one) in lost)
        if self.workers:
            account.suspects += len(lost & suspects)
            before = {flow_id: running[flow_id] for flow_id in lost - suspects}
            account.idle_s += self._taken_over(before, died_at)

    def _lost(self, holders: dict[str, int]) -> set[str]:
        """Whose lock goes with the victim, which may have held none: Postgres needs a moment to see that it
        is gone."""
        gone, deadline = set[int](), time.monotonic() + NOTICED_S
        while not gone and time.monotonic() < deadline:
            time.sleep(0.01)
            gone = set(holders.values()) - {pid for (pid,) in self.rows(SESSIONS)}
        return {flow_id for flow_id, pid in holders.items() if pid in gone}

    def _taken_over(self, before: dict[str, int], since: float, within_s: float = 60) -> Sequence[float]:
        waited: dict[str, float] = {}

        def all_are() -> bool:
            now = self.running()
            for flow_id, epoch in before.items():
                if flow_id not in waited and now.get(flow_id, epoch + 1) > epoch:
                    waited[flow_id] = time.monotonic() - since
            return waited.keys() == before.keys()

        wait_for(all_are, timeout_s=within_s, what=f"take-over of {before}", every_s=0.02)
        return list(waited.values())

    # The account ------------------------------------------------------------------------

    def settle(self, account: Account, ids: Sequence[str], timeout_s: float = 120) -> None:
        """Everything has ended well, nothing finished was done again, what was paid twice was in flight."""
        wait_for(lambda: self.unfinished() == 0, timeout_s=timeout_s, what="end of all flows", every_s=0.1)
        calls = self.calls()
        for flow_id in ids:
            flow = self.flows.get(flow_id)
            assert flow["status"] == "approved", flow
            self._told_once(flow_id)
            for node in MODELS:
                repeated = calls[flow_id, node] - 1
                assert 0 <= repeated <= account.in_flight[flow_id, node], (flow_id, node, repeated)
                assert flow["stages"][node]["maybe_paid_twice"] >= (repeated > 0), (flow_id, node, repeated)
                account.repeats += repeated
        account.flows += len(ids)
        self._ids.clear()
        self.provider.reset()

    def _told_once(self, flow_id: str) -> None:
        events = self.flows.events(flow_id)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        completed = Counter(event["step"] for event in events if event["type"] == "step.completed")
        assert set(completed.values()) == {1}, "a finished step was done again"
        begun = Counter(
            event["step"]
            for event in events
            if event["type"] == "step.started" and not event["data"].get("again")
        )
        assert begun == completed
        assert [event["type"] for event in events].count("flow.completed") == 1

    def close(self) -> None:
        self.rows.close()
        for worker in self.workers:
            thaw(worker)
            worker.kill()
        self.server.kill()
        self.server.close()

    def log_tail(self) -> str:
        return "\n".join(one.log_tail()[-2000:] for one in (self.server.process, *self.workers))


def _id(stored: str) -> str:
    """SQLite keeps it without dashes."""
    return str(uuid.UUID(stored))


def freeze(process: Running) -> None:
    process.process.send_signal(signal.SIGSTOP)
    wait_for(
        lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED,
        timeout_s=10,
        what="standstill",
        every_s=0.001,
    )


def thaw(process: Running) -> None:
    process.process.send_signal(signal.SIGCONT)


@contextmanager
def fleet_of(folder: Path, provider: Provider, url: str | None, **variables: str) -> Iterator[Fleet]:
    fleet = Fleet(folder, provider, url, **variables)
    try:
        yield fleet
    finally:
        fleet.close()
