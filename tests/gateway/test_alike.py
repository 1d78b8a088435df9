"""The quick look at a chunk says yes only where reading it would say the same."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from cfx_flow.chat.alike import Alike
from cfx_flow.chat.relay import StreamRelay, _is_plain


def event(text: str, *, ascii_only: bool = True, **choice: object) -> bytes:
    chunk = {"id": "c1", "choices": [{"index": 0, "delta": {"content": text}, **choice}], "usage": None}
    return b"data: " + json.dumps(chunk, separators=(",", ":"), ensure_ascii=ascii_only).encode() + b"\n\n"


PLAIN = event(" words", finish_reason=None)


def test_next_piece_of_text_is_alike() -> None:
    alike = Alike.of(PLAIN)
    assert alike is not None
    assert alike.fits(PLAIN)
    assert alike.fits(event("")) is False  # no finish_reason in it
    assert alike.fits(event(" \u00e9t\u00e9 \\ ", finish_reason=None))


def test_anything_else_is_read() -> None:
    alike = Alike.of(PLAIN)
    assert alike is not None
    head, tail = PLAIN.split(b" words")
    others = (
        event('a "quote"', finish_reason=None),
        event("\u00e9t\u00e9", ascii_only=False, finish_reason=None),
        event("over", finish_reason="stop"),
        PLAIN + PLAIN,
        PLAIN + b"data: [DONE]\n\n",
        head + b"\n\ndata: [DONE]\n\n" + tail,
        head + b"\r\rdata: [DONE]\r\r" + tail,
        PLAIN[:-1],
        PLAIN[1:],
        head[:-1] + tail,
        b"",
    )
    assert [one for one in others if alike.fits(one)] == []


def test_only_one_event_with_a_text_is_taken_as_the_measure() -> None:
    assert Alike.of(PLAIN + PLAIN) is None
    assert Alike.of(b": ping\n\n") is None
    assert Alike.of(b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n') is None
    assert Alike.of(b'data: {"content":"') is None


@given(st.lists(st.binary(max_size=40), max_size=4), st.data())
def test_what_fits_is_plain(pieces: list[bytes], data: st.DataObject) -> None:
    """Spliced from what begins, ends or breaks an event."""
    alike = Alike.of(PLAIN)
    assert alike is not None
    head, tail = PLAIN.split(b" words")
    parts = st.sampled_from(
        [*pieces, head, tail, b'"', b"\n\n", b"[DONE]", b'"error":1', b'"usage":{}', b"x"]
    )
    spliced = b"".join(data.draw(st.lists(parts, max_size=5)))
    for one in (spliced, head + spliced + tail):
        if alike.fits(one):
            assert _is_plain(one.replace(b"[DONE]", b""))  # as a text it means nothing
            assert one.count(b"\n\n") == 1


def test_stream_that_is_done_relays_nothing_more_however_alike_it_is() -> None:
    relay = StreamRelay(model="m", input_bytes=1, shows_usage=False, keeps_text=False)
    assert relay.feed(event("a", finish_reason=None))
    assert relay.feed(PLAIN) == PLAIN
    assert relay.feed(event("b", finish_reason="stop") + b"data: [DONE]\n\n")
    assert relay.feed(PLAIN) == b""
