"""Any edit, mangled in form, comes back exactly; a change of place or content, or a lost end, never passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfx_flow.diffs import Patch, check
from cfx_flow.workspace.edits import apply as write
from cfx_flow.workspace.edits import changes_of
from cli.diff import Texts
from tests.diffs.generator import Edited, Files, project, random_edit
from tests.diffs.real import real_edit
from tests.diffs.slips import CONTENT, FORM
from tests.diffs.test_generated_cases import FORM_ON_TOP
from tests.diffs.test_hostile import FILES, hostile_diff
from tests.support.campaign import scaled

pytestmark = [pytest.mark.e2e, pytest.mark.campaign]

CUT_ANSWERS = 40
LONGEST_CUT = 3_000
"""characters of an answer that is cut at each of them"""


SEEDS = st.integers(0, 2**32)


def an_edit(seed: int) -> tuple[Edited, Random]:
    """Of real text or of made-up text, and the dice to go on with."""
    dice = Random(seed)
    return (real_edit(dice) if seed % 2 else random_edit(project(dice), dice)), dice


@settings(max_examples=scaled(4_000))
@given(SEEDS, st.sampled_from(sorted(FORM)))
def test_any_edit_mangled_in_form_comes_back_exactly(seed: int, slip: str) -> None:
    edit, dice = an_edit(seed)
    if (answer := FORM[slip](edit, dice)) is None:
        return
    result = check(answer, edit.before)
    assert isinstance(result, Patch), f"{result.feedback()}\n{answer}"
    assert result.files_after(edit.before) == edit.after, answer


@settings(max_examples=scaled(4_000))
@given(SEEDS, st.sampled_from(sorted(CONTENT)), st.sampled_from(["none", *FORM_ON_TOP]))
def test_a_change_of_place_or_content_is_never_applied(seed: int, spoiler: str, slip: str) -> None:
    """However it is formed. Where the spoilt diff still says exactly what was meant, it may pass as that."""
    edit, dice = an_edit(seed)
    spoilt = CONTENT[spoiler].spoil(edit, dice)
    answer = FORM[slip](spoilt, dice) if spoilt else None
    if spoilt is None or answer is None:
        return
    result = check(answer, spoilt.before)
    if isinstance(result, Patch):
        assert result.files_after(spoilt.before) == spoilt.after, answer


@pytest.mark.parametrize("framed", ["{}", "```diff\n{}```\n"])
def test_an_answer_cut_at_any_character_is_never_applied_wrongly(framed: str) -> None:
    """What passes is the whole change, or whole hunks of it where the answer ended between two of them.

    Nobody can tell these from a whole answer, so they are left out (ADR 0030): a cut within the very last
    line that is not blank, where no fence promises an end; one after the two lines that announce a new
    file, which are the whole of it if it is empty; and one between lines that come at a file's end, if no
    more of them are missing than models miscount.
    """
    wrong: list[str] = []
    outcomes: Counter[str] = Counter()
    for seed in range(scaled(CUT_ANSWERS)):
        edit = _short_edit(Random(seed))
        text = framed.format(edit.text())
        possible = [edit.after, *_after_whole_hunks(edit)]
        for end in range(len(text)):
            result = check(text[:end], edit.before)
            outcomes["refused" if not isinstance(result, Patch) else "applied"] += 1
            if isinstance(result, Patch) and result.files_after(edit.before) not in possible:
                wrong += (
                    [] if _looks_whole(text, end) else [f"seed {seed}: {text[max(end - 200, 0) : end]!r}"]
                )
    assert wrong == []
    assert outcomes["refused"] > 20 * outcomes["applied"]


def _short_edit(dice: Random) -> Edited:
    while True:
        edit = real_edit(dice) if dice.random() < 0.5 else random_edit(project(dice), dice)
        if len(edit.text()) <= LONGEST_CUT:
            return edit


def _after_whole_hunks(edit: Edited) -> Iterator[Files]:
    """The files after the first n hunks, for every n: what an answer that ends between two hunks says."""
    total = sum(max(len(section.pieces), 1) for section in edit.sections)
    for count in range(1, total):
        sections, left = [], count
        for section in edit.sections:
            taken = min(left, max(len(section.pieces), 1))
            sections += [replace(section, pieces=section.pieces[:taken])] if taken else []
            left -= taken
        result = check(replace(edit, sections=sections).text(), edit.before)
        if isinstance(result, Patch):
            yield result.files_after(edit.before)


def _looks_whole(text: str, end: int) -> bool:
    """Nothing is missing but a part of the section's last line, its line end or what is said of that."""
    rest = text[end:].split("\n", 1)[-1].removeprefix("```").strip()
    in_last_line = not rest or rest.startswith(("diff --git", "\\ No newline", "@@"))
    announced = text[:end].rstrip("\n").endswith("\nnew file mode 100644")
    return in_last_line or announced or text[end:].startswith("\\") or _looks_miscounted(text, end)


def _looks_miscounted(text: str, end: int) -> bool:
    shown = list(takewhile(lambda line: line[:1] == "+", text[:end].split("\n")[-2::-1]))
    missing = list(takewhile(lambda line: line[:1] == "+", text[end:].split("\n")))
    return text[end - 1] == "\n" and len(missing) <= max(5, len(shown) // 3)


def test_two_thousand_hostile_diffs_write_nothing_outside_and_nothing_when_refused(tmp_path: Path) -> None:
    """On a real folder, through what `cfx diff apply` does."""
    root = tmp_path / "outer" / "tree"
    outcomes: Counter[str] = Counter()
    for seed in range(scaled(2_000)):
        for path, text in FILES.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        before = _tree(tmp_path, inside=root)
        texts = Texts(root)
        result = check(hostile_diff(Random(seed)), texts)
        if isinstance(result, Patch):
            write(root, f"hostile-{seed}", changes_of(result, texts.read))
        after = _tree(tmp_path, inside=root)
        outcomes[type(result).__name__] += 1
        assert after[1] == before[1], f"seed {seed}"
        if not isinstance(result, Patch):
            assert after[0] == before[0], f"seed {seed}"
        _empty(root)
    assert outcomes["Refusal"] > outcomes["Patch"]


def _tree(top: Path, *, inside: Path) -> tuple[Files, Files]:
    """Contents in the folder (our records aside), and of everything else."""
    files = {place.relative_to(top).as_posix(): place for place in top.rglob("*") if place.is_file()}
    prefix = inside.relative_to(top).as_posix() + "/"
    own = {name: place for name, place in files.items() if name.startswith(prefix)}
    kept = {name: place.read_text() for name, place in own.items() if not name.startswith(f"{prefix}.cfx/")}
    return kept, {name: place.read_text() for name, place in files.items() if name not in own}


def _empty(root: Path) -> None:
    for place in sorted(root.rglob("*"), reverse=True):
        if place.is_file() or place.is_symlink():
            place.unlink()
