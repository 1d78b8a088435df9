"""The measurements. Each takes turns between the systems, so that a noisy moment hits them all."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks.gateway.load import (
    TIMEOUT_S,
    BrokenError,
    Connection,
    Request,
    begin_all,
    hammer,
    seconds_of,
    stream_all,
)
from benchmarks.gateway.ready import wait_for_api, wait_for_flows, wait_for_runner
from benchmarks.gateway.systems import DIRECT, MOCK, Cfx, System
from benchmarks.gateway.usage import (
    SERVER_CORE,
    Memory,
    cpu_us,
    memory,
    move,
    on_server_core,
    other_cores,
)

CONNECTIONS = 64
USERS = 8
SLICE_OF_REQUESTS = 200
"""the first of each finds the caches as the others have left them: more than 1 % of such would be the p99"""
STREAMS = 16
GAP_MS = 3
IDLE_GAP_MS = 600_000
FEW = 10


@dataclass(frozen=True)
class Scale:
    """How long is measured."""

    rounds: int
    slice_s: float
    requests: int
    """at one connection, of each system"""
    chunks: int
    """of each of the streams"""
    starts: int
    idle: int
    """streams"""


FULL = Scale(rounds=5, slice_s=2.0, requests=1500, chunks=500, starts=5, idle=200)
QUICK = Scale(rounds=3, slice_s=0.6, requests=300, chunks=200, starts=2, idle=100)
SMOKE = Scale(rounds=1, slice_s=0.1, requests=20, chunks=4, starts=1, idle=4)


@contextmanager
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass(frozen=True)
class Throughput:
    per_s: float
    cpu_us: float
    """of the server, for each request"""


def throughput(systems: Sequence[System], scale: Scale) -> dict[str, list[Throughput]]:
    """A list for each system: its rounds, in the order in which the others' rounds came too."""
    found: dict[str, list[Throughput]] = {system.name: [] for system in systems}
    for number in range(scale.rounds):
        for system in systems if number % 2 else reversed(systems):
            found[system.name].append(_hammered(system, scale.slice_s))
    return found


def _hammered(system: System, seconds: float) -> Throughput:
    """An upstream that is asked directly takes the servers' place on their core."""
    connections = system.connect(CONNECTIONS, users=USERS)
    is_upstream = system.name in (MOCK, DIRECT)
    if is_upstream:
        move(system.pid, {SERVER_CORE})
    try:
        with _without_collector():
            hammer(connections, seconds / 5, at_least=2 * CONNECTIONS)
            before = cpu_us(system.pid)
            done = hammer(connections, seconds, at_least=CONNECTIONS)
        return Throughput(done.answered / done.seconds, (cpu_us(system.pid) - before) / done.asked)
    finally:
        if is_upstream:
            move(system.pid, other_cores())
        for connection in connections:
            connection.close()


def latencies(systems: Sequence[System], databases: Sequence[int], scale: Scale) -> dict[str, list[float]]:
    """Milliseconds of each request at one connection. ``databases``: the pids of those behind the systems."""
    return _in_turns(systems, databases, scale.requests, lambda one: seconds_of(one.ask), streamed=False)


