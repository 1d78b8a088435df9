"""An answer that went through an HTML escaper on its way: ``&lt;`` for ``<`` in every line."""

from __future__ import annotations

import re
from dataclasses import replace

from cfx_flow.diffs.model import FileDiff

_ENTITY = re.compile(r"&(lt|gt|amp|quot|#39|#x27|#34);")
_PLAIN = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "#39": "'", "#x27": "'", "#34": '"'}
_BARE = re.compile(r"[<>]|&(?!(?:lt|gt|amp|quot|#39|#x27|#34);)")


def looks_escaped(files: list[FileDiff]) -> bool:
    """Some line holds an entity, and none holds what an escaper would not have left.

    Half-escaped text has no sure reading: which ``&amp;`` is meant as it stands?
    """
    found: set[str] = set()
    quotes = False
    for line in _lines(files):
        if _BARE.search(line):
            return False
        found.update(_ENTITY.findall(line))
        quotes = quotes or '"' in line
    return bool(found) and not (quotes and found & {"quot", "#34"})


def unescaped(files: list[FileDiff]) -> list[FileDiff]:
    return [
        replace(file, hunks=[replace(hunk, body=[_plain(line) for line in hunk.body]) for hunk in file.hunks])
        for file in files
    ]


def _plain(line: str) -> str:
    return _ENTITY.sub(lambda match: _PLAIN[match.group(1)], line)


def _lines(files: list[FileDiff]) -> list[str]:
    return [line for file in files for hunk in file.hunks for line in hunk.body]
