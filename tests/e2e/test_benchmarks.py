"""The benchmarks run, in their shortest form; what they measure then means nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.gateway.table import ROWS
from tests.support.processes import HOUSE, child_environ


def test_benchmark_of_the_gateway_measures_every_row(tmp_path: Path) -> None:
    report = tmp_path / "figures.json"
    argv = [sys.executable, "-m", "benchmarks.gateway", "--smoke", "--no-litellm", "--json", str(report)]
    done = subprocess.run(
        argv, cwd=HOUSE, env=child_environ(), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(row.title in done.stdout for row in ROWS)
    measured = json.loads(report.read_text())["this"]
    expected = {row.id for row in ROWS if "litellm" not in row.id}
    assert {row for row in expected - measured.keys() if "redis" not in row} == set()


def test_benchmark_of_flows_ends_every_flow_approved() -> None:
    argv = [sys.executable, "-m", "benchmarks.flows", "alone", "whole", "--flows", "2"]
    done = subprocess.run(
        argv, cwd=HOUSE, env=child_environ(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("{'approved': 2}") == 6


def test_benchmark_of_the_store_asks_every_question_and_shows_its_plan() -> None:
    argv = [sys.executable, "-m", "benchmarks.store", "--logs", "2000", "--flows", "200", "--explain"]
    argv += ["--turns", "2", "--turn-s", "1"]
    done = subprocess.run(
        argv, cwd=HOUSE, env=child_environ(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, 1), done.stderr  # 1: slower than it must be
    for what in (
        "usage, a year",
        "logs, errors",
        "flows, running",
        "its events",
        "rows/s written",
        "p99 times",
    ):
        assert what in done.stdout, done.stderr
    assert done.stdout.count("Execution Time") >= 18
