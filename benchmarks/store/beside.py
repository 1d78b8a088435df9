"""What the request log costs those who are served meanwhile: the API's 99th percentile with 2,000 rows a
second written beside, and without, in turns, in one process, on Postgres with the application's own login."""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import psycopg

from benchmarks.gateway.load import Connection, Request
from benchmarks.gateway.ready import wait_for_api, wait_for_flows
from benchmarks.gateway.systems import Cfx, System, mock
from benchmarks.gateway.usage import on_server_core, other_cores
from tests.support.postgres import as_app, connect_as_service
from tests.support.processes import HOUSE, free_port, start

ROWS_PER_S = 2000
MUST_MOVE = 1.10
REQUESTS_PER_S = 100
CALLS_PER_S = 90
"""of them, each with a row of its own"""
USERS = 20
READS = ("/v1/usage", "/v1/logs?limit=50", "/v1/flows", "/v1/status")


def measure_beside(url: str, *, turns: int, turn_s: float) -> bool:
    """Whether the must was kept. ``url``: a migrated database, as its owner."""
    os.sched_setaffinity(0, other_cores())
    with tempfile.TemporaryDirectory(prefix="cfx-bench-") as folder, mock() as upstream:
        settings = {"CFX_DATABASE_URL": url, "CFX_PRUNE_EVERY_S": "0"}
        cfx = Cfx(HOUSE, Path(folder), upstream, USERS, **settings)
        with _busy(cfx, Path(folder), _users(url)) as system:
            asks = _asks(system)
            _turn(asks, turn_s)  # whatever is done once is done now
            quiet: list[float] = []
            busy: list[float] = []
            rates = []
            for _ in range(turns):
                quiet += _turn(asks, turn_s)
                before, began = _rows(url), time.perf_counter()
                os.kill(system.pid, signal.SIGUSR1)
                busy += _turn(asks, turn_s)
                os.kill(system.pid, signal.SIGUSR1)
                took = time.perf_counter() - began
                time.sleep(0.5)  # what is queued is written
                rates.append((_rows(url) - before) / took - CALLS_PER_S)
    return _tell(quiet, busy, statistics.median(rates))


def _tell(quiet: list[float], busy: list[float], rate: float) -> bool:
    print(f"\n{REQUESTS_PER_S} requests/s, {len(quiet):,} of them each way; ms")
    print(f"{'':<28}{'p50':>8}{'p99':>8}{'worst':>8}   of the chat calls: p50, p99; of the pages: p50, p99")
    for name, took in (("alone", quiet), (f"beside {rate:,.0f} rows/s", busy)):
        found = [_at(took, share) for share in (0.5, 0.99, 1)]
        for kind in (_chats, _pages):
            found += [_at(kind(took), share) for share in (0.5, 0.99)]
        print(f"{name:<28}" + "".join(f"{ms:>8.2f}" for ms in found))
    moved = _at(busy, 0.99) / _at(quiet, 0.99)
    print(f"p99 times {moved:.3f}; must: at most {MUST_MOVE:g}, with {ROWS_PER_S:,} rows/s written")
    return moved <= MUST_MOVE and rate >= ROWS_PER_S * 0.98


def _chats(took: list[float]) -> list[float]:
    return [ms for n, ms in enumerate(took) if n % 10 != 9]


def _pages(took: list[float]) -> list[float]:
    return took[9::10]


def _at(took: list[float], share: float) -> float:
    return sorted(took)[min(int(len(took) * share), len(took) - 1)]


def _turn(asks: Iterator[Connection], seconds: float) -> list[float]:
    """Milliseconds from when each was due: whoever waits behind a slow one waits too."""
    took = []
    began = time.perf_counter()
    for n in range(int(seconds * REQUESTS_PER_S)):
        due = began + n / REQUESTS_PER_S
        time.sleep(max(0.0, due - time.perf_counter()))
        next(asks).ask()
        took.append((time.perf_counter() - due) * 1000)
    return took


def _asks(system: System) -> Iterator[Connection]:
    """Nine chat calls, then a page of the dashboard, over and over, of one user after another."""
    chats = cycle(Connection(system.request(key=user)) for user in range(USERS))
    reads = cycle(
        Connection(_get(system, READS[n % len(READS)], system.keys[n % USERS])) for n in range(USERS)
    )
    return (next(reads) if n % 10 == 9 else next(chats) for n in cycle(range(10)))


def _get(system: System, path: str, key: str) -> Request:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
    return Request(system.port, head.encode())


@contextmanager
def _busy(cfx: Cfx, folder: Path, users: list[str]) -> Iterator[System]:
    port = free_port()
    program = [str(HOUSE / ".venv" / "bin" / "python"), "-m", "benchmarks.store.busy_server"]
    argv = [*program, str(port), str(ROWS_PER_S), *users]
    with on_server_core():
        process = start("busy server", argv, log=folder / "server.log", env=cfx.env)
    try:
        system = System("busy", port, process.pid, cfx.keys, "cfx-plan")
        wait_for_api(process, system)
        wait_for_flows(process, system)
        yield system
    finally:
        process.stop()


def _users(url: str) -> list[str]:
    with connect_as_service(as_app(url)) as connection:
        return [
            str(row[0])
            for row in connection.execute("SELECT user_id FROM accounts WHERE name LIKE 'bench-%'")
        ]


def _rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM request_logs").fetchone()
        return int(found[0]) if found else 0
