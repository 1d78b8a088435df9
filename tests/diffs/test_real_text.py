"""Every kind of slip on edits of real text; `python -m benchmarks.diffs` and the campaign run many more."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from cfx_flow.diffs import Patch, check
from tests.diffs.real import real_edits
from tests.diffs.slips import CONTENT, FORM, JUDGED, REFUSED
from tests.support.campaign import scaled

pytestmark = [pytest.mark.e2e, pytest.mark.campaign]
EDITS = 60


def test_what_can_be_recovered_from_real_text_is_and_nothing_is_applied_wrongly() -> None:
    seen: Counter[str] = Counter()
    for seed, edit in enumerate(real_edits(scaled(EDITS))):
        for name, slip in {**FORM, **JUDGED}.items():
            if (answer := slip(edit, Random(seed))) is None:
                continue
            result = check(answer, edit.before)
            if isinstance(result, Patch):
                assert result.files_after(edit.before) == edit.after, f"seed {seed}, {name}\n{answer}"
            seen[f"{name in FORM} {isinstance(result, Patch)}"] += 1
    assert seen["True True"] >= 0.99 * (seen["True True"] + seen["True False"])
    assert seen["False True"] >= 0.7 * (seen["False True"] + seen["False False"])


def test_what_must_be_refused_on_real_text_is_with_the_right_code() -> None:
    codes: list[bool] = []
    for seed, edit in enumerate(real_edits(scaled(EDITS))):
        answers = [(slip(edit, Random(seed)), right) for slip, right in REFUSED.values()]
        for kind in CONTENT.values():
            spoilt = kind.spoil(edit, Random(seed))
            answers.append((spoilt.text() if spoilt else None, kind.codes))
        for answer, right in answers:
            if answer is None:
                continue
            result = check(answer, edit.before)
            if isinstance(result, Patch):
                assert result.files_after(edit.before) == edit.after, f"seed {seed}\n{answer}"
            else:
                codes.append(result.code in right)
    assert sum(codes) >= 0.95 * len(codes)
