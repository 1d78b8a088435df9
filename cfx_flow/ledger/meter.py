"""What this process has counted since its start: plain numbers here, Prometheus' words only at the edge.

**Source** of plain numbers over ``prometheus_client``'s own counters: those take a lock and a label
look-up each, 5 µs for one call; these take 1 µs, and the library is imported with the first scrape.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from cfx_flow.errors import CfxError
from cfx_flow.ledger.record import CallRecord

LATENCY_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
TTFT_BOUNDS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
OTHER = "other"
"""any label that is not ours: what an upstream or a caller makes up must not make up time series"""


class Histogram:
    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """how many lay at or below each bound and above the one before; last, those above all"""
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass(slots=True)
class Totals:
    """Of all calls with the same labels."""

    stage: str
    model: str
    status: str
    code: str
    latency: Histogram
    ttft: Histogram
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


@dataclass(slots=True)
class Meter:
    """Of one event loop: nothing here is locked."""

    models: Collection[str] = ()
    """the names that may stand in the label: those of models.yaml"""
    responses: Counter[int] = field(default_factory=Counter)
    """by HTTP status, over all paths"""
    latency: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    """by stage and status"""
    ttft: dict[str, Histogram] = field(default_factory=dict)
    """by stage"""
    _totals: dict[tuple[str | None, str | None, str, str | None], Totals] = field(default_factory=dict)

    def observe(self, call: CallRecord) -> None:
        code = call.error_code
        if code is not None and code not in KNOWN_CODES:
            code = OTHER
        key = (call.stage, call.model, call.status, code)
        totals = self._totals.get(key) or self._new(key)
        totals.calls += 1
        totals.input_tokens += call.input_tokens
        totals.output_tokens += call.output_tokens
        totals.cost_usd += call.cost_usd
        if call.latency_ms is not None:
            totals.latency.observe(call.latency_ms / 1000)
        if call.ttft_ms is not None:
            totals.ttft.observe(call.ttft_ms / 1000)

    def totals(self) -> Iterator[Totals]:
        yield from self._totals.values()

    def _new(self, key: tuple[str | None, str | None, str, str | None]) -> Totals:
        stage, model, status, code = key
        stage = stage or ""
        if model is not None and model not in self.models:
            key, model = (key[0], OTHER, status, code), OTHER
            if key in self._totals:
                return self._totals[key]
        latency = self.latency.setdefault((stage, status), Histogram(LATENCY_BOUNDS_S))
        ttft = self.ttft.setdefault(stage, Histogram(TTFT_BOUNDS_S))
        totals = self._totals[key] = Totals(stage, model or "", status, code or "", latency, ttft)
        return totals


def _codes(kind: type[CfxError]) -> Iterator[str]:
    if kind.code is not None:
        yield kind.code
    for narrower in kind.__subclasses__():
        yield from _codes(narrower)


KNOWN_CODES = frozenset({*_codes(CfxError), "client_gone"})
