"""Imports point one way, and importing a module does nothing but define things."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cfx_flow.settings import HOUSE

PROGRAM = Path(__file__).with_name("import_everything.py")


def _import(*packages: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *packages],
        cwd=HOUSE,
        env={"PYTHONPATH": str(HOUSE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_core_loads_neither_web_framework_nor_graph_library_nor_terminal() -> None:
    found = _import("cfx_flow")
    assert len(found["modules"]) > 20
    foreign = {"fastapi", "starlette", "uvicorn", "langgraph", "langchain_core", "langchain_openai", "typer"}
    ours = {"graphs", "api", "cli", "tests"}
    assert not (foreign | ours) & set(found["loaded"])


@pytest.mark.e2e
def test_graphs_know_neither_api_nor_cli() -> None:
    found = _import("graphs")
    assert not {"api", "cli", "fastapi", "typer"} & set(found["loaded"])


def test_app_is_imported_without_the_graph_library() -> None:
    """It would double the time until the first answer; a thread imports it once the port is open."""
    found = _import("api")
    assert not {"langgraph", "langchain_core", "langchain_openai", "alembic", "cli"} & set(found["loaded"])


def test_chat_and_probes_answer_before_fastapi_is_imported() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, api.server; print(*sys.modules)"],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    assert "api.chat" in loaded
    assert not {"fastapi", "langgraph", "alembic"} & set(loaded)


def test_command_is_imported_without_the_server() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, cli.main; print(*sys.modules)"],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not {"fastapi", "sqlalchemy", "langgraph", "pydantic", "httpx", "rich", "yaml"} & loaded


@pytest.mark.e2e
@pytest.mark.parametrize(
    "packages",
    [("cfx_flow", "api", "cli"), ("graphs",)],
    ids=lambda names: names[0],
)
def test_importing_reads_no_environment_opens_nothing_and_starts_nothing(packages: tuple[str, ...]) -> None:
    found = _import(*packages)
    assert found["did"] == []
    assert found["threads"] == 1
