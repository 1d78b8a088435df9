"""Fixtures that every room may use, and the logs of the processes behind a failed test."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

pytest_plugins = [
    "tests.support.provider",
    "tests.support.litellm",
    "tests.support.server",
    "tests.support.stores",
]


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
