"""One reading of an answer, fitted to the files: a target for each section, a place for each hunk.

Problems are gathered over the whole answer: whoever has to write it again should hear of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from cfx_flow.diffs import cut, diagnose
from cfx_flow.diffs.counts import account
from cfx_flow.diffs.merge import apply, merge
from cfx_flow.diffs.model import Code, Edit, FileChange, FileDiff, Hunk, Policy, Problem, Refused, Repair
from cfx_flow.diffs.place import Fitted, Placed, place
from cfx_flow.diffs.policy import enforce_paths
from cfx_flow.diffs.render import split
from cfx_flow.diffs.repairs import reinterpret
from cfx_flow.diffs.repairs.elided import is_elision
from cfx_flow.diffs.repairs.indentation import settle
from cfx_flow.diffs.source import BYTE_ORDER_MARK, Source
from cfx_flow.diffs.targets import Operation, Target, Tree, require_no_nesting, require_sure_name, resolve

_MAX_PROBLEMS = 200
"""of one stage; who makes more of them learns nothing from the rest"""

T = TypeVar("T")
U = TypeVar("U")


def fit(
    sections: list[FileDiff], files: Mapping[str, str], policy: Policy
) -> tuple[list[FileChange], list[Repair]]:
    """The changes and what was mended for them. Raises ``Refused`` with every problem of a stage."""
    repairs: list[Repair] = []
    targets = _targets(sections, files, policy, repairs)
    enforce_paths([(target.path, target.line) for target in targets], policy)
    try:
        placed = _each(targets, lambda target: _placed(target, files, policy, repairs))
    except Refused as refused:
        # a file to delete that is gone tells less than hunks that are there already
        raise Refused(
            sorted(refused.problems, key=lambda problem: problem.code is Code.MISSING_TARGET)
        ) from None
    modified = [item for item in placed if isinstance(item, Fitted)]
    settle(
        modified,
        [hunk for target in targets if target.operation is Operation.CREATE for hunk in target.hunks],
    )
    changes = _each(placed, lambda item: _merged(item, repairs) if isinstance(item, Fitted) else item)
    changes = [change for change in changes if change.before != change.after]
    if not changes:
        raise Refused(_no_change(modified))
    return changes, repairs


def _no_change(fitted: list[Fitted]) -> Problem:
    message = "the diff changes nothing: each line that goes comes back as it was"
    for item in fitted:
        for hunk, found in item.hunks:
            excerpt = item.source.excerpt(found.start, found.end)
            return Problem(Code.NO_CHANGE, message, item.path, hunk.line, excerpts=(excerpt,))
    return Problem(Code.NO_CHANGE, "the diff changes nothing")


def _each(items: Iterable[T], work: Callable[[T], U]) -> list[U]:
    """The work on every item, or all the problems that it met."""
    done: list[U] = []
    problems: list[Problem] = []
    for item in items:
        try:
            done.append(work(item))
        except Refused as refused:
            problems += refused.problems
            if len(problems) >= _MAX_PROBLEMS:
                break
    if problems:
        raise Refused(problems)
    return done


def _targets(
    sections: list[FileDiff], files: Mapping[str, str], policy: Policy, repairs: list[Repair]
) -> list[Target]:
    """One target per path, in the answer's order; sections of one path share their hunks."""
    tree = Tree(files)
    bare = any(map(tree.is_named_bare, sections))
    targets: dict[str, Target] = {}

    def add(section: FileDiff) -> None:
        if section.creates and not section.bare_names:
            require_sure_name(section, tree, bare=bare)
            section.bare_names = bare
        try:
            target = resolve(section, tree, repairs)
        except Refused as refused:  # of a file that may not be changed no line is shown
            shown = [(at.path, section.line) for at in refused.problems if at.path and at.excerpts]
            enforce_paths(shown, policy)
            raise
        known = targets.setdefault(target.path, target)
        if known is not target:
            known.absorb(target)

    _each(sections, add)
    require_no_nesting(targets.values())
    return list(targets.values())


def _placed(
    target: Target, files: Mapping[str, str], policy: Policy, repairs: list[Repair]
) -> Fitted | FileChange:
    if target.operation is Operation.CREATE:
        return _creation(target, repairs)
    if target.path not in files:
        message = f"there is no file {target.path} to delete"
        raise Refused(Problem(Code.MISSING_TARGET, message, target.path, target.line))
    before = files[target.path]
    if "\0" in before:
        raise Refused(Problem(Code.BINARY, f"{target.path} is not a text file", target.path, target.line))
    if target.operation is Operation.DELETE:
        return _deletion(target, before, policy, repairs)
    marked = before.startswith(BYTE_ORDER_MARK)
    source = Source(
        before,
        keep_returns="\r" in before and target.carries_returns,
        keep_mark=marked and target.carries_mark,
    )
    hunks = _each(target.hunks, lambda hunk: (hunk, _place(hunk, source, target.path, policy)))
    return Fitted(target.path, target.line, source, hunks)


