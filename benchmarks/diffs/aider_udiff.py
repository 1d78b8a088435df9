"""aider's udiff coder as a program: runs in aider's own environment, one JSON line in, one out.

In: ``{"files": {path: text}, "answer": text}``. Out: ``{"files": {path: text}}``, or ``{"refused": why}``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from aider.coders.udiff_coder import UnifiedDiffCoder


class Disk:
    """What the coder asks of aider's input and output."""

    def read_text(self, path: str) -> str | None:
        place = Path(path)
        return place.read_bytes().decode("utf-8", "replace") if place.is_file() else None

    def write_text(self, path: str, text: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(text.encode("utf-8", "replace"))


class Coder(UnifiedDiffCoder):
    """Only what reads an answer and applies it."""

    def __init__(self, root: Path, answer: str) -> None:
        self.root, self.io = str(root), Disk()
        self.partial_response_content = answer

    def abs_root_path(self, path: str) -> str:
        return str(Path(self.root) / path)


def applied(files: dict[str, str], answer: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="cfx-bench-") as name:
        root = Path(name) / "work" / "tree"
        root.mkdir(parents=True)
        disk = Disk()
        for path, text in files.items():
            disk.write_text(str(root / path), text)
        coder = Coder(root, answer)
        try:
            edits = coder.get_edits()
            coder.apply_edits(edits)
        except Exception as error:  # noqa: BLE001 - whatever it raises, aider tells the model
            return {"refused": f"{type(error).__name__}: {error}"[:200]}
        if not edits:
            return {"refused": "no edits"}
        found = (place for place in sorted(root.rglob("*")) if place.is_file())
        return {"files": {place.relative_to(root).as_posix(): disk.read_text(str(place)) for place in found}}


def main() -> None:
    for line in sys.stdin:
        case = json.loads(line)
        print(json.dumps(applied(case["files"], case["answer"])), flush=True)


if __name__ == "__main__":
    main()
