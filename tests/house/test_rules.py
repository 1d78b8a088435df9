"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cfx_flow.settings import HOUSE, Settings

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_TEST = 500
"""a table of cases is long and easy to read"""
MOST_LINES_OF_A_FUNCTION = 60
CLIENT_SIDE = {"CFX_API_URL", "CFX_API_KEY"}
"""read by the commands that talk to a server (cli/credentials.py), not by Settings"""


def _tracked(*patterns: str) -> list[Path]:
    """Files that git knows or would take up; where there is no git, files."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode == 0:
        found = [HOUSE / name for name in done.stdout.split("\0") if name]
    else:
        found = [file for pattern in patterns for file in HOUSE.rglob(pattern) if ".venv" not in str(file)]
    return sorted(file for file in found if file.is_file())


def _named(file: Path) -> str:
    return file.relative_to(HOUSE).as_posix()


SOURCES = [file for file in _tracked("*.py") if not _named(file).startswith("examples/")]


def test_sources_are_found() -> None:
    assert len(SOURCES) > 100


def test_files_are_about_one_subject() -> None:
    lengths = {_named(file): len(file.read_text("utf-8").splitlines()) for file in SOURCES}
    most = {
        name: MOST_LINES_OF_A_TEST if name.startswith("tests/") else MOST_LINES_OF_A_FILE for name in lengths
    }
    assert {name: lines for name, lines in lengths.items() if lines > most[name]} == {}


def _functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_functions_are_short() -> None:
    lengths = {
        f"{_named(file)}:{function.lineno} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for file in SOURCES
        if not _named(file).startswith(("tests/", "benchmarks/", "migrations/"))
        for function in _functions(file)
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}
    assert sum(lines > 40 for lines in lengths.values()) < len(lengths) / 50, "few are above 40"


def test_nothing_is_left_for_later_and_nothing_is_mocked() -> None:
    later = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
    mocked = re.compile(r"mock\.pa" r"tch|unittest\.mo" r"ck|monkeypatch\.seta" r"ttr")
    found = [
        f"{_named(file)}:{number}"
        for file in SOURCES
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if later.search(line) or mocked.search(line)
    ]
    assert found == []


def test_everything_is_caught_at_the_edges_only() -> None:
    """``except Exception`` elsewhere would turn a bug into a quiet wrong answer."""
    edges = {
        _named(file)
        for file in SOURCES
        if not _named(file).startswith(("tests/", "benchmarks/"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "Exception")
    }
    hand_it_to_those_who_wait = {
        "cfx_flow/store/commit_thread.py",
        "cfx_flow/store/group_commit.py",
        "cfx_flow/store/sqlite_jobs.py",
    }
    assert edges == {
        "api/middleware/entry.py",
        "api/chat.py",
        "cfx_flow/flows/runner.py",
        "cfx_flow/chores.py",
        "cfx_flow/accounts/behind.py",
        "cfx_flow/accounts/key_watch.py",
        *hand_it_to_those_who_wait,
    }


@pytest.mark.parametrize("file", _tracked("requirements/*.lock"), ids=_named)
def test_lock_has_hashes_and_no_address(file: Path) -> None:
    text = file.read_text("utf-8")
    assert "--hash=sha256:" in text
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


@pytest.mark.parametrize("folder", ["tests/clients", "dashboard"])
def test_npm_lock_has_hashes_and_no_address(folder: str) -> None:
    text = (HOUSE / folder / "package-lock.json").read_text("utf-8")
    assert "://" not in text
    packages = json.loads(text)["packages"]
    installed = {  # what comes inside of another one's archive is hashed with it
        name: package for name, package in packages.items() if name and "inBundle" not in package
    }
    assert [
        name for name, package in installed.items() if not package["integrity"].startswith("sha512-")
    ] == []
    assert [name for name, package in installed.items() if "resolved" in package] == []


def _explained() -> set[str]:
    """The variables of .env.example; each is commented out, so that a copy changes nothing."""
    text = (HOUSE / ".env.example").read_text("utf-8")
    return set(re.findall(r"^# ([A-Z_]+)=", text, re.MULTILINE))


def _settings() -> set[str]:
    """The first name of each setting."""
    return {names[0] for names in Settings.aliases()}


def test_env_example_explains_every_variable_of_server_commands_and_compose_and_no_other() -> None:
    composed = set(re.findall(r"\$\{([A-Z_]+)", (HOUSE / "docker-compose.yml").read_text("utf-8")))
    assert _explained() == _settings() | CLIENT_SIDE | composed


def test_env_example_sets_nothing() -> None:
    lines = (HOUSE / ".env.example").read_text("utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_env_example_shows_the_defaults() -> None:
    """What it shows is accepted, and is what holds without it."""
    text = (HOUSE / ".env.example").read_text("utf-8")
    shown = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", text, re.MULTILINE))
    own = {name: value for name, value in shown.items() if name in _settings()}
    places = {"models_file", "policy_file", "test_policies_file", "dashboard_dir"}
    choices = {"litellm_url", "litellm_key", *places}
    loaded, default = Settings.load(own), Settings.load({})
    assert loaded.model_dump(exclude=choices) == default.model_dump(exclude=choices)
    for place in places:
        assert (HOUSE / getattr(loaded, place)).resolve() == getattr(default, place).resolve()
