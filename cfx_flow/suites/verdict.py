"""What came of a suite: does anything fail that did not fail before the patch?

With a report that is a question about names, as far as the tests came to their end. Without one nobody can
tell one failure from another: it has failed as before only if the same command fails with the same output,
numbers aside, and all of that is there to be compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from cfx_flow.suites.junit import Cases
from cfx_flow.workspace.sandbox.model import Ran
from cfx_flow.workspace.sandbox.output import cut

Status = Literal["passed", "failed", "failed_before", "skipped"]

MAX_NAMES = 50
MAX_REASONS_CHARS = 32_000
MAX_SHOWN_CHARS = 100
"""of a name in a sentence"""

_NUMBERS = re.compile(r"\d{4}-\d\d-\d\dT[\d:.,]+|(?<!\w)(?:0x[0-9a-fA-F]+|\d+(?:[.,:]\d+)*)")
"""times, addresses, durations: they differ each time; the number in ``test_2`` does not"""
_CUT = re.compile(r"\[… (?:about \d+ bytes|\d+ characters) left out …\]")
"""as ``Output`` says it"""


class Run(msgspec.Struct, frozen=True):
    """Once through the suite's commands."""

    ran: Ran
    cases: Cases | None
    """of the report, if there is one that can be read"""

    @property
    def is_good(self) -> bool:
        return self.ran.exit_code == 0 and not self.failed

    @property
    def failed(self) -> Mapping[str, str]:
        return self.cases.failed if self.cases else {}

    @property
    def count(self) -> int:
        return self.cases.passed + self.cases.skipped + len(self.cases.failed) if self.cases else 0


class Verdict(msgspec.Struct, frozen=True):
    status: Status
    message: str
    after: Run | None = None
    before: Run | None = None
    """on the tree without the patch; made only where something fails with it"""
    new: Sequence[str] = ()

    def to_json(self, policy: str, sandbox: str | None) -> dict[str, Any]:
        """The data of ``tests.completed`` and ``tests.skipped``."""
        ran = self.after.ran if self.after else None
        cases = self.after.cases if self.after else None
        return {
            "policy": policy,
            "status": self.status,
            "message": self.message,
            "sandbox": sandbox,
            "exit_code": ran.exit_code if ran else None,
            "timed_out": ran.timed_out if ran else False,
            "duration_ms": ran.duration_ms if ran else 0,
            "passed": cases.passed if cases else None,
            "failed": len(cases.failed) if cases else None,
            "skipped": cases.skipped if cases else None,
            "failures": self._failures[:MAX_NAMES],
            "new_failures": list(self.new[:MAX_NAMES]),
            "before": _before_json(self.before),
        }

    @property
    def _failures(self) -> list[str]:
        """The new ones first: they are never among those that are left out."""
        failed = self.after.failed if self.after else {}
        new = set(self.new)
        return [*self.new, *(name for name in failed if name not in new)]

    @property
    def reasons(self) -> str:
        """For CODE: what fails anew, each as the report tells it; without one, all that was printed."""
        if self.after is None:
            return ""
        failed = self.after.failed
        told = "\n\n".join(f"{name}\n{failed[name]}" for name in self.new if name in failed)
        return cut(f"{self.message}\n\n{told or self.after.ran.output}", MAX_REASONS_CHARS)


def skipped(reason: str) -> Verdict:
    return Verdict("skipped", f"The tests were not run: {reason}")


def passed(after: Run) -> Verdict:
    cases = after.cases
    if cases is None:
        return Verdict("passed", "The tests pass.", after)
    left_out = f", {cases.skipped} skipped" if cases.skipped else ""
    return Verdict("passed", f"The tests pass: {cases.passed}{left_out}.", after)


def compared(after: Run, before: Run) -> Verdict:
    """``after`` is not good, or lacks the report that there should be."""
    if after.is_good:
        return _without_report(after, before)
    if before.is_good:
        new = tuple(after.failed)
        return Verdict(
            "failed", f"{_what_fails(after, new)} Without the patch they pass.", after, before, new
        )
    if after.failed and before.failed:
        return _by_name(after, before)
    if not after.failed and not before.failed and _looks_as(after.ran, before.ran):
        return Verdict("failed_before", f"{_what_fails(after, ())} As without it.", after, before)
    return _otherwise(after, before, tuple(after.failed))


def _without_report(after: Run, before: Run) -> Verdict:
    """The commands say that all is well, and nobody can say of what."""
    if before.cases is None:
        return Verdict("passed", "The tests' commands succeed, and leave no readable report.", after, before)
    message = "With the patch the tests' commands succeed without a report, which they leave without it."
    return Verdict("failed", message, after, before)


def _otherwise(after: Run, before: Run, new: Sequence[str] = ()) -> Verdict:
    how = "They fail without it too, but not in the same way."
    return Verdict("failed", f"{_what_fails(after, ())} {how}", after, before, new)


def _by_name(after: Run, before: Run) -> Verdict:
    new = tuple(name for name in after.failed if name not in before.failed)
    if new:
        old = len(after.failed) - len(new)
        also = f" {old} failed before." if old else ""
        return Verdict("failed", f"{_what_fails(after, new)}{also}", after, before, new)
    if _broke_off(after, before):
        return _otherwise(after, before)
    count = len(after.failed)
    same = "1 test fails" if count == 1 else f"{count} tests fail"
    fewer = after.count < before.count
    gone = f" Fewer are run than without it: {after.count} of {before.count}." if fewer else ""
    return Verdict("failed_before", f"{same}, as without the patch.{gone}", after, before)


def _broke_off(after: Run, before: Run) -> bool:
    """More went wrong than the report had time to name."""
    if after.ran.timed_out and not before.ran.timed_out:
        return True
    if after.ran.failed not in (None, before.ran.failed):
        return True
    return after.ran.exit_code not in (0, before.ran.exit_code) and after.count < before.count


def _what_fails(after: Run, names: Sequence[str]) -> str:
    if after.ran.timed_out:
        return "With the patch the tests do not come to an end in their time."
    if not names:
        return (
            f"With the patch the tests fail (exit code {after.ran.exit_code}{_last_words(after.ran.output)})."
        )
    shown = ", ".join(map(_short, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"With the patch {'a test fails' if len(names) == 1 else f'{len(names)} tests fail'}: {shown}."


def _last_words(output: str) -> str:
    """Where no report names anything, what was printed last often does."""
    last = output.strip().rpartition("\n")[2]
    return f": {_short(last)}" if last else ""


def _short(name: str) -> str:
    return name if len(name) <= MAX_SHOWN_CHARS else f"{name[: MAX_SHOWN_CHARS - 1]}…"


def _looks_as(after: Ran, before: Ran) -> bool:
    if _CUT.search(after.output) or _CUT.search(before.output):
        return False  # what differs may be what was left out
    return (after.failed, after.exit_code, _plain(after.output)) == (
        before.failed,
        before.exit_code,
        _plain(before.output),
    )


def _plain(output: str) -> str:
    return _NUMBERS.sub("0", output)


def _before_json(before: Run | None) -> dict[str, Any] | None:
    if before is None:
        return None
    failed = len(before.cases.failed) if before.cases else None
    return {"status": "passed" if before.is_good else "failed", "failed": failed}
