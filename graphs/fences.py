"""Fences: what comes from a repository, a model or a caller stands in a prompt as data.

A fence is a word that none of the texts contains, so that no text can end its own block and speak as
the one who asks. Whoever wrote a text cannot have known it either: the flow's id is part of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

MAX_LISTED = 2_000


def fence_for(flow_id: str, texts: Iterable[str]) -> str:
    """The same for the same flow and texts, and in none of them."""
    joined = "\n".join(texts)
    salt = 0
    while True:
        seed = f"{salt}\n{flow_id}\n{joined}".encode("utf-8", "replace")
        digest = hashlib.sha256(seed).hexdigest()[:12]
        if digest not in joined:
            return f"DATA-{digest}"
        salt += 1


def block(fence: str, kind: str, text: str) -> str:
    return f"<<<{fence} {kind}\n{text.rstrip()}\n{fence}>>>"


def shown(fence: str, texts: Mapping[str, str], whole: Sequence[str], *, listing: bool = True) -> str:
    """The list of files, then the chosen ones whole; a path is data as well."""
    blocks = [block(fence, "list of all files", _listing(texts))] if listing else []
    blocks += [block(fence, f"file {path}", texts[path]) for path in sorted(whole)]
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
