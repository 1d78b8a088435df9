"""``/metrics``: this process's numbers in Prometheus' text format.

**Source** of the names: prometheus.io/docs/practices/naming: base units, ``_total`` on counters.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from api.wiring import Services
from cfx_flow.ledger.meter import Histogram, Meter
from cfx_flow.upstream.breaker import BreakerState

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def expose(services: Services, waiting: int | None) -> bytes:
    """Some milliseconds; made anew for each scrape, so that nothing is kept twice.

    ``waiting``: flows that wait; None: nobody knows."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ours(services, waiting))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Ours(Collector):
    def __init__(self, services: Services, waiting: int | None) -> None:
        self._services, self._waiting = services, waiting

    def collect(self) -> Iterator[Metric]:
        meter = self._services.meter
        yield _gauge("cfx_build_info", "The version that runs", {"version": version("cfx-flow")}, 1)
        yield from _calls(meter)
        yield from _times(meter)
        yield _responses(meter)
        yield from self._now()

    def _now(self) -> Iterator[Metric]:
        services, log = self._services, self._services.request_log
        yield _gauge(
            "cfx_streams_running", "Chat streams that run in this process", {}, services.streams_running
        )
        yield _breakers(services)
        yield _gauge("cfx_request_log_queue", "Rows that wait to be written", {}, log.queued)
        dropped = CounterMetricFamily(
            "cfx_request_log_dropped", "Rows that were lost: queue full, store down"
        )
        dropped.add_metric([], log.dropped)
        yield dropped
        yield _chores(services)
        running = services.dispatcher.running()
        yield _gauge("cfx_flows_running", "Flows that run in this process", {}, running)
        if self._waiting is not None:
            yield _gauge("cfx_flows_waiting", "Flows that wait for their turn, in all", {}, self._waiting)


def _gauge(name: str, text: str, labels: dict[str, str], value: float) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=list(labels))
    gauge.add_metric(list(labels.values()), value)
    return gauge


def _calls(meter: Meter) -> Iterator[Metric]:
    """Model calls and refusals of known users: what has a row in the request log."""
    of_call, of_model = ["stage", "model", "status", "code"], ["stage", "model"]
    calls = CounterMetricFamily("cfx_requests", "Model calls, and refusals of known users", labels=of_call)
    tokens = CounterMetricFamily("cfx_tokens", "Tokens of model calls", labels=[*of_model, "direction"])
    cost = CounterMetricFamily("cfx_cost_usd", "Cost of model calls in USD", labels=of_model)
    spent: dict[tuple[str, str], list[float]] = {}
    for totals in meter.totals():
        calls.add_metric([totals.stage, totals.model, totals.status, totals.code], totals.calls)
        sums = spent.setdefault((totals.stage, totals.model), [0, 0, 0])
        sums[0] += totals.input_tokens
        sums[1] += totals.output_tokens
        sums[2] += float(totals.cost_usd)
    for labels, (input_tokens, output_tokens, cost_usd) in spent.items():
        tokens.add_metric([*labels, "input"], input_tokens)
        tokens.add_metric([*labels, "output"], output_tokens)
        cost.add_metric(list(labels), cost_usd)
    yield from (calls, tokens, cost)


def _times(meter: Meter) -> Iterator[Metric]:
    latency = HistogramMetricFamily(
        "cfx_request_duration_seconds", "From the request to its end", labels=["stage", "status"]
    )
    for (stage, status), seen in meter.latency.items():
        latency.add_metric([stage, status], _buckets(seen), seen.sum)
    ttft = HistogramMetricFamily(
        "cfx_time_to_first_token_seconds", "From the request to the reply's first byte", labels=["stage"]
    )
    for stage, seen in meter.ttft.items():
        ttft.add_metric([stage], _buckets(seen), seen.sum)
    yield from (latency, ttft)


def _buckets(seen: Histogram) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in seen.bounds), "+Inf"]
    return list(zip(bounds, accumulate(seen.counts), strict=True))


def _responses(meter: Meter) -> Metric:
    responses = CounterMetricFamily("cfx_http_responses", "Answers on all paths", labels=["code"])
    for status, count in sorted(meter.responses.items()):
        responses.add_metric([str(status)], count)
    return responses


def _chores(services: Services) -> Metric:
    failures = CounterMetricFamily(
        "cfx_chore_failures", "How often work in the background went wrong", labels=["chore"]
    )
    for chore, count in services.chores.failures().items():
        failures.add_metric([chore], count)
    return failures


def _breakers(services: Services) -> Metric:
    states = StateSetMetricFamily(
        "cfx_breaker_state", "Which state each target's circuit breaker is in", labels=["target"]
    )
    for target, state in services.breakers.states().items():
        states.add_metric([target], {one.value: one is state for one in BreakerState})
    return states
