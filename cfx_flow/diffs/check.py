"""The whole check on one page: extract → parse → policy → targets → place → merge → render."""

from __future__ import annotations

from collections.abc import Mapping

from cfx_flow.diffs import diagnose
from cfx_flow.diffs.extract import Answer, extract
from cfx_flow.diffs.merge import apply, merge
from cfx_flow.diffs.model import (
    Code,
    Edit,
    FileChange,
    FileDiff,
    FormReport,
    Hunk,
    Patch,
    Policy,
    Problem,
    Refusal,
    Refused,
    Repair,
)
from cfx_flow.diffs.parse import parse
from cfx_flow.diffs.place import Placed, place
from cfx_flow.diffs.policy import enforce_form, enforce_paths
from cfx_flow.diffs.render import render, split
from cfx_flow.diffs.repairs import html, reinterpret
from cfx_flow.diffs.source import Source
from cfx_flow.diffs.targets import Operation, Target, Tree, common_paths, resolve

_DEFAULT = Policy()


def check(text: str, files: Mapping[str, str], policy: Policy = _DEFAULT) -> Patch | Refusal:
    """The answer as a patch on the given files, or the reasons why not. All or nothing.

    ``files`` are the workspace's text files by path. Nothing is read or written anywhere.
    """
    repairs: list[Repair] = []
    try:
        answer = extract(text, policy)
        repairs = answer.repairs
        sections = parse(answer)
        enforce_form(sections, policy)
        changes = _fitted(sections, files, policy, repairs)
    except Refused as refused:
        return Refusal(str(refused.problems[0].code), refused.problems, tuple(repairs))
    return Patch(render(changes), tuple(changes), tuple(repairs))


def check_form(text: str, policy: Policy = _DEFAULT) -> FormReport:
    """What can be told without the files: a diff is there, can be read, and its paths are safe."""
    answer = Answer([])
    try:
        answer = extract(text, policy)
        sections = parse(answer)
        enforce_form(sections, policy)
        enforce_paths([(common_paths(section)[0], section.line) for section in sections], policy)
    except Refused as refused:
        return FormReport("refused", tuple(answer.repairs), refused.problems)
    return FormReport("repaired" if answer.repairs else "valid", tuple(answer.repairs))


def _fitted(
    sections: list[FileDiff], files: Mapping[str, str], policy: Policy, repairs: list[Repair]
) -> list[FileChange]:
    """The changes, of the answer as it is or, if it only fits so, with its HTML entities undone."""
    own: list[Repair] = []
    try:
        changes = _changes(_targets(sections, files, policy, own), files, policy, own)
    except Refused as refused:
        if not _may_be_escaped(refused, sections, policy):
            raise
        own = [Repair("html_escaped", "the answer was escaped as HTML")]
        try:
            changes = _changes(_targets(html.unescaped(sections), files, policy, own), files, policy, own)
        except Refused:
            raise refused from None
    repairs += own
    return changes


def _may_be_escaped(refused: Refused, sections: list[FileDiff], policy: Policy) -> bool:
    """Only a hunk that has no place gives a reason to look for another reading."""
    codes = {problem.code for problem in refused.problems}
    misplaced = codes <= {Code.CONTEXT_NOT_FOUND, Code.REMOVED_LINE_MISMATCH}
    return misplaced and "html_escaped" in policy.judgement and html.looks_escaped(sections)


def _targets(
    sections: list[FileDiff], files: Mapping[str, str], policy: Policy, repairs: list[Repair]
) -> list[Target]:
    """One target per path, in the answer's order; sections of one path share their hunks."""
    tree = Tree(files)
    targets: dict[str, Target] = {}
    problems: list[Problem] = []
    for section in sections:
        try:
            target = resolve(section, tree, repairs)
        except Refused as refused:
            problems += refused.problems
            continue
        known = targets.setdefault(target.path, target)
        if known is not target:
            known.absorb(target)
    if problems:
        raise Refused(problems)
    enforce_paths([(target.path, target.line) for target in targets.values()], policy)
    return list(targets.values())


