"""A patch held to the plan's contract and to the policy: what is a breach, and what follows from it."""

from __future__ import annotations

import pytest

from cfx_flow.contract.compare import Breach, breaches, breaches_json
from cfx_flow.contract.feedback import breach_feedback
from cfx_flow.contract.model import Contract
from cfx_flow.contract.policy import Policy
from cfx_flow.diffs import FileChange

OLD = "def total(items):\n    return sum(items)\n"
NEW = "def total(items):\n    return round(sum(items), 2)\n"
Files = dict[str, tuple[str | None, str | None]]


def contract(*files: str, **more: object) -> Contract:
    """``files``: a path, or ``operation path``."""
    rows = [name.rpartition(" ") for name in files]
    planned = [{"path": path, "operation": operation or "modify"} for operation, _, path in rows]
    return Contract.model_validate({"files": planned, **more})


def found(promised: Contract | None, files: Files, *, approved: bool = False) -> list[Breach]:
    changes = [FileChange(path, before, after) for path, (before, after) in files.items()]
    return list(breaches(promised, changes, Policy(), approved_by_person=approved))


def told(promised: Contract | None, files: Files, *, approved: bool = False) -> list[tuple[str, str]]:
    return [(breach.rule, breach.action) for breach in found(promised, files, approved=approved)]


def test_what_the_contract_names_is_no_breach() -> None:
    assert told(contract("cart.py", "create new.py"), {"cart.py": (OLD, NEW), "new.py": (None, "x\n")}) == []


def test_a_file_outside_the_contract_is_refused() -> None:
    files: Files = {"cart.py": (OLD, NEW), "setup.py": ("a\n", "b\n")}
    assert told(contract("cart.py"), files) == [("file_outside_contract", "reject")]


def test_a_deletion_that_is_not_promised_is_refused() -> None:
    assert told(contract("cart.py"), {"cart.py": (OLD, None)}) == [("undeclared_deletion", "reject")]
    assert told(contract("delete cart.py"), {"cart.py": (OLD, None)}) == []


def test_a_promised_file_that_stays_as_it_is_is_noted() -> None:
    assert told(contract("cart.py", "other.py"), {"cart.py": (OLD, NEW)}) == [("untouched_file", "note")]


def test_a_promised_deletion_that_only_changes_the_file_is_noted() -> None:
    (breach,) = found(contract("delete cart.py"), {"cart.py": (OLD, NEW)})
    assert (breach.rule, breach.action) == ("untouched_file", "note")
    assert breach.message == "the plan's contract says to delete cart.py; the diff leaves it there"


def test_a_line_among_the_tests_that_leaves_some_out_is_told_once() -> None:
    files: Files = {"tests/conftest.py": ("import os\n", "import os\ncollect_ignore = ['test_pay.py']\n")}
    assert told(contract("tests/conftest.py"), files) == [("weakened_test", "ask")]


def test_without_a_contract_the_policy_holds_all_the_same() -> None:
    files: Files = {"cart.py": (OLD, NEW), ".env": (None, "KEY=1\n"), "requirements.txt": ("", "left-pad\n")}
    assert told(None, files) == [("secret_file", "reject"), ("undeclared_dependency", "ask")]


@pytest.mark.parametrize(
    ("path", "rule", "alone"),
    [
        (".github/workflows/ci.yml", "ci_file", "ask"),
        ("poetry.lock", "lock_file", "ask"),
        ("deploy/server.pem", "secret_file", "reject"),
        ("CLAUDE.md", "policy_file", "ask"),
        ("sub/CODEOWNERS", "policy_file", "ask"),
    ],
)
def test_a_sensitive_path_needs_a_person_who_has_seen_it(path: str, rule: str, alone: str) -> None:
    change: Files = {path: ("a\n", "b\n")}
    assert (rule, alone) in told(None, change)
    assert (rule, alone) in told(contract("cart.py"), change)
    assert told(contract(path), change) == [(rule, "ask")]  # a model has written the plan
    assert told(contract(path), change, approved=True) == []  # a person has let it through
    assert (rule, alone) in told(contract("cart.py"), change, approved=True)  # but this was not in it


def test_examples_of_secret_files_are_none() -> None:
    assert told(None, {".env.example": ("a\n", "b\n"), "app/secrets.py": ("a\n", "b\n")}) == []


@pytest.mark.parametrize("declared", ["left-pad", "left_pad>=1: pads", "Left.Pad (left)"])
def test_a_declared_dependency_is_none(declared: str) -> None:
    files: Files = {"requirements.txt": ("flask\n", "flask\nleft-pad>=1\n")}
    assert told(contract("requirements.txt", dependencies=[declared]), files) == []
    assert told(contract("requirements.txt", dependencies=["left"]), files) == [
        ("undeclared_dependency", "ask")
    ]


def test_a_breach_names_file_line_and_what_is_new() -> None:
    files: Files = {"requirements.txt": ("flask\n", "flask\nleft-pad>=1\n")}
    (breach,) = found(contract("requirements.txt"), files)
    assert (breach.severity, breach.file, breach.line) == ("high", "requirements.txt", 2)
    assert "left-pad is a new dependency" in breach.message


def test_a_manifest_that_no_longer_reads_is_refused() -> None:
    files: Files = {"pyproject.toml": ("[project]\n", "[project\n")}
    assert told(contract("pyproject.toml"), files) == [("unreadable_manifest", "reject")]


def test_the_worst_comes_first() -> None:
    files: Files = {"poetry.lock": ("a\n", "b\n"), ".env": (None, "A=1\n"), "x.py": (None, "x\n")}
    rules = [rule for rule, _ in told(contract("y.py"), files)]
    assert rules == [
        "secret_file", "file_outside_contract", "file_outside_contract", "file_outside_contract", "lock_file",
        "untouched_file",
    ]  # fmt: skip


def test_breaches_are_findings_with_fingerprints_and_an_action() -> None:
    files: Files = {"setup.py": ("a\n", "b\n")}
    (shown,) = breaches_json(found(contract("cart.py"), files)[:1], {"setup.py": "b\n"})
    assert {"severity", "file", "line", "rule", "message", "fingerprint", "action"} == set(shown)
    assert (shown["rule"], shown["action"]) == ("file_outside_contract", "reject")


def test_the_refusal_says_what_to_leave_out_and_what_is_allowed() -> None:
    promised = contract("cart.py", "delete old.py")
    said = breach_feedback(found(promised, {"cart.py": (OLD, NEW), "setup.py": ("a\n", "b\n")})[:1], promised)
    assert "[file_outside_contract] the plan's contract does not name setup.py" in said
    assert "  modify cart.py\n  delete old.py" in said
    assert "leave those files, tests and lines out" in said
