"""Server-sent events as they come off the wire, cut where they may be cut.

Bytes go in as the network split them; whole events come out, ready to be relayed as
they are. Only the tail after the last blank line is held, and it is bounded.

**Source**: the HTML standard, "Server-sent events": lines end in LF, CRLF or CR, an event
in a blank line, a line that begins with a colon is a comment.
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""an event may carry an image; a line that never ends must not fill the memory"""

_BOM = b"\xef\xbb\xbf"


class EventTooLongError(ValueError):
    pass


class EventCutter:
    """``feed`` returns zero or more whole events with LF line ends, each ending in a blank line."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._tail = bytearray()
        self._begun = False
        self._held_cr = False

    @property
    def is_between_events(self) -> bool:
        """What comes next begins an event."""
        return self._begun and not self._tail and not self._held_cr

    def feed(self, data: bytes) -> bytes:
        """Raises EventTooLongError."""
        if not self._begun:
            data = self._begin(data)
        if self._held_cr or b"\r" in data:
            data = self._with_lf(data)
        if self._tail:
            return self._feed_tail(data)
        cut = _end_of_events(data, 0)
        if cut == len(data):
            return data
        self._tail += memoryview(data)[cut:]
        self._check()
        return data[:cut]

    def _feed_tail(self, data: bytes) -> bytes:
        searched = max(len(self._tail) - 1, 0)
        self._tail += data
        cut = _end_of_events(self._tail, searched)
        whole = bytes(self._tail[:cut])
        del self._tail[:cut]
        self._check()
        return whole

    def flush(self) -> bytes:
        """What came after the last blank line, as a last event; a polite stream leaves nothing."""
        tail, self._tail = bytes(self._tail), bytearray()
        self._held_cr = False
        return tail.rstrip(b"\n") + b"\n\n" if tail.strip(b"\n") else b""

    def _check(self) -> None:
        if len(self._tail) > self._max_event_bytes:
            raise EventTooLongError(f"an event of more than {self._max_event_bytes} bytes")

    def _begin(self, data: bytes) -> bytes:
        """The first bytes may be a byte order mark, and may come one by one."""
        self._tail += data
        data = bytes(self._tail)
        if len(data) < len(_BOM) and _BOM.startswith(data):
            return b""
        self._begun = True
        self._tail.clear()
        return data.removeprefix(_BOM)

    def _with_lf(self, data: bytes) -> bytes:
        """A CR at the end waits: the LF that belongs to it may come with the next bytes."""
        if self._held_cr:
            data = b"\r" + data
        self._held_cr = data.endswith(b"\r")
        if self._held_cr:
            data = data[:-1]
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _end_of_events(data: bytes | bytearray, start: int) -> int:
    """The index after the last blank line; 0 if there is none from ``start`` on."""
    found = data.rfind(b"\n\n", start)
    return 0 if found < 0 else found + 2


def data_of_events(whole: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Each event as (its bytes without the blank line, its data); the data of a comment is None."""
    for piece in whole.split(b"\n\n"):
        if event := piece.lstrip(b"\n"):
            lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
            yield event, b"\n".join(lines) if lines else None


def frame(data: bytes) -> bytes:
    """``data`` holds no line break: JSON never does."""
    return b"data: " + data + b"\n\n"
