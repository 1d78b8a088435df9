"""The machine's verdict on a diff: the diff room's check, and what only the whole snapshot can tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cfx_flow.diffs import Code, Patch, Problem, Refusal, check
from cfx_flow.flows.model import Step
from cfx_flow.flows.rows import NUL_SHOWN
from cfx_flow.workspace.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Judged:
    result: Patch | Refusal

    @property
    def accepted(self) -> bool:
        return isinstance(self.result, Patch)

    @property
    def text(self) -> str:
        """The canonical diff, or what CODE must be told."""
        return self.result.diff if isinstance(self.result, Patch) else self.result.feedback()

    def to_json(self) -> dict[str, Any]:
        """The data of ``diff.checked``."""
        patch = self.result if isinstance(self.result, Patch) else None
        refusal = self.result if isinstance(self.result, Refusal) else None
        return {
            "status": "accepted" if patch else "refused",
            "code": refusal.code if refusal else None,
            "problems": [_problem(problem) for problem in refusal.problems] if refusal else [],
            "repairs": [repair.to_dict() for repair in self.result.repairs],
            "files": [
                {"path": change.path, "added": change.added, "removed": change.removed}
                for change in (patch.changes if patch else ())
            ],
        }


def judge(answer: str, snapshot: Snapshot, *, cut_off: bool = False) -> Judged:
    """Pure and possibly slow: call it in a thread. ``cut_off``: the upstream says that it is not whole."""
    if cut_off:
        return Judged(Refusal(str(_CUT_OFF.code), (_CUT_OFF,)))
    result = check(answer, snapshot.texts)
    if isinstance(result, Patch) and (problems := tuple(_collisions(result, snapshot))):
        result = Refusal(str(problems[0].code), problems)
    return Judged(result)


_CUT_OFF = Problem(
    Code.TRUNCATED,
    "the answer reached the model's output limit and breaks off; write a shorter diff, "
    "with the changed lines and no more than three lines of context around them",
)
"""A diff that lost its end can still look like a whole one: a deletion without what replaces it."""


def restored(step: Step) -> str:
    """The answer as the model wrote it: a NUL cannot be stored, and must not pass as another character."""
    output = step.output or ""
    return output.replace(NUL_SHOWN, "\0") if step.detail.get("nul") else output


def _collisions(patch: Patch, snapshot: Snapshot) -> Iterable[Problem]:
    """The check sees the text files only: a new file may still hit a binary one, or a file as its folder."""
    for change in patch.changes:
        if change.before is not None:
            continue
        if change.path in snapshot.files:
            yield Problem(Code.BINARY, "this file exists and is not text: it cannot be changed", change.path)
        parts = change.path.split("/")
        for parent in ("/".join(parts[:n]) for n in range(1, len(parts))):
            if parent in snapshot.files:
                yield Problem(Code.NEW_FILE_EXISTS, f"{parent} is a file, not a folder", change.path)


def _problem(problem: Problem) -> dict[str, Any]:
    shown = {"code": str(problem.code), "path": problem.path, "message": problem.message}
    lines = {"wrote": problem.wrote, "found": problem.found}
    return shown | {name: line for name, line in lines.items() if line is not None}
