"""What is measured: the shared sample, if it is on this machine, and our own generated cases."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tests.diffs.generator import project, random_edit
from tests.diffs.real import real_edit
from tests.diffs.slips import CONTENT, FORM, JUDGED, REFUSED
from tests.support.cases import shared_data


@dataclass(frozen=True)
class Case:
    kind: str
    before: dict[str, str]
    answer: str
    after: dict[str, str] | None
    """what was meant; None where nobody knows"""
    codes: frozenset[str] = frozenset()
    """the answer must be refused with one of these; none: it can be recovered"""


def sample() -> Iterator[Case]:
    path = shared_data() / "diff_cases.jsonl.gz"
    if not path.exists():
        return
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            refuse = row["tier"] == "refuse"
            after = None if refuse else row["expected"]["files_after"]
            codes = frozenset({row["reason"]}) if refuse else frozenset()
            yield Case(row["mutation"], row["files_before"], row["llm_output"], after, codes)


def generated(edits: int, seed: int = 0) -> Iterator[Case]:
    """Every slip on every edit that gives an occasion for it; every other edit is one of real text."""
    for number in range(seed, seed + edits):
        dice = Random(number)
        edit = real_edit(dice) if number % 2 else random_edit(project(dice), dice)
        for name, slip in {**FORM, **JUDGED}.items():
            if (answer := slip(edit, Random(number))) is not None:
                yield Case(name, edit.before, answer, edit.after)
        for name, (write, codes) in REFUSED.items():
            if (answer := write(edit, Random(number))) is not None:
                yield Case(name, edit.before, answer, None, codes)
        for name, kind in CONTENT.items():
            spoilt = kind.spoil(edit, Random(number))
            if spoilt is not None:
                yield Case(name, edit.before, spoilt.text(), edit.after, kind.codes)
