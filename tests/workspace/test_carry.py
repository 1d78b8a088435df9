"""A change on a file that was edited since: exactly right, or refused."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfx_flow.workspace.edits.carry import carry
from cfx_flow.workspace.edits.change import Drifted
from tests.support.campaign import scaled

BASE = b"".join(b"line %d\n" % n for n in range(1, 21))


def edited(text: bytes, *pairs: tuple[bytes, bytes]) -> bytes:
    for old, new in pairs:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


AFTER = edited(BASE, (b"line 10\n", b"ten\nten and a half\n"))


def test_file_as_it_was_becomes_what_the_change_says() -> None:
    assert carry(BASE, AFTER, BASE) == AFTER
    assert carry(None, AFTER, None) == AFTER
    assert carry(BASE, None, BASE) is None


def test_file_that_has_the_change_already_stays() -> None:
    assert carry(BASE, AFTER, AFTER) == AFTER
    assert carry(BASE, None, None) is None


def test_edits_elsewhere_in_the_file_are_kept() -> None:
    mine = ((b"line 2\n", b"mine\nand mine\n"), (b"line 18\n", b""))
    assert carry(BASE, AFTER, edited(BASE, *mine)) == edited(AFTER, *mine)
    assert carry(AFTER, BASE, edited(AFTER, *mine)) == edited(BASE, *mine)


@pytest.mark.parametrize(
    ("mine", "told"),
    [
        ((b"line 10\n", b"mine\n"), "line 10 was 'line 10', and there is 'mine'"),
        ((b"line 9\n", b"line 9, mine\n"), "line 9 was 'line 9', and there is 'line 9, mine'"),
        ((b"line 10\n", b""), "line 10 was 'line 10', and there is 'line 11'"),
        ((b"line 11\n", b"mine\nline 11\n"), "line 11 was 'line 11', and there is 'mine'"),
    ],
)
def test_edit_in_or_beside_a_hunk_names_the_hunk_and_the_first_line(
    mine: tuple[bytes, bytes], told: str
) -> None:
    with pytest.raises(Drifted) as refused:
        carry(BASE, AFTER, edited(BASE, mine))
    assert "the hunk at line 10 (-1 +2) does not fit any more" in refused.value.why
    assert told in refused.value.why


def test_every_hunk_in_the_way_is_named() -> None:
    after = edited(BASE, (b"line 3\n", b"three\n"), (b"line 17\n", b"seventeen\n"))
    with pytest.raises(Drifted, match=r"the hunk at line 3 .*; the hunk at line 17 "):
        carry(BASE, after, edited(BASE, (b"line 3\n", b"x\n"), (b"line 17\n", b"y\n")))


@pytest.mark.parametrize(
    ("before", "after", "now", "told"),
    [
        (BASE, AFTER, None, "is gone"),
        (None, AFTER, BASE, "exists by now"),
        (BASE, None, BASE + b"mine\n", "would be deleted, and has been edited: line 21 was nothing"),
        (b"a", b"b", b"c\n", "line 1 was 'a' without its line end, and there is 'c'"),
    ],
)
def test_whole_files_that_are_not_what_they_were_are_refused(
    before: bytes | None, after: bytes | None, now: bytes | None, told: str
) -> None:
    with pytest.raises(Drifted) as refused:
        carry(before, after, now)
    assert told in refused.value.why


def test_place_that_has_become_ambiguous_is_refused() -> None:
    """The function was copied since: which of the two is meant, nobody can tell."""
    function = b"def f():\n    a = 1\n    b = 2\n    c = 3\n    return a\n"
    after = function.replace(b"b = 2", b"b = 5")
    with pytest.raises(Drifted, match="ambiguous"):
        carry(function, after, function + b"\n" + function)


def test_lines_put_at_the_very_end_are_not_put_among_others_that_came_there() -> None:
    with pytest.raises(Drifted):
        carry(BASE, BASE + b"flow\n", BASE + b"mine\n")
    assert carry(BASE + b"flow\n", BASE, BASE + b"flow\nmine\n") == BASE + b"mine\n"


def test_file_checked_out_with_other_line_ends_is_the_same_file() -> None:
    crlf = BASE.replace(b"\n", b"\r\n")
    assert carry(BASE, AFTER, crlf) == AFTER.replace(b"\n", b"\r\n")
    assert carry(crlf, AFTER.replace(b"\n", b"\r\n"), BASE) == AFTER
    mine = (b"line 2\r\n", b"mine\r\n")
    assert carry(BASE, AFTER, edited(crlf, mine)) == edited(AFTER.replace(b"\n", b"\r\n"), mine)
    assert carry(BASE, None, crlf) is None


def test_missing_final_newline_is_a_difference_like_any_other() -> None:
    bare = BASE.removesuffix(b"\n")
    assert carry(
        bare, edited(bare, (b"line 5\n", b"five\n")), edited(bare, (b"line 15\n", b"x\n"))
    ) == edited(bare, (b"line 5\n", b"five\n"), (b"line 15\n", b"x\n"))
    assert carry(BASE, bare, edited(BASE, (b"line 5\n", b"x\n"))) == edited(bare, (b"line 5\n", b"x\n"))


def test_bytes_that_are_no_text_stand_elsewhere_unharmed() -> None:
    mine = (b"line 2\n", b"\xff\xfe\n")
    assert carry(BASE, AFTER, edited(BASE, mine)) == edited(AFTER, mine)


def test_file_of_equal_lines_is_refused_rather_than_compared_for_minutes() -> None:
    many = b"}\n" * 10_000
    with pytest.raises(Drifted, match="too many equal lines"):
        carry(b"a\n" + many + b"b\n", b"A\n" + many + b"b\n", b"a\nx\n" + many + b"y\nb\n")


LINE = st.sampled_from(
    [f"{'  ' * depth}{text}\n".encode() for depth in range(4) for text in ("a", "b", "ab", "c = {", "}", "")]
)
UNIQUE = st.builds(lambda text, n: b"%s %d\n" % (text.encode(), n), st.text("abc", max_size=3), st.integers())


@st.composite
def two_edits(draw: st.DrawFn, line: st.SearchStrategy[bytes]) -> tuple[bytes, bytes, bytes, bytes]:
    """Before; the change; a person's edits elsewhere; both. Three untouched lines between any two edits."""
    sides: list[list[bytes]] = [[], [], [], []]
    for whose in draw(st.lists(st.sampled_from(["flow", "person"]), max_size=6)):
        kept = draw(st.lists(line, min_size=3, max_size=6, unique=True))
        old = draw(st.lists(line, max_size=3))
        new = draw(st.lists(line, max_size=3))
        flow, person = (new, old) if whose == "flow" else (old, new)
        for side, lines in zip(sides, (old, flow, person, new), strict=True):
            side += [*kept, *lines]
    end = draw(st.lists(line, min_size=3, max_size=3, unique=True))
    before, flow, person, both = (b"".join([*side, *end]) for side in sides)
    return before, flow, person, both


@pytest.mark.e2e
@pytest.mark.campaign
@settings(max_examples=scaled(4_000))
@given(two_edits(LINE))
def test_whatever_is_carried_is_exactly_right(case: tuple[bytes, bytes, bytes, bytes]) -> None:
    """Of lines that repeat, where a wrong place would be easy to find."""
    before, flow, person, both = case
    try:
        carried = carry(before, flow, person)
    except Drifted:
        return
    assert carried == both


@pytest.mark.e2e
@pytest.mark.campaign
@settings(max_examples=scaled(1_000))
@given(two_edits(UNIQUE))
def test_edits_elsewhere_never_refuse_a_change_where_lines_are_not_alike(
    case: tuple[bytes, bytes, bytes, bytes],
) -> None:
    before, flow, person, both = case
    lines = [line for line, _ in itertools.groupby(sorted(before.split(b"\n")))]
    if len(lines) == before.count(b"\n") + 1:
        assert carry(before, flow, person) == both
