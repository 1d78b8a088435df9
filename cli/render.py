"""Rows, patches and sums as text for an 80-column terminal; colour only where rich allows it.

Everything that a model wrote passes ``plain`` first: a reply must not move the
cursor, recolour the terminal or hide characters in a diff.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from cli.client import Event
from cli.lines import count, duration, plain, usd
from cli.tested import STYLES as TEST_STYLES
from cli.tested import new_failures, outcome_of_tests
from cli.timeline import Row, Timeline

_CONTRACT = re.compile(r"^```[^\n]*cfx-plan[^\n]*\n.*?(?:^```[^\n]*$|\Z)", re.M | re.S)
MAX_WIDTH = 100
STAGE_WIDTH = 8
INDENT = 2 + 2 + STAGE_WIDTH
TOKENS_FROM_WIDTH = 72
PLAN_LINES = 14
PROBLEM_LINES = 8

VERDICT_STYLES = {"approve": "green", "revise": "yellow", "reject": "red"}
STATUS_STYLES = {"approved": "green", "rejected": "yellow", "failed": "red", "cancelled": "yellow"}
SEVERITY_STYLES = {
    "critical": "bold red",
    "high": "red",
    "error": "red",
    "medium": "yellow",
    "warning": "yellow",
}


_DONE = {"patch.applied": ("applied", "into"), "patch.rolled_back": ("taken back", "out of")}


@dataclass(frozen=True, slots=True)
class Glyphs:
    done: str
    failed: str
    unproven: str
    dot: str
    minus: str
    ellipsis: str


UNICODE = Glyphs(done="✓", failed="✗", unproven="!", dot="·", minus="−", ellipsis="…")
ASCII = Glyphs(done="+", failed="x", unproven="!", dot="-", minus="-", ellipsis="...")


def glyphs_for(console: Console) -> Glyphs:
    return UNICODE if console.encoding.lower().startswith("utf") else ASCII


class Renderer:
    """How one console shows things: its width and whether it can write more than ASCII."""

    def __init__(self, console: Console, *, plan_lines: int = PLAN_LINES) -> None:
        self._console = console
        self.plan_lines = plan_lines
        self.glyphs = glyphs_for(console)
        self.width = max(40, min(console.width, MAX_WIDTH))

    # -- a step

    def row(self, row: Row) -> list[Text]:
        """A finished step: one line of figures, then what it found."""
        line = Text("  ").append(*self._mark(row))
        line.append(" ").append(row.stage.ljust(STAGE_WIDTH), "bold")
        said = row.stopped_by or self._outcome(row)
        figures = self._figures(row)
        room = self.width - INDENT - len(figures.rstrip()) - 1
        line.append((self._cut(said, room) + " ").ljust(self.width - INDENT - len(figures)))
        line.append(figures, "dim")
        line.rstrip()
        return [line, *self._details(row)]

    def _mark(self, row: Row) -> tuple[str, str]:
        if row.refused or row.stopped_by:
            return self.glyphs.failed, "red"
        return (self.glyphs.unproven, "yellow") if row.unproven else (self.glyphs.done, "green")

    def running(self, row: Row | None, elapsed_s: float, *, awaits_person: bool = False) -> Text:
        """The step under way, without its spinner."""
        if row is None:
            whom = "your decision" if awaits_person else "a runner"
            return Text(f"waiting for {whom}  {duration(elapsed_s)}", "dim")
        line = Text(row.stage.ljust(STAGE_WIDTH), "bold")
        line.append("  ".join(part for part in (plain(row.model or ""), duration(elapsed_s)) if part))
        if row.output_chars:
            line.append(f"  {row.output_chars:,} characters", "dim")
        line.truncate(self.width - 4, overflow="ellipsis")
        return line

    def sums(self, timeline: Timeline, elapsed_s: float) -> Text:
        line = Text("    " + self._joined(self._sums(timeline, elapsed_s)), "dim")
        line.truncate(self.width, overflow="ellipsis")
        return line

    def ending(self, timeline: Timeline) -> list[Text]:
        """The flow's status, why, and what it took."""
        head = Text("  ")
        head.append(timeline.status, f"bold {STATUS_STYLES.get(timeline.status, '')}")
        if timeline.reason and timeline.status != "approved":
            head.append(f" ({timeline.reason})")
        took = [count(timeline.rounds, "round"), *self._sums(timeline, timeline.elapsed().total_seconds())]
        said = self._joined(took)
        if len(head) + len(said) + 3 <= self.width:
            lines = [head.append(f" {self.glyphs.dot} {said}", "dim")]
        else:
            lines = [head, *self._wrapped(said, 2, "dim")]
        message = timeline.message if timeline.status != "approved" else None
        lines += self._wrapped(message, 2) if message else []
        return [Text(), *lines, *(line for event in timeline.after_the_end for line in self._done(event))]

    def _done(self, event: Event) -> list[Text]:
        """Into the flow's folder on the server, or out of it."""
        verb, to = _DONE.get(event.type, (event.type.removeprefix("patch."), "in"))
        files = count(len(event.data.get("written") or ()), "file")
        commit = str(event.data.get("commit") or "")[:12]
        said = f"{verb} {event.at[:16].replace('T', ' ')} UTC: {files} {to} {event.data.get('folder')}"
        return self._wrapped(said + (f", commit {commit}" if commit else ""), 2, "dim")

    def _sums(self, timeline: Timeline, elapsed_s: float) -> list[str]:
        calls, tokens = count(timeline.calls, "call"), count(timeline.tokens, "token")
        return [duration(elapsed_s), calls, tokens, usd(timeline.cost_usd)]

    def _joined(self, parts: Iterable[str]) -> str:
        return f" {self.glyphs.dot} ".join(parts)

    def _outcome(self, row: Row) -> str:
        result = row.result or {}
        if row.stage == "check" and row.result is not None:
            if row.refused:
                return f"refused: {plain(str(result.get('code') or 'unreadable'))}"
            return self._files(result.get("files") or [])
        if row.stage == "test" and row.result is not None:
            return plain(outcome_of_tests(result))
        if row.stage == "review" and result.get("verdict"):
            return f"{plain(row.model or '')}: {plain(str(result['verdict']))}"
        return plain(row.model or "")

    def _files(self, files: Sequence[Mapping[str, Any]]) -> str:
        added = sum(int(file.get("added") or 0) for file in files)
        removed = sum(int(file.get("removed") or 0) for file in files)
        return f"accepted: {count(len(files), 'file')}, +{added} {self.glyphs.minus}{removed}"

    def _figures(self, row: Row) -> str:
        """Time, tokens and cost in columns; without the tokens on a narrow terminal."""
        called = row.input_tokens is not None or row.output_tokens is not None
        if not called and row.stage != "test":
            return ""
        took = duration(row.duration_ms / 1000) if row.duration_ms is not None else ""
        cost = usd(row.cost_usd or 0.0) if called else ""
        if self.width < TOKENS_FROM_WIDTH:
            return f"{took:>8} {cost:>8}"
        tokens = f"{row.input_tokens or 0:>8,} in {row.output_tokens or 0:>7,} out" if called else " " * 23
        return f"{took:>8} {tokens} {cost:>8}"

    # -- what a step found

    def _details(self, row: Row) -> list[Text]:
        result = row.result or {}
        if row.stage == "plan" and row.text:
            return self.plan(row.text) + self._contract(row.result)
        if row.stage == "check":
            lines = self._problems(result) if row.refused else self._repairs(result)
            return lines + self._breaches(result)
        if row.stage == "test":
            return self._tests(result, row.step)
        if row.stage == "review":
            return self._review(result)
        return []

    def plan(self, text: str) -> list[Text]:
        """The plan's beginning, or all of it; the rest, and its contract, are one command away."""
        said = _CONTRACT.sub("", text).strip()
        lines = self._wrapped(said, INDENT, "dim", blank=True)
        left = len(lines) - self.plan_lines
        if left <= 1:
            return lines
        more = f"{self.glyphs.ellipsis} {count(left, 'more line')}: cfx flows plan ID"
        return [*lines[: self.plan_lines], Text(" " * INDENT + more, "dim")]

    def _contract(self, result: Mapping[str, Any] | None) -> list[Text]:
        """What the plan lets a diff touch, or that it says nothing a machine could read."""
        if result is None or "contract" not in result:
            return []
        contract = result["contract"]
        if contract is None:
            said = f"contract: none ({result.get('contract_problem')})"
            return self._wrapped(said, INDENT, "yellow")
        files = [f"{file.get('operation')} {file.get('path')}" for file in contract.get("files") or []]
        return self._wrapped("contract: " + (", ".join(files) or "no file may change"), INDENT)

    def _problems(self, result: Mapping[str, Any]) -> list[Text]:
        lines: list[Text] = []
        for problem in result.get("problems") or []:
            where = plain(str(problem.get("path") or ""))
            said = plain(str(problem.get("message") or problem.get("code") or ""))
            text = f"{where}: {said}" if where and where not in said else said
            wrapped = self._wrapped(text, INDENT)
            lines += wrapped[:PROBLEM_LINES]
            lines += self._differing(problem)
        return lines

    def _differing(self, problem: Mapping[str, Any]) -> list[Text]:
        """The first line of the diff that the file does not have, above the file's own."""
        pairs = [("wrote", "the diff", "red"), ("found", "the file", "green")]
        lines = []
        for name, whose, style in pairs:
            if problem.get(name) is not None:
                line = Text(" " * (INDENT + 2) + f"{whose}  ", "dim")
                line.append(plain(str(problem[name])).strip(), style)
                line.truncate(self.width, overflow="ellipsis")
                lines.append(line)
        return lines

    def _repairs(self, result: Mapping[str, Any]) -> list[Text]:
        names = [_name_of(repair) for repair in result.get("repairs") or []]
        if not names:
            return []
        return self._wrapped("repaired: " + ", ".join(dict.fromkeys(names)), INDENT, "dim")

    def _breaches(self, result: Mapping[str, Any]) -> list[Text]:
        """Of the contract and the policy. Those that had the diff refused stand among its problems."""
        lines = []
        if result.get("contract") == "none":
            lines += self._wrapped("contract: none, the policy alone was checked", INDENT, "dim")
        for breach in result.get("breaches") or []:
            if breach.get("action") == "ask":
                lines += [
                    *self._finding(breach),
                    *self._wrapped("a person must allow it", INDENT + 2, "yellow"),
                ]
            elif breach.get("action") == "note":
                lines += self._finding(breach)
        return lines

    def _tests(self, result: Mapping[str, Any], step: int | None) -> list[Text]:
        """Why they say nothing for the patch, and what fails since it; the log is one command away."""
        status = str(result.get("status"))
        if status == "passed":
            return []
        lines = self._wrapped(str(result.get("message") or ""), INDENT, TEST_STYLES.get(status, "yellow"))
        names, left = new_failures(result, PROBLEM_LINES)
        room = self.width - INDENT - 2
        lines += [Text(" " * (INDENT + 2) + self._cut(plain(name), room)) for name in names]
        if status == "failed":
            more = f"{left:,} more, and the log" if left else "the log"
            lines += self._wrapped(f"{self.glyphs.ellipsis} {more}: cfx flows step ID {step}", INDENT, "dim")
        return lines

    def awaited(self, data: Mapping[str, Any], flow_id: str | None) -> list[Text]:
        """What a person is asked, and how to answer."""
        said = str(data.get("message") or f"The {data.get('gate')} waits for you.")
        how = f"cfx approve {flow_id or 'ID'}, or cfx reject {flow_id or 'ID'} [--revise --comment …]"
        return [*self._wrapped(said, 2, "yellow"), *self._wrapped(how, 2, "dim")]

    def _review(self, result: Mapping[str, Any]) -> list[Text]:
        verdict = str(result.get("verdict") or "")
        lines = self._wrapped(
            plain(str(result.get("summary") or "")), INDENT, VERDICT_STYLES.get(verdict, "")
        )
        if result.get("overruled"):
            lines += self._wrapped("it said approve; its own findings forbid that", INDENT, "yellow")
        if result.get("plan_fault"):
            lines += self._wrapped(f"the plan is at fault: {result['plan_fault']}", INDENT, "yellow")
        for finding in result.get("findings") or []:
            lines += self._finding(finding)
        return lines

    def _finding(self, finding: Mapping[str, Any]) -> list[Text]:
        severity = plain(str(finding.get("severity") or "note"))
        place = plain(str(finding.get("file") or ""))
        if place and finding.get("line") is not None:
            place += f":{finding['line']}"
        rule = plain(str(finding.get("rule") or ""))
        head = Text(" " * INDENT)
        head.append(severity, SEVERITY_STYLES.get(severity.lower(), "cyan"))
        head.append("".join(f"  {part}" for part in (place, rule) if part), "dim")
        head.truncate(self.width, overflow="ellipsis")
        return [head, *self._wrapped(plain(str(finding.get("message") or "")), INDENT + 2)]

    def _wrapped(self, text: str, indent: int, style: str = "", *, blank: bool = False) -> list[Text]:
        """``blank``: empty lines and the paragraphs' own indent are kept, as Markdown needs them."""
        lines: list[Text] = []
        for paragraph in plain(text).splitlines():
            if not paragraph.strip() and not blank:
                continue
            said = paragraph.rstrip() if blank else paragraph.strip()
            for line in Text(said, style).wrap(self._console, self.width - indent):
                line.pad_left(indent)
                line.rstrip()
                lines.append(line)
        return lines

    def _cut(self, text: str, cells: int) -> str:
        """One line of at most so many cells; an East Asian character takes two."""
        line = text.replace("\n", " ")
        if cell_len(line) <= cells:
            return line
        return set_cell_size(line, max(cells - len(self.glyphs.ellipsis), 0)) + self.glyphs.ellipsis


def _name_of(repair: object) -> str:
    if isinstance(repair, Mapping):
        return plain(str(repair.get("kind") or repair.get("code") or repair.get("message") or repair))
    return plain(str(repair))
