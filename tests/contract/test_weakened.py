"""Tests that a patch takes away or weakens; and what only looks so."""

from __future__ import annotations

import pytest

from cfx_flow.contract.weakened import inventory, losses

PY = """
import pytest

class TestCart:
    def test_total(self):
        assert total([1]) == 1
        assert total([]) == 0

def test_empty():
    with pytest.raises(ValueError):
        total(None)
"""
JS = "test('adds', () => { expect(add(1)).toBe(2) })\nit('fails', () => { expect(1).toBe(1); expect(2).toBe(2) })\n"
GO = "func TestA(t *testing.T) { if x { t.Fatal() } }\nfunc TestB(t *testing.T) { t.Error() }\n"


def lost(
    path: str, before: str | None, after: str | None, **others: tuple[str | None, str | None]
) -> list[bool]:
    """For each loss whether the test is gone."""
    return [loss.gone for loss in losses({path: (before, after), **others}) if loss.path == path]


@pytest.mark.parametrize(
    ("path", "before", "after", "gone"),
    [
        ("t.py", PY, None, [True]),
        ("t.py", PY, PY.replace("test_empty", "check_empty"), [True]),
        ("t.py", PY, PY.replace("        assert total([]) == 0\n", ""), [False]),
        ("t.py", PY, PY.replace("total([]) == 0", "True"), [False]),
        ("t.py", PY, PY.replace("    def test_total", "    @pytest.mark.skip\n    def test_total"), [False]),
        ("t.py", PY, PY.replace("def test_empty", "@pytest.mark.xfail\ndef test_empty"), [False]),
        ("t.py", PY, PY.replace("import pytest", "import pytest\npytestmark = pytest.mark.skipif(1)"), [False]),
        ("t.py", PY, PY + "\ncollect_ignore = ['x.py']\n", [False]),
        ("t.py", PY, PY.replace("test_empty", "test_other").replace("    with pytest.raises(ValueError):\n    ", ""), [False]),
        ("t.py", None, "@pytest.mark.skip\ndef test_new():\n    assert 1 == 1\n", [False]),
        ("a.test.js", JS, JS.replace("test('adds'", "test.skip('adds'"), [False]),
        ("a.test.js", JS, JS.replace("it('fails'", "xit('fails'"), [True, False]),
        ("a.test.js", JS, JS.replace("it('fails'", "it.only('fails'"), [False]),
        ("a.test.js", JS, JS.replace(" expect(2).toBe(2)", ""), [False]),
        ("a_test.go", GO, GO.replace("if x { t.Fatal() }", "t.Skip()"), [False, False]),
        ("a_test.go", GO, GO.splitlines()[0] + "\n", [True, False]),
        ("t.py", PY, "def (", [True]),
    ],
)  # fmt: skip
def test_what_is_taken_from_the_tests_is_found(
    path: str, before: str, after: str | None, gone: list[bool]
) -> None:
    assert lost(path, before, after) == gone


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PY, PY + "\ndef test_more():\n    assert total([2]) == 2\n"),
        (PY, PY.replace("test_empty", "test_none_is_refused")),  # renamed
        (PY, PY.replace("total([1]) == 1", "total([1]) == Decimal(1)")),
        (PY, PY.replace("import pytest", "import pytest\nfrom model import fit\nmodel.fit(1)")),
        (None, PY),
    ],
)
def test_what_only_looks_so_is_none(before: str | None, after: str) -> None:
    assert lost("t.py", before, after) == []


def test_a_test_that_moved_to_another_file_is_not_gone() -> None:
    moved = "import pytest\n\ndef test_empty():\n    with pytest.raises(ValueError):\n        total(None)\n"
    stays = PY[: PY.index("def test_empty")]
    assert lost("t.py", PY, stays, other=(None, moved)) == []
    assert lost("t.py", moved, None, other=(None, moved)) == []


def test_a_loss_names_its_tests_and_its_line() -> None:
    (loss,) = losses({"t.py": (PY, PY.replace("        assert total([]) == 0\n", ""))})
    assert (loss.message, loss.line) == ("TestCart.test_total asserts 1 times, not 2 times as before", 5)
    (gone,) = losses({"t.py": (PY, PY.replace("test_empty", "check_empty"))})
    assert gone.names == ("test_empty",)


def test_a_mark_stands_in_its_own_line_however_many_blank_ones_are_above() -> None:
    """Forty thousand, which were walked through once for each of them."""
    blank = "\n" * 40_000
    found = inventory("t.rb", f"{blank}  skip 'later'\n{blank}  it 'adds' do\n")
    assert found.skips == [40_001]
    assert found.names == {"adds"}
