"""The tools that are compared: each takes an answer and files, and gives files or a refusal."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cfx_flow.diffs import Patch, check

Files = Mapping[str, str]
Tool = Callable[[str, Files], "dict[str, str] | str"]
"""the files after, or the reason code (``refused`` for tools that have none)"""

REFUSED = "refused"
SWE_BENCH = (
    ["git", "apply", "--verbose"],
    ["git", "apply", "--verbose", "--reject"],
    ["patch", "--batch", "--fuzz=5", "-p1", "-i"],
)
"""**Source**: GIT_APPLY_CMDS of SWE-bench's harness, which tries them in this order."""


def ours(answer: str, files: Files) -> dict[str, str] | str:
    result = check(answer, files)
    return result.files_after(files) if isinstance(result, Patch) else result.code


def without_fence(answer: str) -> str:
    """What a simple caller would do before handing the answer to a patch tool."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```\s*$", answer, re.MULTILINE | re.DOTALL)
    diffs = [block for block in blocks if re.search(r"^(@@|diff --git|--- )", block, re.MULTILINE)]
    return "".join(diffs) or answer


def command(*argvs: list[str]) -> Tool:
    """The commands one after another on the same tree, until one of them is content."""

    def run(answer: str, files: Files) -> dict[str, str] | str:
        with tempfile.TemporaryDirectory(prefix="cfx-bench-") as name:
            outer = Path(name)
            root = outer / "work" / "tree"  # two levels down: what climbs out stays in the temporary folder
            root.mkdir(parents=True)
            for path, text in files.items():
                place = root / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(text.encode())
            diff = outer / "answer.diff"
            diff.write_bytes(without_fence(answer).encode("utf-8", "replace"))
            done = any(_content(argv, root, outer, diff) for argv in argvs)
            return _tree(root) if done else REFUSED

    return run


def _content(argv: list[str], root: Path, outer: Path, diff: Path) -> bool:
    env = {"PATH": "/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(outer)}
    done = subprocess.run(
        [*argv, str(diff)], cwd=root, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
        check=False,
    )  # fmt: skip
    return done.returncode == 0


def _tree(root: Path) -> dict[str, str]:
    return {
        place.relative_to(root).as_posix(): place.read_bytes().decode("utf-8", "replace")
        for place in sorted(root.rglob("*"))
        if place.is_file() and place.suffix not in {".orig", ".rej"}
    }


def unidiff_strict(answer: str, files: Files) -> dict[str, str] | str:
    """unidiff's reading, each hunk at its stated line or not at all."""
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    try:
        patch = PatchSet(without_fence(answer))
    except UnidiffParseError:
        return REFUSED
    after = dict(files)
    for file in patch:
        if file.is_removed_file:
            after.pop(file.path, None)
            continue
        old = [] if file.is_added_file else after.get(file.path, "").splitlines(keepends=True)
        new: list[str] = []
        done = 0
        for hunk in file:
            start = max(hunk.source_start - 1, 0)
            source = [line.value for line in hunk.source_lines()]
            if old[start : start + len(source)] != source or start < done:
                return REFUSED
            new += old[done:start] + [line.value for line in hunk.target_lines()]
            done = start + len(source)
        after[file.path] = "".join(new + old[done:])
    return after if len(patch) else REFUSED


def whatthepatch(answer: str, files: Files) -> dict[str, str] | str:
    library: Any = import_module("whatthepatch")

    after = dict(files)
    try:
        for diff in library.parse_patch(without_fence(answer)):
            path = re.sub(r"^[ab]/", "", diff.header.new_path or "")
            lines = library.apply_diff(diff, after.get(path, ""))
            after[path] = "\n".join(lines) + "\n"
    except Exception:  # noqa: BLE001 - zlib's, struct's, its own: none of them is documented
        return REFUSED
    return after


def as_aider_wants_it(answer: str) -> str:
    """A fence for each file, which begins with ``---``: of anything else it finds no path."""
    git = re.compile(r"^(?:diff --git|index|new file mode|deleted file mode) .*\n", re.MULTILINE)
    text = git.sub("", without_fence(answer))
    parts = re.split(r"^(?=--- .*\n\+\+\+ )", text, flags=re.MULTILINE)
    return "\n".join(f"```diff\n{part}\n```\n" for part in parts if part.strip())


class Aider:
    """aider's udiff coder, in its own environment (``make clients``): one process for all cases."""

    PYTHON = Path(".venv-aider/bin/python")

    def __init__(self) -> None:
        program = Path(__file__).with_name("aider_udiff.py")
        self.process = subprocess.Popen(
            [self.PYTHON, "-W", "ignore", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    @classmethod
    def is_there(cls) -> bool:
        """Where Python is too new for it, its environment is empty."""
        return cls.PYTHON.exists() and any(cls.PYTHON.parent.parent.glob("lib/*/site-packages/aider"))

    def __call__(self, answer: str, files: Files) -> dict[str, str] | str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        case = {"files": dict(files), "answer": as_aider_wants_it(answer)}
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        outcome = json.loads(self.process.stdout.readline())
        if "files" not in outcome:
            return REFUSED
        return {path: _ended_as_before(text, files.get(path)) for path, text in outcome["files"].items()}


def _ended_as_before(text: str, before: str | None) -> str:
    """aider gives every file that it writes one line end; that alone is not held against it."""
    if not before or not text:
        return text
    return text.rstrip("\n") + before[len(before.rstrip("\n")) :]


def available() -> tuple[dict[str, Tool], list[str]]:
    """The tools on this machine, and the names of those that are not."""
    git, patch = shutil.which("git"), shutil.which("patch")
    peers: dict[str, Tool | None] = {
        "git apply": command(["git", "apply"]) if git else None,
        "git apply --recount -C1": command(["git", "apply", "--recount", "-C1"]) if git else None,
        "GNU patch": command(["patch", "-p1", "--batch", "--no-backup-if-mismatch", "-i"]) if patch else None,
        "the SWE-bench chain": command(*SWE_BENCH) if git and patch else None,
        "aider, udiff": Aider() if Aider.is_there() else None,
        "unidiff, strict": unidiff_strict,
        "whatthepatch": whatthepatch if find_spec("whatthepatch") else None,
    }
    tools = {"cfx diff": ours} | {name: tool for name, tool in peers.items() if tool}
    return tools, [name for name, tool in peers.items() if not tool]
