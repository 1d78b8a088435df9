"""docs/cli.md, README.md and `cfx --help` say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cfx_flow.diffs import Patch, check
from cfx_flow.review.read import read_review
from cfx_flow.settings import HOUSE
from cli.demo.replies import text
from cli.exits import Exit
from cli.main import app

COMMANDS = (HOUSE / "docs" / "cli.md").read_text()
README = (HOUSE / "README.md").read_text()


def leaves(command: Any, name: str = "cfx") -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its whole name."""
    context = typer.Context(command)
    names = command.list_commands(context) if hasattr(command, "list_commands") else []
    if not names or command.invoke_without_command:
        yield name, command
    for below in names:
        yield from leaves(command.get_command(context, below), f"{name} {below}")


LEAVES = dict(leaves(typer.main.get_command(app)))


def options_of(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name.startswith("--")} - {
        "--help"
    }


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_and_option_is_documented(name: str) -> None:
    *group, last = name.split()
    assert " ".join(group) in COMMANDS
    assert re.search(rf"\b{last}\b", COMMANDS)
    missing = {option for option in options_of(LEAVES[name]) if option not in COMMANDS}
    assert missing - {"--version"} == set()


def test_documented_options_exist() -> None:
    known = set().union(*(options_of(command) for command in LEAVES.values()))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", COMMANDS)) - known - {"--help"} == set()


def test_every_command_has_json_output() -> None:
    assert [name for name, command in LEAVES.items() if "--json" not in options_of(command)] == []


def test_exit_codes_of_the_page_are_those_of_the_code() -> None:
    table = COMMANDS.partition("## Exit codes")[2].partition("\n## ")[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == {
        int(code) for code in Exit
    }


def test_commands_of_the_readme_exist() -> None:
    for words in re.findall(r"(?:\.venv/bin/|`)cfx ((?:[a-z]+ ?)+)", README):
        assert any(f"cfx {words.strip()}".startswith(name) for name in LEAVES), words


def test_readme_s_flow_ends_approved_on_the_demo_provider() -> None:
    files = json.loads(re.search(r'"files": (\{.*?\})\}', README)[1])  # type: ignore[index]
    assert isinstance(check(text("chat_code.md"), files), Patch)
    assert read_review(text("chat_review.md")).verdict == "approve"
