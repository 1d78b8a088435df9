"""Diffs, checked rather than trusted: pure functions over text, tolerant of form, strict on place.

``check(text, files)`` gives a ``Patch`` or a ``Refusal``; ``check_form(text)`` does what can be done
without the files; ``reverse(patch)`` is the diff that undoes one. Nothing here reads or writes.
"""

from cfx_flow.diffs.check import check, check_form
from cfx_flow.diffs.model import (
    JUDGEMENT_REPAIRS,
    Code,
    Excerpt,
    FileChange,
    FormReport,
    Judgement,
    Patch,
    Policy,
    Problem,
    Refusal,
    Repair,
)
from cfx_flow.diffs.reverse import reverse, reverse_text

__all__ = [
    "JUDGEMENT_REPAIRS",
    "Code",
    "Excerpt",
    "FileChange",
    "FormReport",
    "Judgement",
    "Patch",
    "Policy",
    "Problem",
    "Refusal",
    "Repair",
    "check",
    "check_form",
    "reverse",
    "reverse_text",
]
