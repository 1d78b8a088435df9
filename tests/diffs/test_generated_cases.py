"""Our own cases, which always run: edits of made-up files, with every kind of slip that we thought of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

import pytest

from cfx_flow.diffs import Patch, check
from tests.diffs.generator import Edited, project, random_edit
from tests.diffs.slips import CONTENT, FORM, JUDGED, REFUSED

EDITS = 40
"""edits per kind of slip; `python -m benchmarks.diffs` runs many more"""
LEAST = dict.fromkeys(JUDGED, 0.95) | dict.fromkeys(("indented_more", "mark_and_a_blank"), 0.85)
LEAST |= {"dedented": 0.5, "indented_twice_as_deep": 0.5, "blanks_as_tabs": 0.5}
"""share that must be recovered; where hunks were indented each in its own way little can be known"""
WRITTEN_ANEW = {"more_context", "less_context", "no_context_at_all", "whole_file_as_one_hunk"}
"""these write the diff from the files, so that a slip of content below them would be gone"""
FORM_ON_TOP = [name for name in FORM if name not in WRITTEN_ANEW]


@cache
def edits() -> list[Edited]:
    return [random_edit(project(dice), dice) for dice in map(Random, range(EDITS))]


@pytest.mark.parametrize("slip", FORM)
def test_a_slip_of_form_comes_back_exactly(slip: str) -> None:
    tried = 0
    for seed, edit in enumerate(edits()):
        if (answer := FORM[slip](edit, Random(seed))) is None:
            continue
        tried += 1
        result = check(answer, edit.before)
        assert isinstance(result, Patch), f"seed {seed}: {result.feedback()}\n{answer}"
        assert result.files_after(edit.before) == edit.after, f"seed {seed}\n{answer}"
    assert tried, "no edit gives an occasion for this slip"


@pytest.mark.parametrize("slip", JUDGED)
def test_what_needs_a_judgement_comes_back_exactly_or_is_refused(slip: str) -> None:
    right = tried = 0
    for seed, edit in enumerate(edits()):
        if (answer := JUDGED[slip](edit, Random(seed))) is None:
            continue
        tried += 1
        result = check(answer, edit.before)
        if isinstance(result, Patch):
            right += 1
            assert result.files_after(edit.before) == edit.after, f"seed {seed}\n{answer}"
    assert tried, "no edit gives an occasion for this slip"
    assert right >= LEAST[slip] * tried


@pytest.mark.parametrize("slip", CONTENT)
def test_a_slip_of_content_is_refused_with_its_code(slip: str) -> None:
    codes = []
    for seed, spoilt in _spoilt(slip):
        result = check(spoilt.text(), spoilt.before)
        if isinstance(result, Patch):
            assert result.files_after(spoilt.before) == spoilt.after, f"seed {seed}\n{spoilt.text()}"
        else:
            codes.append(result.code)
    right = sum(code in CONTENT[slip].codes for code in codes)
    assert codes
    assert right >= 0.95 * len(codes), codes


@pytest.mark.parametrize("slip", REFUSED)
def test_what_leaves_no_sure_reading_is_refused_with_its_code(slip: str) -> None:
    write, right = REFUSED[slip]
    answers = [
        (edit, answer)
        for seed, edit in enumerate(edits())
        if (answer := write(edit, Random(seed))) is not None
    ]
    codes = [getattr(check(answer, edit.before), "code", "applied") for edit, answer in answers]
    assert codes
    assert "applied" not in codes
    assert sum(code in right for code in codes) >= 0.95 * len(codes), codes


@pytest.mark.parametrize("slip", CONTENT)
def test_no_slip_of_form_makes_a_slip_of_content_pass(slip: str) -> None:
    for seed, spoilt in _spoilt(slip):
        for name in Random(seed).sample(FORM_ON_TOP, 4):
            answer = FORM[name](spoilt, Random(seed))
            result = check(answer, spoilt.before) if answer is not None else None
            if isinstance(result, Patch):
                assert result.files_after(spoilt.before) == spoilt.after, f"seed {seed}, {name}\n{answer}"


def test_the_canonical_diff_is_accepted_again_without_repairs() -> None:
    for edit in edits():
        first = check(edit.text(), edit.before)
        assert isinstance(first, Patch)
        again = check(first.diff, edit.before)
        assert isinstance(again, Patch)
        assert again.repairs == ()
        assert again.diff == first.diff


def test_an_applied_diff_is_known_to_be_applied() -> None:
    for edit in edits():
        result = check(edit.text(), edit.after)
        only_deletions = all(section.deleted for section in edit.sections)
        assert getattr(result, "code", None) == ("missing_target" if only_deletions else "already_applied")


def _spoilt(slip: str) -> Iterator[tuple[int, Edited]]:
    for seed, edit in enumerate(edits()):
        if (spoilt := CONTENT[slip].spoil(edit, Random(seed))) is not None:
            yield seed, spoilt