def _place(hunk: Hunk, source: Source, path: str, policy: Policy) -> Placed:
    try:
        found = place(hunk, source, path) or reinterpret(hunk, source, policy.judgement)
        if found is None:
            raise Refused(diagnose.not_placed(hunk, source, path))
    except Refused:
        if hunk.old and cut.ends_in_a_change(hunk) and not any(map(is_elision, hunk.body)):
            raise Refused(cut.problem(hunk, path)) from None
        raise
    elided = any(kind == "elided_context" for kind, _ in found.repairs)
    if not elided and cut.ends_early(hunk, found, source):
        raise Refused(cut.problem(hunk, path))
    return found


def _creation(target: Target, repairs: list[Repair]) -> FileChange:
    hunk = _only_hunk(target)
    if hunk is None:
        return FileChange(target.path, None, "")
    if hunk.old:
        hunk = _with_blanks_added(hunk, target, repairs)
    if hunk.old:
        problem = f"{target.path} is new, so each of its lines needs a +"
        raise Refused(Problem(Code.CONTEXT_NOT_FOUND, problem, target.path, hunk.line, hunk.old[0]))
    if cut.misses_lines(hunk):
        raise Refused(cut.problem(hunk, target.path))
    lines = hunk.new
    ended = bool(lines) and not (hunk.new_at_eof and lines[-1])  # an empty last line is nothing but its end
    text = "\n".join(lines) + ("\n" if ended else "")
    return FileChange(target.path, None, text, (Edit(0, 0, tuple(lines)),) if lines else ())


def _with_blanks_added(hunk: Hunk, target: Target, repairs: list[Repair]) -> Hunk:
    """A new file has no context, so an empty line in it is an added one that lost its mark.

    Unless lines are missing, for then nobody knows how many empty ones stood at its end.
    """
    blanks_only = not any(line[1:].strip() for line in hunk.body if line[0] != "+")
    missing = hunk.counted is not None and hunk.counted[1] > len(hunk.body)
    if not blanks_only or missing or "+" not in hunk.marks:
        return hunk
    repairs.append(Repair("blank_added", "empty lines of a new file had no +", target.path, hunk.line))
    return replace(hunk, body=[line if line[0] == "+" else "+" for line in hunk.body])


def _only_hunk(target: Target) -> Hunk | None:
    """The new file's one hunk: equal ones once, and parts that say where they go on put together."""
    hunks = target.hunks
    if len(hunks) > 1 and all(hunk.body == hunks[0].body for hunk in hunks):
        hunks = hunks[:1]
    if len(hunks) <= 1:
        return hunks[0] if hunks else None
    whole: list[str] = []
    for hunk in sorted(hunks, key=lambda hunk: hunk.stated_new or 0):
        if hunk.stated_new != len(whole) + 1:
            problem = "a new file needs one hunk that holds all of it"
            raise Refused(Problem(Code.CONFLICTING_HUNKS, problem, target.path, hunk.line))
        whole += hunk.body
    last = max(hunks, key=lambda hunk: hunk.stated_new or 0)
    return replace(last, body=whole)


def _deletion(target: Target, before: str, policy: Policy, repairs: list[Repair]) -> FileChange:
    """A deletion must name the whole old content: what it does not show, nobody meant to delete."""
    lines = split(before.removeprefix(BYTE_ORDER_MARK) if not target.carries_mark else before).lines
    named = [line[1:] for hunk in target.hunks for line in hunk.body if line[0] == "-"]
    kept = any(line[0] != "-" for hunk in target.hunks for line in hunk.body)
    if kept or not _same_lines(named, lines, policy, target, repairs):
        raise Refused(diagnose.deletion(target, lines, named))
    return FileChange(target.path, before, None, (Edit(0, len(lines), ()),) if lines else ())


def _same_lines(
    named: list[str], lines: list[str], policy: Policy, target: Target, repairs: list[Repair]
) -> bool:
    """Trailing blanks aside; and indentation aside, if the policy lets that be judged."""
    if [line.rstrip() for line in named] == [line.rstrip() for line in lines]:
        return True
    if "indentation" not in policy.judgement or [x.strip() for x in named] != [x.strip() for x in lines]:
        return False
    repairs.append(Repair("indentation", "the indentation differed", target.path, target.line))
    return True


def _merged(fitted: Fitted, repairs: list[Repair]) -> FileChange:
    edits, repeated = merge(fitted)
    change = apply(fitted, edits)
    _record(fitted, repairs, repeated=repeated)
    repairs += account(fitted, change)
    return change


def _record(fitted: Fitted, repairs: list[Repair], *, repeated: bool) -> None:
    path, line = fitted.path, fitted.line
    for hunk, found in fitted.hunks:
        repairs += [Repair(kind, message, path, hunk.line) for kind, message in found.repairs]
    starts = [found.start for _, found in fitted.hunks]
    if starts != sorted(starts):
        repairs.append(Repair("hunk_order", "hunks were not in file order", path, line))
    if repeated:
        repairs.append(Repair("duplicate_hunk", "an edit was given more than once", path, line))
    if fitted.source.newline != "\n":
        repairs.append(Repair("line_ends", "the file's CRLF line ends were kept", path, line))
