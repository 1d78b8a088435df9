"""What is kept of what commands print."""

from __future__ import annotations

import tracemalloc

import pytest

from cfx_flow.workspace.sandbox.output import Output, plain


def printed(*chunks: bytes, max_chars: int = 100) -> str:
    output = Output(max_chars)
    for chunk in chunks:
        output.take(chunk)
    return output.text()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\x1b[1;31mred\x1b[0m \x1b[38;5;9mpale\x1b[K", "red pale"),
        (b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        (b"\x1b(Ba\x1b=b\x1bMc", "abc"),
        (b"nul\0 bell\x07 back\x08space", "nul bell backspace"),
        (b"tab\tand\r\nline\n", "tab\tand\nline\n"),
        (b" 10%\r 50%\r100%\ndone", "100%\ndone"),
        (b"\xff\xfe caf\xc3\xa9 \xe2\x82", "\ufffd\ufffd café \ufffd"),
        (b"\xc2\x9b31mred", "red"),
        ("a\u202eb".encode(), "a\u202eb"),
        (b"cut \x1b[3", "cut "),
    ],
)
def test_a_terminals_orders_are_taken_out(raw: bytes, text: str) -> None:
    assert plain(raw) == text


@pytest.mark.parametrize("piece", [b"x", b"\r", b"\x1b[", b"\x1b]", b"a\x1b]0;", b"\n\r", b"\xff", b"1;"])
def test_long_lines_of_anything_are_read_once(piece: bytes) -> None:
    """What looked at each character for each character would take an hour."""
    plain(piece * (2_000_000 // len(piece)))


def test_what_fits_is_whole_however_it_came() -> None:
    said = "é\x1b[31mü€\x1b[0m\n".encode() * 5
    assert printed(*(said[n : n + 1] for n in range(len(said)))) == "éü€\n" * 5


def test_of_a_long_one_the_beginning_and_the_end_are_kept() -> None:
    text = printed(b"first\n", *[b"x" * 100] * 50, b"\nlast")
    assert text.startswith("first\nxxx")
    assert text.endswith("xxx\nlast")
    assert "[… about 4911 bytes left out …]" in text
    assert len(text) == 100 + len("\n[… about 4911 bytes left out …]\n")


def test_what_is_short_in_characters_and_long_in_bytes_is_cut_by_characters() -> None:
    text = printed("ü".encode() * 150)
    assert text == "ü" * 50 + "\n[… 50 characters left out …]\n" + "ü" * 50


def test_a_character_that_the_cut_splits_harms_nothing_else() -> None:
    text = printed(b"a", "€".encode() * 1000, b"z")
    assert text.startswith("a€€")
    assert text.endswith("€€z")


@pytest.mark.parametrize("chunk", [1, 7, 100, 70_000])
def test_it_holds_as_much_as_it_may_and_no_more(chunk: int) -> None:
    output = Output(1000)
    tracemalloc.start()
    try:
        for _ in range(3_000_000 // max(chunk, 100)):
            output.take(b"y" * chunk)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 400_000
    assert output.text().startswith("y" * 500)
