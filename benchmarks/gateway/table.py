"""The rows of issue 3's table, and how they are printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MISSING = "-"


@dataclass(frozen=True)
class Row:
    id: str
    title: str
    unit: str = ""
    must: float | None = None
    aim: float | None = None
    at_least: bool = False
    """the figure should be high, not low"""

    def verdict(self, value: float) -> str:
        for name, bound in (("aim", self.aim), ("must", self.must)):
            if bound is not None and (value >= bound if self.at_least else value <= bound):
                return name
        return "" if self.must is None else "missed"

    def bound(self, value: float | None) -> str:
        return MISSING if value is None else f"{'≥' if self.at_least else '≤'} {_short(value)}"


def _latency(store: str, must: tuple[float, float], aim: tuple[float, float]) -> tuple[Row, ...]:
    return tuple(
        Row(f"added_{name}_{store}", f"added {name}, 1 connection, {store}", "ms", must[at], aim[at])
        for at, name in enumerate(("p50", "p99"))
    )


ROWS = (
    Row("rps_litellm", "requests/s, 64 connections, against LiteLLM", "×", 40, 55, at_least=True),
    Row("rps_direct", "requests/s, 64 connections, against direct", "×", 0.095, 0.13, at_least=True),
    Row("rps_mock", "… against the bare mock", "×"),
    Row("rps_direct_postgres", "… on postgres", "×"),
    Row("rps_direct_redis", "… on redis", "×"),
    Row("rps", "requests/s, 64 connections, sqlite", "/s"),
    Row("request_cpu", "CPU per request, sqlite", "µs"),
    Row("litellm_request_cpu", "CPU per request of LiteLLM", "µs"),
    *_latency("sqlite", (0.45, 0.9), (0.30, 0.6)),
    *_latency("postgres", (0.9, 1.8), (0.5, 1.0)),
    *_latency("redis", (0.9, 1.8), (0.5, 1.0)),
    Row("added_cold", "added to the first request of a turn, sqlite", "ms"),
    *(
        Row(f"added_{name}_litellm", f"added {name}, 1 connection, of LiteLLM", "ms")
        for name in ("p50", "p99")
    ),
    Row("chunk_cpu", "CPU per relayed SSE chunk", "µs", 55, 38),
    Row("litellm_chunk_cpu", "CPU per relayed SSE chunk of LiteLLM", "µs"),
    Row("ttft_sqlite", "added time to first token, sqlite", "ms", 1.5, 0.8),
    Row("ttft_postgres", "added time to first token, postgres", "ms", 2.5, 1.3),
    Row("ttft_litellm", "added time to first token of LiteLLM", "ms"),
    Row("left", "caller gone to upstream closed, the longest", "ms", 250),
    Row("start_sqlite", "start to the API's first answer, sqlite", "s", 1.0, 0.7),
    Row("runner_sqlite", "start to a flow's first step, sqlite", "s", 2.5, 1.7),
    Row("rss_sqlite", "memory then, sqlite (RSS)", "MB", 175, 145),
    Row("pss_sqlite", "memory then, sqlite (PSS)", "MB"),
    Row("start_postgres", "start to the API's first answer, postgres", "s", 1.0, 0.65),
    Row("rss_postgres", "memory then, postgres (RSS)", "MB", 110, 90),
    Row("pss_postgres", "memory then, postgres (PSS)", "MB"),
    Row("idle_streams", "memory of 100 idle streams", "MB", 2.5, 1.2),
    Row("idle_at_once", "… that began in one moment", "MB"),
)

Figures = Mapping[str, float]


def print_table(figures: Figures, other: Figures | None = None) -> None:
    """``other`` is the second checkout's."""
    names = ("", "this", *(("other", "this/other") if other is not None else ()), "must", "aim", "")
    widths = (46, *(12 for _ in names[1:]))
    print(_line(names, widths))
    for row in ROWS:
        value = figures.get(row.id)
        cells = [row.title, _cell(row, value)]
        if other is not None:
            theirs = other.get(row.id)
            ratio = f"{value / theirs:.2f}" if value is not None and theirs else MISSING
            cells += [_cell(row, theirs), ratio]
        verdict = "" if value is None else row.verdict(value)
        print(_line((*cells, row.bound(row.must), row.bound(row.aim), verdict), widths))


def _cell(row: Row, value: float | None) -> str:
    return MISSING if value is None else f"{_short(value)} {row.unit}"


def _short(value: float) -> str:
    """Three digits that mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _line(cells: tuple[str, ...], widths: tuple[int, ...]) -> str:
    first, *rest = zip(cells, widths, strict=False)
    return (f"{first[0]:<{first[1]}}" + "".join(f"{cell:>{width}}" for cell, width in rest)).rstrip()