def _changes(
    targets: list[Target], files: Mapping[str, str], policy: Policy, repairs: list[Repair]
) -> list[FileChange]:
    changes: list[FileChange] = []
    problems: list[Problem] = []
    for target in targets:
        try:
            changes.append(_change(target, files, policy, repairs))
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(problems)
    changes = [change for change in changes if change.before != change.after]
    if not changes:
        raise Refused(Problem(Code.NO_CHANGE, "the diff changes nothing"))
    return changes


def _change(target: Target, files: Mapping[str, str], policy: Policy, repairs: list[Repair]) -> FileChange:
    if target.operation is Operation.CREATE:
        return _creation(target)
    before = files[target.path]
    if "\0" in before:
        raise Refused(Problem(Code.BINARY, f"{target.path} is not a text file", target.path, target.line))
    if target.operation is Operation.DELETE:
        return _deletion(target, before, policy, repairs)
    return _modification(target, before, policy, repairs)


def _creation(target: Target) -> FileChange:
    hunks = target.hunks
    if len(hunks) > 1 and all(hunk.body == hunks[0].body for hunk in hunks):
        hunks = hunks[:1]
    if len(hunks) > 1:
        problem = "a new file needs one hunk that holds all of it"
        raise Refused(Problem(Code.CONFLICTING_HUNKS, problem, target.path, hunks[1].line))
    lines = hunks[0].new if hunks else []
    if hunks and hunks[0].old:
        raise Refused(
            Problem(
                Code.CONTEXT_NOT_FOUND,
                f"{target.path} is new, so each of its lines needs a +",
                target.path,
                hunks[0].line,
                wrote=hunks[0].old[0],
            )
        )
    ended = not (hunks and hunks[0].new_at_eof)
    text = "\n".join(lines) + ("\n" if ended and lines else "")
    return FileChange(target.path, None, text, (Edit(0, 0, tuple(lines)),) if lines else ())


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


def _deletion(target: Target, before: str, policy: Policy, repairs: list[Repair]) -> FileChange:
    """A deletion must name the whole old content: what it does not show, nobody meant to delete."""
    lines, _ = split(before)
    named = [line[1:] for hunk in target.hunks for line in hunk.body if line[0] == "-"]
    kept = any(line[0] != "-" for hunk in target.hunks for line in hunk.body)
    if kept or not _same_lines(named, lines, policy, target, repairs):
        raise Refused(diagnose.deletion(target, lines, named))
    return FileChange(target.path, before, None, (Edit(0, len(lines), ()),) if lines else ())


def _modification(target: Target, before: str, policy: Policy, repairs: list[Repair]) -> FileChange:
    source = Source(before, keep_returns=target.carries_returns)
    placed: list[tuple[Hunk, Placed]] = []
    problems: list[Problem] = []
    for hunk in target.hunks:
        try:
            placed.append((hunk, _place(hunk, source, target.path, policy)))
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(problems)
    edits, repeated = merge(placed, target.path)
    _record(target, placed, repairs, repeated=repeated, returns=source.newline != "\n")
    after, edits_and_end = apply(source, edits, placed)
    return FileChange(target.path, before, after, edits_and_end)


def _place(hunk: Hunk, source: Source, path: str, policy: Policy) -> Placed:
    found = place(hunk, source, path) or reinterpret(hunk, source, policy.judgement)
    if found is None:
        raise Refused(diagnose.not_placed(hunk, source, path))
    return found


def _record(
    target: Target, placed: list[tuple[Hunk, Placed]], repairs: list[Repair], *, repeated: bool, returns: bool
) -> None:
    for hunk, found in placed:
        repairs += [Repair(kind, message, target.path, hunk.line) for kind, message in found.repairs]
    starts = [found.start for _, found in placed]
    if starts != sorted(starts):
        repairs.append(Repair("hunk_order", "hunks were not in file order", target.path, target.line))
    if repeated:
        repairs.append(Repair("duplicate_hunk", "an edit was given more than once", target.path, target.line))
    if returns:
        repairs.append(Repair("line_ends", "the file's CRLF line ends were kept", target.path, target.line))
