"""Which files a prompt shows whole, as far as there is room: most relevant to the task first.

A simple lexical score for now (words of the task in a file's path and text, rare words
counting more); the repository index replaces it behind the same function.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set

from cfx_flow.sizes import bytes_of

AROUND_BYTES = 60
"""of a file that is shown, besides its path and its text: the fence"""
MAX_SCORED_CHARS = 200_000
"""of a file"""
MAX_SCORED_IN_ALL = 20_000_000
"""a second's work; of more each file's beginning counts, all as long"""
PATH_WEIGHT = 5.0

_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]+(?![a-z])|\d+")


def fitting(
    files: Mapping[str, str],
    best: Sequence[str],
    *,
    most_bytes: int,
    first: Sequence[str] = (),
    since: Iterable[str] = (),
) -> Sequence[str]:
    """The paths to show, in the order to show them in. ``best``: all of them, as ``ranked`` gives them;
    ``first`` goes before them. A file that does not fit is passed over.

    ``since``: what has turned out to matter since the prompt before was written. Chosen before ``best``, but
    what that one did not show comes last, so that this one begins as it did.
    """
    whole = _fitting(files, [*first, *best], most_bytes)
    before, since = set(whole), list(since)
    if files.keys() & since <= before:
        return whole
    now = dict.fromkeys(_fitting(files, [*first, *since, *best], most_bytes))
    return [path for path in whole if path in now] + [path for path in now if path not in before]


def _fitting(files: Mapping[str, str], order: Iterable[str], most_bytes: int) -> list[str]:
    left, whole = most_bytes, []
    for path in dict.fromkeys(order):
        if path not in files or len(files[path]) > left:
            continue
        if (taken := shown_bytes(path, files[path])) <= left:
            whole.append(path)
            left -= taken
    return whole


def shown_bytes(path: str, text: str) -> int:
    """That a file takes in a prompt."""
    return bytes_of(text) + bytes_of(path) + AROUND_BYTES


def ranked(files: Mapping[str, str], task: str) -> Sequence[str]:
    """All paths, best first; equals keep the alphabet's order. ``fsum``: the order of words in a set is
    another one after a restart, and a prompt must not be."""
    wanted = set(words(task))
    most = MAX_SCORED_CHARS
    if sum([min(len(text), most) for text in files.values()]) > MAX_SCORED_IN_ALL:
        most = min(most, MAX_SCORED_IN_ALL // len(files))
    inside = {path: _counted(wanted, text[:most]) for path, text in files.items()}
    seen = Counter([word for counts in inside.values() for word in counts])
    rarity = {word: math.log(1 + len(files) / (1 + seen[word])) for word in wanted}

    def score(path: str) -> float:
        body = math.fsum([rarity[word] * n / (n + 2) for word, n in inside[path].items()])
        return body + PATH_WEIGHT * math.fsum([rarity[word] for word in wanted.intersection(words(path))])

    return sorted(files, key=lambda path: (-score(path), path))


def named_in(text: str, paths: Iterable[str]) -> Sequence[str]:
    """The paths that stand in ``text``, in the order in which it names them."""
    found = {path: at for path in paths if (at := text.find(path)) >= 0}
    whole = {path: at for path, at in found.items() if not _part_of_longer(path, text)}
    return sorted(whole, key=whole.__getitem__)


def _part_of_longer(path: str, text: str) -> bool:
    """``a.py`` does not stand in a text that only says ``data.py``. A pattern that begins with plain text is
    sought many times as fast as one that looks behind first."""
    plain = re.escape(path)
    return re.search(rf"{plain}(?<![\w./-]{plain})(?![\w/-])", text) is None


def words(text: str) -> Sequence[str]:
    """Lower-case parts of words: ``parseURL_now`` gives parse, url, now."""
    return [word.lower() for word in _WORD.findall(text)]


def _counted(wanted: Set[str], text: str) -> Counter[str]:
    return Counter([word for word in words(text) if word in wanted])
