"""What coding editors leave in their messages: the mode they are in, and small jobs on the side.

**Source**: Roo Code, Zoo Code and Kilo append ``<environment_details>`` with
``# Current Mode``, ``<slug>code</slug>`` to user and tool messages; Cline writes
``# Current Mode``, ``ACT MODE`` (or ``PLAN MODE``). Their "enhance prompt" sends one user
message without tools, not streamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from cfx_flow.stages.messages import role, texts
from cfx_flow.stages.model import HelperCalls

HEADING = "Current Mode"
SECTION_CHARS = 300
"""after the heading, in which the mode must stand"""
MOST_SECTIONS = 100
"""that are looked at: a body of 32 MB may hold a million headings"""
HELPER_CHARS = 4000
"""of a message that are searched for a helper pattern"""

_SLUG = re.compile(r"\s*<slug>\s*([^<>\s]{1,100})\s*</slug>")
_CLINE = re.compile(r"\s*(PLAN|ACT) MODE\b")


def last_mode(messages: Sequence[Any]) -> str | None:
    """The lower-case slug under the last "Current Mode" that has one. The model's own words do not count:
    it may quote a mode that it has left."""
    for section in islice(_sections(messages), MOST_SECTIONS):
        found = _SLUG.match(section) or _CLINE.match(section)
        if found is not None:
            return found[1].lower()
    return None


def _sections(messages: Sequence[Any]) -> Iterator[str]:
    """What follows each heading, the last one first."""
    for message in reversed(messages):
        if role(message) in ("user", "tool"):
            for text in reversed(list(texts(message))):
                end = len(text)
                while (end := text.rfind(HEADING, 0, end)) >= 0:
                    after = end + len(HEADING)
                    yield text[after : after + SECTION_CHARS].lstrip(":* \t")


def helper_call(helper: HelperCalls, messages: Sequence[Any], user_agent: str | None) -> bool:
    """One user message and nothing else, from an editor that does this or in words that it uses."""
    if len(messages) != 1 or role(messages[0]) != "user":
        return False
    agent = (user_agent or "").lower()
    if any(fragment in agent for fragment in helper.user_agents):
        return True
    text = "\n".join(texts(messages[0]))[:HELPER_CHARS]
    return any(pattern.search(text) for pattern in helper.patterns)
