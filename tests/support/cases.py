"""Real commits as diff cases: the shared data, where it lies, and a few of our own, which always run."""

from __future__ import annotations

import difflib
import gzip
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import HOUSE

Files = dict[str, str]


@dataclass(frozen=True)
class Case:
    """What a model was given, what it wrote, and what must come of it."""

    id: str
    files_before: Files
    llm_output: str
    files_after: Files

    @property
    def changes(self) -> list[str]:
        """``operation path`` of each file, as a plan's contract names them."""
        before, after = self.files_before, self.files_after
        paths = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
        kinds = {path: "create" if path not in before else "modify" for path in paths}
        return [f"{kinds[path] if path in after else 'delete'} {path}" for path in paths]


def shared_data() -> Path:
    return Path(os.environ.get("CFX_TEST_DATA") or HOUSE / ".." / "shared" / "data").resolve()


def shared_clean_cases() -> list[Case]:
    """The ``clean_*`` cases; none when the data is not on this machine."""
    path = shared_data() / "diff_cases.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Case(row["id"], row["files_before"], row["llm_output"], row["expected"]["files_after"])
        for row in rows
        if row["tier"] == "clean"
    ]


def own_cases(seed: int = 7) -> list[Case]:
    """One case for each kind of edit, made from a seed: the same on every machine."""
    return [_case(name, edit, random.Random(f"{seed}-{name}")) for name, edit in EDITS.items()]


def _case(name: str, edit: Callable[[Files, random.Random], Files], dice: random.Random) -> Case:
    before = _project(dice)
    after = edit(dict(before), dice)
    return Case(f"own-{name}", before, "".join(_diff(before, after)), after)


WORDS = ("total", "count", "price", "order", "basket", "label", "größe", "名前", "naïve", "x2")


def _project(dice: random.Random) -> Files:
    return {f"shop/{name}.py": _module(dice) for name in ("basket", "labels")} | {
        "README.md": "# Shop\n\nA small shop.\n",
        "notes.txt": "no newline at the end",
    }


def _module(dice: random.Random) -> str:
    names = dice.sample(WORDS, 6)
    return "\n\n".join(
        f'def {name}(value):\n    """The {name}."""\n    return value + {i}\n' for i, name in enumerate(names)
    )


def _change_line(files: Files, dice: random.Random) -> Files:
    path = "shop/basket.py"
    line = dice.choice([line for line in files[path].splitlines() if "return" in line])
    return files | {path: files[path].replace(line, line + "  # checked")}


def _change_two_files(files: Files, dice: random.Random) -> Files:
    changed = _change_line(files, dice)
    return changed | {"README.md": files["README.md"] + "\nIt checks what it sells.\n"}


def _add_file(files: Files, dice: random.Random) -> Files:
    return files | {"shop/new/deep.py": _module(dice)}


def _delete_file(files: Files, dice: random.Random) -> Files:
    del files["shop/labels.py"]
    return files


def _give_last_line_its_newline(files: Files, dice: random.Random) -> Files:
    return files | {"notes.txt": files["notes.txt"] + "\n"}


def _touch_both_ends(files: Files, dice: random.Random) -> Files:
    text = files["shop/basket.py"]
    return files | {"shop/basket.py": '"""The basket."""\n\n' + text + "\n\nEND = True\n"}


EDITS: Mapping[str, Callable[[Files, random.Random], Files]] = {
    "change_line": _change_line,
    "change_two_files": _change_two_files,
    "add_file": _add_file,
    "delete_file": _delete_file,
    "newline_at_end": _give_last_line_its_newline,
    "both_ends": _touch_both_ends,
}


def _diff(before: Files, after: Files) -> Iterator[str]:
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        names = (
            f"a/{path}" if old is not None else "/dev/null",
            f"b/{path}" if new is not None else "/dev/null",
        )
        if old != new:
            yield f"diff --git a/{path} b/{path}\n"
            yield "new file mode 100644\n" if old is None else ""
            yield "deleted file mode 100644\n" if new is None else ""
            lines = (text.splitlines(keepends=True) if text else [] for text in (old, new))
            for line in difflib.unified_diff(*lines, *names):
                yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
