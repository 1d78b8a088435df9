"""What each judgement repair is worth: how often it led to the change that was meant, and how often not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from benchmarks.diffs.cases import Case
from cfx_flow.diffs import JUDGEMENT_REPAIRS, Patch, check


def judgements(cases: Iterable[Case]) -> None:
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for case in cases:
        result = check(case.answer, case.before)
        if isinstance(result, Patch):
            found = right if result.files_after(case.before) == case.after else wrong
            found.update({repair.kind for repair in result.repairs if repair.judgement})
    print("\nJudgement repairs, on the same cases: as meant, wrong")
    for kind in sorted(JUDGEMENT_REPAIRS):
        print(f"  {kind:<22}{right[kind]:>8,}{wrong[kind]:>6}")
