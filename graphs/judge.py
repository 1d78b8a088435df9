"""The machine's verdict on a diff: the diff room's check, and what only the whole snapshot can tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from cfx_flow.contract.compare import Breach, breaches, breaches_json
from cfx_flow.contract.feedback import breach_feedback
from cfx_flow.contract.model import Contract
from cfx_flow.contract.policy import Policy
from cfx_flow.diffs import Code, Patch, Problem, Refusal, check
from cfx_flow.diffs import Policy as DiffPolicy
from cfx_flow.flows.model import Step
from cfx_flow.flows.rows import NUL_SHOWN
from cfx_flow.sizes import bytes_of
from cfx_flow.workspace.snapshot import Snapshot

BREACH = "contract_breach"
"""the code of a diff that fits the files and may not be taken all the same"""
_ANY = DiffPolicy()
"""for a patch that was accepted: it is canonical, and held to nothing more"""


class Terms(msgspec.Struct, frozen=True):
    """What a patch is held to besides the files."""

    contract: Contract | None
    approved_by_person: bool
    """somebody has let the plan through"""
    policy: Policy
    max_bytes: int
    """of a diff: the reviewer must be able to read it whole"""


class Judged(msgspec.Struct, frozen=True):
    result: Patch | Refusal
    contract: Contract | None = None
    breaches: tuple[Breach, ...] = ()

    @property
    def rejecting(self) -> tuple[Breach, ...]:
        return tuple(breach for breach in self.breaches if breach.action == "reject")

    @property
    def accepted(self) -> bool:
        return self.code is None

    @property
    def text(self) -> str:
        """The canonical diff, or what CODE must be told."""
        if self.rejecting:
            return breach_feedback(self.rejecting, self.contract)
        return self.result.diff if isinstance(self.result, Patch) else self.result.feedback()

    @property
    def code(self) -> str | None:
        if isinstance(self.result, Refusal):
            return self.result.code
        return BREACH if self.rejecting else None

    def to_json(self) -> dict[str, Any]:
        """The data of ``diff.checked``."""
        patch = self.result if isinstance(self.result, Patch) else None
        refusal = self.result if isinstance(self.result, Refusal) else None
        problems = [_problem(problem) for problem in refusal.problems] if refusal else []
        problems += [
            {"code": breach.rule, "path": breach.file, "message": breach.message} for breach in self.rejecting
        ]
        code = self.code
        return {
            "status": "refused" if code else "accepted",
            "code": code,
            "problems": problems,
            "repairs": [repair.to_dict() for repair in self.result.repairs],
            "contract": "present" if self.contract else "none",
            "breaches": breaches_json(self.breaches, patched_files(self.result)),
            "files": [
                {"path": change.path, "added": change.added, "removed": change.removed}
                for change in (patch.changes if patch else ())
            ],
        }


def judge(answer: str, snapshot: Snapshot, terms: Terms, *, breaks_off: str = "") -> Judged:
    """Pure and possibly slow: call it in a thread. ``breaks_off``: why the upstream says that it is not
    whole."""
    if breaks_off:
        return Judged(_refusal(_cut_off(breaks_off)), terms.contract)
    result = placed(answer, snapshot, terms.policy.diffs)
    if isinstance(result, Patch) and (size := bytes_of(result.diff)) > terms.max_bytes:
        result = _refusal(_too_long(size, terms.max_bytes))
    if isinstance(result, Refusal):
        return Judged(result, terms.contract)
    found = breaches(
        terms.contract, result.changes, terms.policy, approved_by_person=terms.approved_by_person
    )
    return Judged(result, terms.contract, found)


def placed(answer: str, snapshot: Snapshot, policy: DiffPolicy = _ANY) -> Patch | Refusal:
    result = check(answer, snapshot.texts, policy)
    if isinstance(result, Patch):
        problems = tuple(_collisions(result, snapshot))
        return Refusal(str(problems[0].code), problems) if problems else result
    problems = tuple([_as_it_is(problem, snapshot) for problem in result.problems])
    return Refusal(str(problems[0].code), problems, result.repairs)


def _refusal(problem: Problem) -> Refusal:
    return Refusal(str(problem.code), (problem,))


def _too_long(size: int, max_bytes: int) -> Problem:
    return Problem(
        Code.OVERSIZE,
        f"the diff has {size} bytes, and the reviewer can read {max_bytes} of them; do only what "
        "the plan asks for, with no more than three lines of context around each change",
    )


def patched_files(result: Patch | Refusal) -> dict[str, str]:
    """The changed files as the patch leaves them."""
    changes = result.changes if isinstance(result, Patch) else ()
    return {change.path: change.after for change in changes if change.after is not None}


def _cut_off(why: str) -> Problem:
    """A diff that lost its end can still look like a whole one: a deletion without what replaces it."""
    return Problem(
        Code.TRUNCATED,
        f"{why}; write a shorter diff, with the changed lines and no more than three lines of context "
        "around them",
    )


def restored(step: Step) -> str:
    """The answer as the model wrote it: a NUL cannot be stored, and must not pass as another character."""
    output = step.output or ""
    return output.replace(NUL_SHOWN, "\0") if step.detail.get("nul") else output


_NO_TEXT = "this file exists and is no UTF-8 text: it cannot be changed, leave it out"


def _as_it_is(problem: Problem, snapshot: Snapshot) -> Problem:
    """To the check a file that is no text is not there; as a new one it would be refused as well."""
    if problem.code is Code.MISSING_TARGET and problem.path in snapshot.files:
        return Problem(Code.BINARY, _NO_TEXT, problem.path, problem.line)
    return problem


def _collisions(patch: Patch, snapshot: Snapshot) -> Iterable[Problem]:
    """The check sees the text files only: a new file may still hit a binary one, or a file as its folder."""
    for change in patch.changes:
        if change.before is not None:
            continue
        if change.path in snapshot.files:
            yield Problem(Code.BINARY, _NO_TEXT, change.path)
        for parent in (change.path[:at] for at, char in enumerate(change.path) if char == "/"):
            if parent in snapshot.files:
                yield Problem(Code.NEW_FILE_EXISTS, f"{parent} is a file, not a folder", change.path)


def _problem(problem: Problem) -> dict[str, Any]:
    shown = {"code": str(problem.code), "path": problem.path, "message": problem.message}
    lines = {"wrote": problem.wrote, "found": problem.found}
    return shown | {name: line for name, line in lines.items() if line is not None}
