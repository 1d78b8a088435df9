"""Fences: what comes from a repository, a model or a caller stands in a prompt as data.

A fence is a word that none of the texts contains, so that no text can end its own block and speak as
the one who asks. Whoever wrote the repository cannot have known it either: it is made of the flow's id.
The prompts of a flow have the same one, so that they begin alike and the provider's cache knows them
(ADR 0061); a text that repeats it, as a model can, gets another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import count

MAX_LISTED = 2_000


def fence_for(flow_id: str, texts: Iterable[str]) -> str:
    """The first of the flow's fences that none of them knows."""
    told = list(texts)
    words = (_word(flow_id, n) for n in count())
    return "DATA-" + next(word for word in words if not any(word in text for text in told))


def _word(flow_id: str, n: int) -> str:
    return hashlib.sha256(f"{n}\n{flow_id}".encode()).hexdigest()[:12]


def block(fence: str, kind: str, text: str) -> str:
    return f"<<<{fence} {kind}\n{text.rstrip()}\n{fence}>>>"


def shown(fence: str, texts: Mapping[str, str], whole: Sequence[str], *, listing: bool = True) -> str:
    """The list of files, then the chosen ones whole, in the order given; a path is data as well."""
    blocks = [block(fence, "list of all files", _listing(texts))] if listing else []
    blocks += [block(fence, f"file {path}", texts[path]) for path in whole]
    return "\n\n".join(blocks)


def clipped(text: str, max_chars: int) -> str:
    """A model that has written a megabyte need not read it all again."""
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}\n[… {len(text) - max_chars} more characters are left out here]"


def _listing(texts: Mapping[str, str]) -> str:
    paths = sorted(texts)
    more = [f"… and {len(paths) - MAX_LISTED} more"] if len(paths) > MAX_LISTED else []
    return "\n".join([*paths[:MAX_LISTED], *more]) or "(there are no files yet)"
