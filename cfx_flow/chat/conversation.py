"""Which running stream a request goes on from.

Editors' "Stop" often leaves the request open, and the next turn then finds the user's slots taken.
That turn repeats every message of the one that was stopped and adds to them, and so the two are known
as one conversation: by a digest that is chained over the messages.

What editors change in messages that they have sent before does not count: ``cache_control`` marks move
on with every turn (and turn a text into a list of one part), and ``<environment_details>`` is written
anew when a task is resumed. **Source**: Roo Code, ``api/providers/openai.ts`` and ``core/task/Task.ts``.
"""

from __future__ import annotations

from hashlib import sha1

import msgspec
from msgspec import Raw

from cfx_flow.limits.slots import Talk

_OPEN, _CLOSE = "<environment_details>", "</environment_details>"
_NONE = Raw(b"")


class _Part(msgspec.Struct, gc=False):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: Raw = _NONE
    input_audio: Raw = _NONE
    file: Raw = _NONE


class _Message(msgspec.Struct, gc=False):
    """What a message says; reasoning and marks of any kind are left out."""

    role: str
    content: str | list[_Part] | None = None
    tool_calls: Raw = _NONE
    tool_call_id: Raw = _NONE


_MESSAGES = msgspec.json.Decoder(list[_Message])


class Conversation:
    """A ``limits.slots.Claim``."""

    def __init__(self, messages: Raw, session_id: str | None, *, replaces: bool) -> None:
        self._chain = digests(messages)
        self._replaces = replaces
        self.talk = Talk(session_id, len(self._chain), self._chain[-1])

    def retires(self, running: Talk) -> bool:
        if self._replaces and running.session_id is not None and running.session_id == self.talk.session_id:
            return True
        count = running.message_count
        return 0 < count < len(self._chain) and self._chain[count - 1] == running.digest


def digests(messages: Raw) -> list[bytes]:
    """One for each message, of it and all before it; 2 µs each and as much per kB."""
    chained = sha1(usedforsecurity=False)
    found = []
    for message in _MESSAGES.decode(messages):
        said = [message.role]
        if isinstance(message.content, str):
            _add_text(said, message.content)
        elif message.content:
            _add_parts(said, message.content)
        chained.update("\0".join(said).encode("utf-8", "surrogatepass"))
        for call in (message.tool_calls, message.tool_call_id):
            if call is not _NONE:
                chained.update(b"\0" + bytes(call))
        chained.update(b"\0\0")
        found.append(chained.digest())
    return found


def _add_parts(said: list[str], parts: list[_Part]) -> None:
    """A text says the same alone and as a part of its own."""
    for part in parts:
        if part.type == "text":
            _add_text(said, part.text or "")
        else:
            known = (part.image_url, part.input_audio, part.file)
            said += (part.type, part.refusal or "", *(bytes(field).decode() for field in known))


def _add_text(said: list[str], text: str) -> None:
    """What stands outside ``<environment_details>`` counts, if it is anything."""
    position = 0
    while (start := text.find(_OPEN, position)) >= 0 and (end := text.find(_CLOSE, start)) >= 0:
        if before := text[position:start].strip():
            said.append(before)
        position = end + len(_CLOSE)
    if rest := text[position:].strip():
        said.append(rest)
