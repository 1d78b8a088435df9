"""The operator's test policies: what is wrong in the file is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfx_flow.errors import ConfigError
from cfx_flow.settings import HOUSE
from cfx_flow.suites.load import load_suites
from cfx_flow.suites.model import Suites


def load(tmp_path: Path, text: str) -> Suites:
    file = tmp_path / "test_policies.yaml"
    file.write_text(text)
    return load_suites(file)


def test_the_file_that_the_project_ships_is_in_order() -> None:
    suites = load_suites(HOUSE / "config" / "test_policies.yaml")
    assert suites["unittest"].commands == (("python3", "-m", "unittest", "discover", "-b"),)
    assert suites["unittest"].limits.timeout_s == 300


def test_the_examples_in_its_comments_are_in_order_too(tmp_path: Path) -> None:
    text = (HOUSE / "config" / "test_policies.yaml").read_text()
    shown = text.partition("policies:")[2].replace("\n  # ", "\n  ").replace("\n  #\n", "\n")
    suites = load(tmp_path, "policies:" + shown.replace("\n  With pytest", "\n  # With pytest"))
    assert set(suites) == {"unittest", "pytest", "npm"}


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("policies:\n  unit:\n    commands: []\n", 3, "policies.unit.commands"),
        ("policies:\n  unit:\n    commands: [pytest -q]\n", 3, "policies.unit.commands[0]"),
        ("policies:\n  unit:\n    commands: [[]]\n", 3, "policies.unit.commands[0]"),
        ("policies:\n  unit:\n    command: [[x]]\n", 3, "policies.unit.command"),
        ("policies:\n  unit:\n    commands: [[x]]\n    timeout_s: 0\n", 4, "policies.unit.timeout_s"),
        ("policies:\n  unit:\n    commands: [[x]]\n    report: ../x\n", 4, "policies.unit.report"),
        ("policies:\n  unit:\n    commands: [[x]]\n    report: /x\n", 4, "policies.unit.report"),
        ("policies:\n  unit:\n    commands: [[x]]\n    report: ./\n", 4, "policies.unit.report"),
        ("policies:\n  unit:\n    commands: [[x]]\n    read_only: [venv]\n", 4, "policies.unit.read_only[0]"),
        ("policies:\n  unit:\n    commands: [[x]]\n    read_only: [/]\n", 4, "policies.unit.read_only[0]"),
        ("policies:\n  unit:\n    commands: [[x]]\n    image: --privileged\n", 4, "policies.unit.image"),
        ("policies:\n  un it:\n    commands: [[x]]\n", 2, "policies.un it"),
        ("policies: [x]\n", 1, "policies"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, line: int, key: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, text)
    assert (refusal.value.line, refusal.value.key) == (line, key)


def test_a_report_is_known_by_the_name_that_a_tree_would_give_it(tmp_path: Path) -> None:
    """Else one that lies in the tree would be handed in, and read as if the commands had written it."""
    suites = load(tmp_path, "policies:\n  unit: {commands: [[x]], report: .//out/./report.xml}\n")
    assert suites["unit"].report == "out/report.xml"


def test_a_server_may_have_none(tmp_path: Path) -> None:
    assert load(tmp_path, "policies: {}\n") == {}
