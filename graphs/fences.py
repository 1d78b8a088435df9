"""Fences: what comes from a repository, a model or a caller stands in a prompt as data.

A fence is a word that none of the texts contains, so that no text can end its own block and speak as
the one who asks. Whoever wrote the repository cannot have known it either: it is made of the flow's id.
The prompts of a flow have the same one, so that they begin alike and the provider's cache knows them
(ADR 0061); a text that repeats it, as a model can, gets another.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, count

from cfx_flow.sizes import bytes_of, cut_to

MAX_LISTED = 2_000
"""files"""


def fence_for(flow_id: str, texts: Iterable[str]) -> str:
    """The first of the flow's fences that none of them knows."""
    told = list(texts)
    words = (_word(flow_id, n) for n in count())
    return "DATA-" + next(word for word in words if not any(word in text for text in told))


def _word(flow_id: str, n: int) -> str:
    return hashlib.sha256(f"{n}\n{flow_id}".encode()).hexdigest()[:12]


def block(fence: str, kind: str, text: str) -> str:
    return f"<<<{fence} {kind}\n{text.rstrip()}\n{fence}>>>"


def shown(fence: str, texts: Mapping[str, str], whole: Sequence[str], listed: str = "") -> str:
    """The list of files, then the chosen ones whole, in the order given; a path is data as well."""
    blocks = [block(fence, "list of all files", listed)] if listed else []
    blocks += [block(fence, f"file {path}", texts[path]) for path in whole]
    return "\n\n".join(blocks)


def clipped(text: str, most_bytes: int) -> str:
    """A model that has written a megabyte need not read it all again."""
    kept = cut_to(text, most_bytes)
    if kept is text:
        return text
    return f"{kept}\n[… {len(text) - len(kept)} more characters are left out here]"


def listing(paths: Iterable[str], most_bytes: int) -> str:
    every = sorted(paths)
    shown_ = every[:MAX_LISTED]
    ends = list(accumulate(bytes_of(path) + 1 for path in shown_))
    shown_ = shown_[: bisect_right(ends, most_bytes)]
    more = [f"… and {len(every) - len(shown_)} more"] if len(every) > len(shown_) else []
    return "\n".join([*shown_, *more]) or "(there are no files yet)"
