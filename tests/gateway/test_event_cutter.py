from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfx_flow.upstream.sse import EventCutter, EventTooLongError, data_of_events

EVENTS = [b'{"a":"\xc3\xbc \xf0\x9f\x98\x80"}', b"two\nlines", b"[DONE]", b"x" * 300]
STREAM = (
    (
        ": a comment\n\n"
        + 'data: {"a":"ü 😀"}\n\n'
        + "event: x\ndata: two\ndata: lines\n\n"
        + "data:[DONE]\n\n\n"
    ).encode()
    + b"id: 5\ndata: "
    + EVENTS[3]
    + b"\n\n"
)

ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
cuts = st.lists(st.integers(0, len(STREAM) * 2), max_size=60)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(at)]


def data_of(whole: bytes) -> list[bytes]:
    return [data for _, data in data_of_events(whole) if data is not None]


@given(cuts, ends, st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_events_are_the_same_wherever_the_network_cuts(cuts: list[int], end: bytes, bom: bytes) -> None:
    cutter, out = EventCutter(), b""
    for piece in pieces(bom + STREAM.replace(b"\n", end), cuts):
        whole = cutter.feed(piece)
        assert whole == b"" or whole.endswith(b"\n\n")
        assert b"\r" not in whole
        out += whole
    assert data_of(out + cutter.flush()) == EVENTS


def test_an_event_is_released_as_soon_as_its_blank_line_is_there() -> None:
    cutter = EventCutter()
    assert cutter.feed(b"data: 1\n") == b""
    assert cutter.feed(b"\ndata: 2") == b"data: 1\n\n"


def test_whole_events_pass_through_as_they_are() -> None:
    cutter, events = EventCutter(), b"data: 1\n\ndata: 2\n\n"
    cutter.feed(b"data: 0\n\n")
    assert cutter.feed(events) is events


def test_a_last_event_without_its_blank_line_is_not_lost() -> None:
    cutter = EventCutter()
    assert cutter.feed(b"data: 1\n\ndata: [DONE]\n") == b"data: 1\n\n"
    assert data_of(cutter.flush()) == [b"[DONE]"]
    assert cutter.flush() == b""


def test_a_line_that_never_ends_is_given_up_and_not_kept() -> None:
    cutter = EventCutter(max_event_bytes=1000)
    cutter.feed(b"data: " + b"x" * 990)
    with pytest.raises(EventTooLongError):
        cutter.feed(b"x" * 10_000_000)


@given(st.lists(st.binary(max_size=50), max_size=30))
def test_any_bytes_at_all_lose_nothing_but_line_ends(chunks: list[bytes]) -> None:
    cutter = EventCutter()
    out = b"".join([*map(cutter.feed, chunks), cutter.flush()])
    sent = b"".join(chunks).removeprefix(b"\xef\xbb\xbf")
    if not b"\xef\xbb\xbf".startswith(sent):
        assert out.replace(b"\n", b"") == sent.replace(b"\r", b"").replace(b"\n", b"")
