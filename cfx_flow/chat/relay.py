"""One stream from the upstream's bytes to ours.

The rule is to relay whole events as the bytes they came as. Only those are parsed that
carry something to act on: the first one, usage, errors, tool calls, the finish reason. Where the
reply's text will be checked at the end every chunk is parsed, because the text must be kept.

A failure is data here: ``error`` is set, and what came before it is still relayed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from cfx_flow.chat.alike import Alike
from cfx_flow.chat.usage import Usage, estimate, read_usage, with_cache_tokens
from cfx_flow.errors import UpstreamError
from cfx_flow.upstream.classify import error_of_frame, talked_rubbish
from cfx_flow.upstream.sse import EventCutter, EventTooLongError, data_of_events, frame
from cfx_flow.upstream.wire import decode_json

MAX_KEPT_CHARS = 4 * 1024 * 1024
"""of a reply that will be checked as a diff; a longer one is relayed unchecked"""

MAX_EMPTY_BYTES = 1024 * 1024
"""before the first event; a proxy's "still working" takes 20 bytes every few seconds"""

MAX_NAMED_CALLS = 1_000
MAX_CALL_KEY_CHARS = 40

DONE = frame(b"[DONE]")

_ANY = msgspec.json.Decoder()


class StreamRelay:
    """Feed it what the upstream sends; it returns what goes to the caller, in whole events."""

    def __init__(self, *, model: str, input_bytes: int, shows_usage: bool, keeps_text: bool) -> None:
        self.error: UpstreamError | None = None
        """until it was raised"""
        self.has_failed = False
        self.done = False
        """the upstream said ``[DONE]``: nothing after it counts"""
        self._model = model
        self._input_bytes = input_bytes
        self._shows_usage = shows_usage
        self._keeps_text = keeps_text
        self._cutter = EventCutter()
        self._alike: Alike | None = None
        self._head: dict[str, Any] = {}
        self._finished = False
        self._ended = False
        self._usage: dict[str, Any] | None = None
        self._named_calls: set[str] = set()
        self._text: list[str] = []
        self._kept_chars = 0
        self._bytes = 0
        self._chunks = 0
        self._least_chunk_bytes = 0
        self._empty_bytes = 0

    @property
    def has_begun(self) -> bool:
        """The first event with data was there."""
        return bool(self._head)

    def feed(self, data: bytes) -> bytes:
        if self._alike is not None and self._cutter.is_between_events and self._alike.fits(data):
            self._count(data, 1)
            return data
        self._alike = None
        return self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        try:
            whole = self._cutter.feed(data)
            if not whole.isascii():
                whole.decode()
        except EventTooLongError:
            return self._fail("sent an event that does not end")
        except UnicodeDecodeError:
            return self._fail("sent something that is not UTF-8")
        if not whole or self.done or self.has_failed:
            return b""
        if not self._head:
            self._empty_bytes += len(whole)
            if self._empty_bytes > MAX_EMPTY_BYTES and b"data" not in whole:
                return self._fail("sent comments instead of a reply")
        if self._head and not self._keeps_text and _is_plain(whole):
            self._count(whole, whole.count(b"\n\n"))
            self._alike = Alike.of(whole)
            return whole
        return self._read(whole)

    def end(self) -> bytes:
        """The upstream closed the stream. A stream without a finish reason was cut: ``error`` is set then."""
        self._ended = True
        rest = b"" if self.done or self.has_failed else self._read_last(self._cutter.flush())
        if not (self._finished or self.has_failed):
            self._fail("ended the reply before it was finished" if self._head else "sent an empty reply")
        return rest

    def _read_last(self, whole: bytes) -> bytes:
        """What came after the last blank line."""
        try:
            whole.decode()
        except UnicodeDecodeError:
            return self._fail("sent something that is not UTF-8")
        return self._read(whole)

    def closing(self, cfx: Mapping[str, Any] | None) -> bytes:
        """What a good stream ends with: the ``cfx`` chunk, the usage chunk if asked for, ``[DONE]``."""
        frames = []
        if cfx is not None:
            frames.append(self._own_chunk({"cfx": cfx}))
        if self._shows_usage and self._usage is not None:
            frames.append(self._own_chunk({"usage": with_cache_tokens(self._usage)}))
        return b"".join((*frames, DONE))

    @property
    def is_settled(self) -> bool:
        """Nothing that the upstream may still send will be looked at."""
        return self.done or self._ended or self.has_failed

    def raise_error(self) -> None:
        """If there is one, once: kept, it would hold by its traceback those who hold this."""
        error, self.error = self.error, None
        try:
            if error is not None:
                raise error
        finally:
            del error

    @property
    def is_complete(self) -> bool:
        return self._finished

    @property
    def text(self) -> str | None:
        """The whole reply of the first choice; None if it was not kept."""
        return "".join(self._text) if self._keeps_text else None

    def usage(self) -> Usage:
        """The upstream's report; an estimate if there was none."""
        if self._usage is not None:
            return read_usage(self._usage)
        if not self._chunks:
            return estimate(self._input_bytes, 0, 0)
        return estimate(self._input_bytes, self._bytes - self._chunks * self._least_chunk_bytes, self._chunks)

    def _read(self, whole: bytes) -> bytes:
        out = []
        for event, data in data_of_events(whole):
            if data is None:
                out.append(event + b"\n\n" if self._head else b"")
            elif data == b"[DONE]":
                self.done = True
            else:
                out.append(self._chunk(data))
            if self.done or self.has_failed:
                break
        return b"".join(out)

    def _chunk(self, data: bytes) -> bytes:
        try:
            chunk = decode_json(data, _ANY)
        except (msgspec.DecodeError, RecursionError):
            return self._fail("sent something that is not JSON")
        if not isinstance(chunk, dict):
            return self._fail("sent something that is not a chunk of a reply")
        if chunk.get("error"):
            return self._fail_with(error_of_frame(chunk["error"], model=self._model))
        if not self._head:
            self._head = {key: value for key, value in chunk.items() if key in _HEAD_KEYS} or {"id": ""}
        return self._changed(chunk, data)

    def _changed(self, chunk: dict[str, Any], data: bytes) -> bytes:
        """Relayed as it came unless something in it had to be taken out or put in."""
        changed = False
        choices = _objects(chunk.get("choices"))
        if isinstance(chunk.get("usage"), dict):
            self._usage = chunk.pop("usage")
            changed = True
            if not any(_says_something(choice) for choice in choices):
                return b""  # its own chunk is written at the end, if it was asked for
        for choice in choices:
            changed = self._choice(choice) or changed
        out = frame(msgspec.json.encode(chunk) if changed else data.replace(b"\n", b" "))
        self._count(out, 1)
        return out

    def _choice(self, choice: dict[str, Any]) -> bool:
        if choice.get("finish_reason"):
            self._finished = True
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return False
        if self._keeps_text and not choice.get("index"):
            self._keep(delta.get("content"))
        changed = False
        for call in _objects(delta.get("tool_calls")):
            changed = self._name_call(choice.get("index"), call) or changed
        return changed

    def _name_call(self, choice_index: object, call: dict[str, Any]) -> bool:
        """The first chunk of each tool call carries its id, or editors cannot answer it."""
        key = f"{choice_index} {call.get('index')}"[:MAX_CALL_KEY_CHARS]
        if key in self._named_calls or len(self._named_calls) >= MAX_NAMED_CALLS:
            return False
        self._named_calls.add(key)
        if call.get("id"):
            return False
        call["id"] = f"call_{uuid.uuid4().hex}"
        call.setdefault("type", "function")
        return True

    def _keep(self, content: object) -> None:
        if not isinstance(content, str):
            return
        self._kept_chars += len(content)
        if self._kept_chars > MAX_KEPT_CHARS:
            self._keeps_text = False
            self._text.clear()
        else:
            self._text.append(content)

    def _count(self, whole: bytes, chunks: int) -> None:
        """For the estimate, without parsing: what a chunk has beyond the smallest one is text."""
        if not chunks:
            return
        size = len(whole) // chunks
        self._least_chunk_bytes = min(self._least_chunk_bytes or size, size)
        self._bytes += len(whole)
        self._chunks += chunks

    def _own_chunk(self, extra: Mapping[str, Any]) -> bytes:
        head = {"object": "chat.completion.chunk", **self._head}
        return frame(msgspec.json.encode({**head, "choices": [], **extra}))

    def _fail(self, what: str) -> bytes:
        return self._fail_with(talked_rubbish(self._model, what))

    def _fail_with(self, error: UpstreamError) -> bytes:
        self.error, self.has_failed = error, True
        return b""


_HEAD_KEYS = frozenset({"id", "object", "created", "model", "system_fingerprint"})


def _is_plain(whole: bytes) -> bool:
    """Nothing in these events needs to be understood.

    Inside a JSON string every quote is escaped, so a field's name in quotes can only be the field.
    """
    return not (
        b'"finish_reason":"' in whole
        or b'"tool_calls"' in whole
        or b'"error"' in whole
        or b"[DONE]" in whole
        or (b'"usage"' in whole and _reports_usage(whole))
        or b'"finish_reason": "' in whole
    )


def _reports_usage(whole: bytes) -> bool:
    """OpenAI writes ``"usage":null`` into every chunk but the last."""
    return whole.count(b'"usage"') != whole.count(b'"usage":null') + whole.count(b'"usage": null')


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _says_something(choice: dict[str, Any]) -> bool:
    """LiteLLM's usage chunk has one empty choice where OpenAI sends none."""
    delta = choice.get("delta")
    return bool(choice.get("finish_reason")) or (isinstance(delta, dict) and any(delta.values()))
