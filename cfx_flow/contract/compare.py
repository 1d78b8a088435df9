"""The patch held to the plan's contract and the operator's policy. No model has a say in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cfx_flow.contract.manifests import UnreadableManifest, dependencies_in, is_declared
from cfx_flow.contract.model import Contract
from cfx_flow.contract.policy import Action, PathKind, Policy, Rule
from cfx_flow.contract.steered import steered
from cfx_flow.contract.weakened import Loss, losses
from cfx_flow.diffs import FileChange
from cfx_flow.review.finding import SEVERITIES, Finding, Severity, with_fingerprints

MAX_BREACHES = 200

_SENSITIVE: Mapping[PathKind, tuple[Rule, str]] = {
    "ci": ("ci_file", "it steers what runs on the machines of CI"),
    "lock": ("lock_file", "it is written by a package manager, not by hand"),
    "secret": ("secret_file", "files like it hold secrets"),
    "policy": ("policy_file", "it steers who, or which agent, may do what"),
}


class Breach(msgspec.Struct, frozen=True):
    """One finding of the machine, and what follows from it."""

    rule: Rule
    severity: Severity
    action: Action
    file: str
    message: str
    line: int | None = None
    """in the new version"""

    @property
    def finding(self) -> Finding:
        return Finding(
            severity=self.severity, file=self.file, line=self.line, rule=self.rule, message=self.message
        )


class _Fault(msgspec.Struct, frozen=True):
    """A breach that has not been weighed yet."""

    rule: Rule
    file: str
    message: str
    line: int | None = None
    is_declared: bool = False
    """the contract names exactly this"""


def breaches(
    contract: Contract | None, changes: Sequence[FileChange], policy: Policy, *, approved_by_person: bool
) -> tuple[Breach, ...]:
    """The worst first. ``approved_by_person``: somebody has let this plan through."""
    weighed = [
        _weighed(fault, policy, approved_by_person=approved_by_person)
        for fault in _faults(contract, changes, policy)
    ]
    found = [breach for breach in weighed if breach is not None]
    found.sort(key=lambda breach: (_ORDER.index(breach.action), SEVERITIES.index(breach.severity)))
    return tuple(found[:MAX_BREACHES])


_ORDER: tuple[Action, ...] = ("reject", "ask", "note")


def breaches_json(found: Sequence[Breach], files: Mapping[str, str]) -> list[dict[str, Any]]:
    """As findings, each with its ``action`` too."""
    shown = with_fingerprints([breach.finding for breach in found], files)
    return [finding | {"action": breach.action} for finding, breach in zip(shown, found, strict=True)]


def _weighed(fault: _Fault, policy: Policy, *, approved_by_person: bool) -> Breach | None:
    if fault.is_declared and approved_by_person:
        return None
    ruling = policy.rules[fault.rule]
    action: Action = "ask" if fault.is_declared and ruling.action == "reject" else ruling.action
    return Breach(fault.rule, ruling.severity, action, fault.file, fault.message, fault.line)


def _faults(contract: Contract | None, changes: Sequence[FileChange], policy: Policy) -> Iterator[_Fault]:
    if contract is not None:
        yield from _files(contract, changes)
    yield from _dependencies(contract, changes)
    yield from _tests(contract, changes, policy)
    for change in changes:
        for kind, (rule, why) in _SENSITIVE.items():
            if policy.is_(kind, change.path):
                named = contract is not None and contract.planned(change.path) is not None
                yield _Fault(rule, change.path, f"{change.path} is changed: {why}", is_declared=named)


def _files(contract: Contract, changes: Sequence[FileChange]) -> Iterator[_Fault]:
    for change in changes:
        planned = contract.planned(change.path)
        if planned is None:
            message = f"the plan's contract does not name {change.path}"
            yield _Fault("file_outside_contract", change.path, message)
        elif change.after is None and planned.operation != "delete":
            message = f"the plan's contract says to {planned.operation} {change.path}, not to delete it"
            yield _Fault("undeclared_deletion", change.path, message)
        elif change.after is not None and planned.operation == "delete":
            message = f"the plan's contract says to delete {change.path}; the diff leaves it there"
            yield _Fault("untouched_file", change.path, message)
    touched = {change.path for change in changes}
    for file in contract.files:
        if file.path not in touched:
            message = f"the plan's contract says to {file.operation} {file.path}; the diff leaves it as it is"
            yield _Fault("untouched_file", file.path, message)


def _dependencies(contract: Contract | None, changes: Sequence[FileChange]) -> Iterator[_Fault]:
    declared = contract.dependencies if contract else ()
    for change in changes:
        if change.after is None:
            continue
        try:
            after = dependencies_in(change.path, change.after)
        except UnreadableManifest as error:
            yield _Fault(
                "unreadable_manifest", change.path, f"{change.path} cannot be read any more: {error}"
            )
            continue
        for dependency in sorted(after - _before(change)):
            message = f"{dependency} is a new dependency that the plan's contract does not declare"
            fault = _Fault("undeclared_dependency", change.path, message, _line_of(dependency, change.after))
            if not is_declared(dependency, declared):
                yield fault


def _before(change: FileChange) -> frozenset[str]:
    try:
        return dependencies_in(change.path, change.before or "")
    except UnreadableManifest:
        return frozenset()  # then whatever it names now is new


def _line_of(dependency: str, text: str) -> int | None:
    at = text.find(dependency.partition(" from ")[0])
    return text.count("\n", 0, at) + 1 if at >= 0 else None


def _tests(contract: Contract | None, changes: Sequence[FileChange], policy: Policy) -> Iterator[_Fault]:
    files = {
        change.path: (change.before, change.after) for change in changes if policy.is_("tests", change.path)
    }
    every = {change.path: (change.before, change.after) for change in changes}
    lost = list(losses(files))
    told = {(loss.path, loss.line) for loss in lost}  # a conftest.py among the tests is looked at twice
    for loss in (*lost, *(each for each in steered(every) if (each.path, each.line) not in told)):
        rule: Rule = "deleted_test" if loss.gone else "weakened_test"
        named = contract is not None and loss.gone and _says_that_it_goes(contract, loss)
        yield _Fault(rule, loss.path, f"{loss.path}: {loss.message}", loss.line, is_declared=named)


def _says_that_it_goes(contract: Contract, loss: Loss) -> bool:
    """The file is to be deleted, or each test stands under ``tests`` as one to remove."""
    planned = contract.planned(loss.path)
    if planned is not None and planned.operation == "delete":
        return True
    removals = [said for said in contract.tests if re.match(r"\W*(remov|delet|drop)", said, re.I)]
    return bool(loss.names) and all(
        any(name.rpartition(".")[2] in said for said in removals) for name in loss.names
    )
