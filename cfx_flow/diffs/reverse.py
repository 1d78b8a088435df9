"""The diff that undoes one."""

from __future__ import annotations

from collections.abc import Iterator

from cfx_flow.diffs.extract import extract
from cfx_flow.diffs.model import Edit, FileChange, FileDiff, Hunk, Patch, Policy, Refusal, Refused
from cfx_flow.diffs.parse import parse
from cfx_flow.diffs.paths import DEV_NULL, quote
from cfx_flow.diffs.policy import enforce_form
from cfx_flow.diffs.render import NO_NEWLINE, render, split
from cfx_flow.diffs.targets import common_paths

_SWAPPED = {"+": "-", "-": "+", " ": " ", "?": " "}


def reverse(patch: Patch) -> str:
    """The canonical diff from the files after to the files before."""
    return render(_swapped(change) for change in patch.changes)


def _swapped(change: FileChange) -> FileChange:
    old = split(change.before).lines
    edits: list[Edit] = []
    shift = 0
    for edit in change.edits:
        start = edit.start + shift
        edits.append(Edit(start, start + len(edit.new), tuple(old[edit.start : edit.end])))
        shift += len(edit.new) - (edit.end - edit.start)
    return FileChange(change.path, change.after, change.before, tuple(edits))


def reverse_text(text: str, policy: Policy | None = None) -> str | Refusal:
    """The same for a diff as text, without the files: repaired in form, placed nowhere."""
    policy = policy or Policy()
    try:
        sections: list[FileDiff] = []
        parse(extract(text, policy), policy, sections)
        enforce_form(sections)
        return "".join(line + "\n" for section in sections for line in _section(section))
    except Refused as refused:
        return Refusal(str(refused.problems[0].code), refused.problems)


def _section(file: FileDiff) -> Iterator[str]:
    path = common_paths(file)[0]
    old, new = quote(f"a/{path}"), quote(f"b/{path}")
    yield f"diff --git {old} {new}"
    if file.deletes:
        yield "new file mode 100644"
    if file.creates:
        yield "deleted file mode 100644"
    if file.hunks:
        yield f"--- {DEV_NULL if file.deletes else old}"
        yield f"+++ {DEV_NULL if file.creates else new}"
    for hunk in file.hunks:
        yield from _hunk(hunk)


def _hunk(hunk: Hunk) -> Iterator[str]:
    numbered = hunk.stated is not None and hunk.stated_new is not None
    starts = f"-{hunk.stated_new},{len(hunk.new)} +{hunk.stated},{len(hunk.old)} " if numbered else ""
    yield f"@@ {starts}@@"
    last_old = max((at for at, line in enumerate(hunk.body) if line[0] != "+"), default=-1)
    last_new = max((at for at, line in enumerate(hunk.body) if line[0] != "-"), default=-1)
    ends = {last_old} if hunk.old_at_eof else set()
    ends |= {last_new} if hunk.new_at_eof else set()
    for at, line in _removed_first(hunk.body):
        yield _SWAPPED[line[0]] + line[1:]
        if at in ends:
            yield NO_NEWLINE


def _removed_first(body: list[str]) -> Iterator[tuple[int, str]]:
    """The body by index, with the ``+`` lines of each run (removed, once swapped) before its ``-`` lines."""
    run: list[tuple[int, str]] = []
    for at, line in enumerate([*body, " "]):
        if line[0] in "+-":
            run.append((at, line))
            continue
        yield from (item for item in run if item[1][0] == "+")
        yield from (item for item in run if item[1][0] == "-")
        run = []
        if at < len(body):
            yield at, line