def first_tokens(systems: Sequence[System], databases: Sequence[int], scale: Scale) -> dict[str, list[float]]:
    """Milliseconds until the first event of each stream."""
    return _in_turns(systems, databases, scale.requests // 2, Connection.ask_first, streamed=True)


def first_of_each_turn(times: Sequence[float]) -> list[float]:
    """Those that found cold caches, as a request after a pause does."""
    return list(times[::SLICE_OF_REQUESTS])


def _in_turns(
    systems: Sequence[System],
    databases: Sequence[int],
    count: int,
    ask: Callable[[Connection], float],
    *,
    streamed: bool,
) -> dict[str, list[float]]:
    connections = {system.name: Connection(system.request(streamed=streamed)) for system in systems}
    found: dict[str, list[float]] = {name: [] for name in connections}
    mocks = [system.pid for system in systems if system.name == MOCK]
    with _without_collector(), _all_on_one_core([*mocks, *databases]):
        for connection in connections.values():
            for _ in range(min(count, 50)):
                ask(connection)
        while any(len(times) < count for times in found.values()):
            for name, connection in connections.items():
                found[name] += [ask(connection) * 1000 for _ in range(SLICE_OF_REQUESTS)]
    for connection in connections.values():
        connection.close()
    return found


@contextmanager
def _all_on_one_core(pids: Sequence[int]) -> Iterator[None]:
    """Load, server, mock and database: at one connection one of them works at a time. From core to core
    every hand-over would wake a halted virtual processor, which takes the hypervisor longer than the mock
    takes to answer, and would count twice for a gateway and not at all for the mock."""
    for pid in pids:
        move(pid, {SERVER_CORE})
    try:
        with on_server_core():
            yield
    finally:
        for pid in pids:
            move(pid, other_cores())


def chunk_costs(systems: Sequence[System], scale: Scale) -> dict[str, float]:
    """CPU of the server for each chunk that it relays by itself, in µs: what long streams take above
    short ones."""
    found: dict[str, list[float]] = {system.name: [] for system in systems}
    for _ in range(scale.rounds):
        for system in systems:
            short, long = (_streamed(system, chunks) for chunks in (2, 2 + scale.chunks))
            found[system.name].append((long - short) / (STREAMS * scale.chunks))
    return {name: median(costs) for name, costs in found.items()}


def _streamed(system: System, chunks: int) -> float:
    connections = system.connect(STREAMS, f" @{chunks}x{GAP_MS}@", streamed=True)
    before = cpu_us(system.pid)
    stream_all(connections)
    took = cpu_us(system.pid) - before
    for connection in connections:
        connection.close()
    return took


def letting_go(system: System, mock: System, scale: Scale) -> list[float]:
    """Milliseconds from a caller's going, amid a silent stream, to the end of the upstream's connection."""
    found = []
    asking = Connection(Request(mock.port, b"GET / HTTP/1.1\r\nhost: mock\r\n\r\n"))
    for _ in range(scale.idle // 4):
        before = len(json.loads(asking.ask()))
        leaving = Connection(system.request(f" @1x{IDLE_GAP_MS}@", streamed=True))
        leaving.send()
        while not leaving.has_begun:
            leaving.receive()
        left_at = time.monotonic()
        leaving.close()
        while len(cuts := json.loads(asking.ask())) == before:
            if time.monotonic() > left_at + TIMEOUT_S:
                raise BrokenError("the upstream's connection stays open")
            time.sleep(0.001)
        found.append((cuts[-1] - left_at) * 1000)
    asking.close()
    return found


@dataclass(frozen=True)
class Start:
    api_s: float
    runner_s: float | None
    """None where flows run in workers"""
    memory: Memory
    """when all of it is ready"""


def starts(cfx: Cfx, scale: Scale) -> Start:
    """From the first instruction to the first answer to a key, and to the first step of a flow."""
    found = [_start(cfx) for _ in range(scale.starts)]
    runners = [start.runner_s for start in found if start.runner_s is not None]
    return Start(
        median(start.api_s for start in found),
        median(runners) if runners else None,
        sorted((start.memory for start in found), key=lambda used: used.rss_mb)[len(found) // 2],
    )


def _start(cfx: Cfx) -> Start:
    started = time.perf_counter()
    with cfx.starting("start") as (process, system):
        wait_for_api(process, system)
        api_s, runner_s = time.perf_counter() - started, None
        if cfx.runs_flows:
            wait_for_runner(process, system)
            runner_s = time.perf_counter() - started
        else:
            wait_for_flows(process, system)
        return Start(api_s, runner_s, memory(process.pid))


def idle_memory(cfx: Cfx, scale: Scale, *, at_once: bool) -> float:
    """MB for each 100 streams that have begun and say nothing more, in a server that has done little else:
    what others have left free would hide them. They begin a few at a time, or all ``at_once``: then what
    so many requests need while they are under way is in it."""
    held: list[Memory] = []
    with cfx.started("idle") as system:
        for count in (FEW, FEW, FEW + scale.idle):
            connections = system.connect(count, f" @1x{IDLE_GAP_MS}@", streamed=True)
            few = count if at_once else FEW
            for at in range(0, count, few):
                begin_all(connections[at : at + few])
            held.append(memory(system.pid))
            for connection in connections:
                connection.close()
            time.sleep(1)
    _, least, most = held
    return (most.rss_mb - least.rss_mb) / scale.idle * 100
