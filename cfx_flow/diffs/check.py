"""The whole check on one page: extract → parse → policy → fit (targets, places, merge) → render."""

from __future__ import annotations

from collections.abc import Mapping

from cfx_flow.diffs import cut
from cfx_flow.diffs.advice import advised
from cfx_flow.diffs.extract import Answer, extract
from cfx_flow.diffs.fit import fit
from cfx_flow.diffs.model import (
    Code,
    FileChange,
    FileDiff,
    FormReport,
    Patch,
    Policy,
    Refusal,
    Refused,
    Repair,
)
from cfx_flow.diffs.parse import parse
from cfx_flow.diffs.policy import enforce_form, enforce_paths
from cfx_flow.diffs.render import render
from cfx_flow.diffs.repairs import html
from cfx_flow.diffs.targets import common_paths

_DEFAULT = Policy()


def check(text: str, files: Mapping[str, str], policy: Policy = _DEFAULT) -> Patch | Refusal:
    """The answer as a patch on the given files, or the reasons why not. All or nothing.

    ``files`` are the workspace's text files by path. Nothing is read or written anywhere.
    """
    answer, sections = Answer([]), list[FileDiff]()
    try:
        answer = extract(text, policy)
        parse(answer, policy, sections)
        enforce_form(sections)
        changes, repairs = _fitted(sections, files, policy)
    except Refused as refused:
        problems = advised(refused.problems, sections, files, policy)
        return Refusal(str(problems[0].code), problems, tuple(answer.repairs))
    return Patch(render(changes), tuple(changes), (*answer.repairs, *repairs))


def check_form(text: str, policy: Policy = _DEFAULT) -> FormReport:
    """What can be told without the files: a diff is there, can be read, and its paths are safe."""
    answer, sections = Answer([]), list[FileDiff]()
    try:
        answer = extract(text, policy)
        parse(answer, policy, sections)
        enforce_form(sections)
        enforce_paths([(common_paths(section)[0], section.line) for section in sections], policy)
        _require_an_end(sections)
    except Refused as refused:
        return FormReport("refused", tuple(answer.repairs), refused.problems)
    return FormReport("repaired" if answer.repairs else "valid", tuple(answer.repairs))


def _require_an_end(sections: list[FileDiff]) -> None:
    """Refuses an answer that seems to break off in a change; whether the file ends there nobody knows."""
    for section in sections:
        seems_cut = cut.misses_lines if section.creates else cut.ends_in_a_change
        for hunk in filter(seems_cut, section.hunks):
            raise Refused(cut.problem(hunk))


def _fitted(
    sections: list[FileDiff], files: Mapping[str, str], policy: Policy
) -> tuple[list[FileChange], list[Repair]]:
    """The changes, of the answer as it is or, if it only fits so, with its HTML entities undone."""
    try:
        return fit(sections, files, policy)
    except Refused as refused:
        if not _may_be_escaped(refused, sections, policy):
            raise
        try:
            changes, repairs = fit(html.unescaped(sections), files, policy)
        except Refused:
            raise refused from None
    return changes, [Repair("html_escaped", "the answer was escaped as HTML"), *repairs]


def _may_be_escaped(refused: Refused, sections: list[FileDiff], policy: Policy) -> bool:
    """Only a hunk that has no place gives a reason to look for another reading."""
    codes = {problem.code for problem in refused.problems}
    misplaced = codes <= {Code.CONTEXT_NOT_FOUND, Code.REMOVED_LINE_MISMATCH}
    return misplaced and "html_escaped" in policy.judgement and html.looks_escaped(sections)
