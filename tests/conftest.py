"""Fixtures that every room may use, and the logs of the processes behind a failed test."""

from __future__ import annotations

import gc
import signal
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest
import structlog
from xdist.scheduler import LoadScopeScheduling

from tests.support.campaign import load_hypothesis_profile

# A shell has its jobs in the background ignore Ctrl-C, and so would each process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
gc.disable()  # until the tests are collected: imports make objects that never go
load_hypothesis_profile()

pytest_plugins = [
    "tests.support.redis",
    "tests.support.provider",
    "tests.support.litellm",
    "tests.support.server",
    "tests.support.stores",
    "tests.support.sandboxes",
]


LITELLM = "litellm"
BROWSER = "dashboard/browser/"
PROCESSES = {LITELLM, "provider_process", "postgres_server"}


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """structlog's default draws every local variable of every frame: a logged exception took 15 s."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    )


class OneLiteLlm(LoadScopeScheduling):
    """Tests behind LiteLLM are one unit of work, those in the browser another, all others units of their own.

    xdist's own ``loadgroup`` writes the group into ``item._nodeid``, which pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((shared for shared in (LITELLM, BROWSER) if shared in nodeid), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneLiteLlm | None:
    return OneLiteLlm(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs a process beside it belongs to the slow half, but for a few that are marked quick."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if LITELLM in fixtures and LITELLM not in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid} uses LiteLLM: its id must say {LITELLM!r}")
        if fixtures & PROCESSES and item.get_closest_marker("quick") is None:
            item.add_marker("e2e")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the end of the log of every process that it used."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if hasattr(value, "log_tail"):
                report.sections.append((f"log of {name}", value.log_tail()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One visible line for each reason to skip, however many tests it skips."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = Counter(
        str(where[2]).removeprefix("Skipped: ") for where in skipped if isinstance(where, tuple)
    )
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"SKIPPED {count}: {reason}")
