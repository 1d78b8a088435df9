"""The user turns: the task, what the models may see of the repository, and the last attempt's faults.

What comes from a repository or from another model stands between fences: a word that none of
the texts contains, so that no text can end its own block and speak as the caller.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from cfx_flow.diffs import FileChange
from cfx_flow.flows.model import Step
from cfx_flow.stages.model import StageName
from cfx_flow.workspace.choose import CHARS_PER_TOKEN, choose, named_in
from graphs.judge import judge
from graphs.state import FlowState
from graphs.work import Work

MAX_SHOWN_TOKENS = 60_000
"""of file contents in one prompt, also where the model could take more: it costs every round"""

MAX_LISTED = 2_000
RESERVE_TOKENS = 2_000
"""for the system prompt and the estimate's error"""


async def plan(work: Work, state: FlowState) -> str:
    task = work.flow.task
    last, wish = await _wish(work, state)
    files = await _files(work, StageName.PLAN, spent=[task, last, wish])
    fence = fence_for([task, last, wish, files_text(work.files)])
    return work.tools.prompts.render(
        "flow/plan.md",
        fence=fence,
        task=block(fence, "task", task),
        files=shown(fence, work.files, files),
        last_attempt=_last_plan(work, fence, last, wish),
    )


async def code(work: Work, state: FlowState) -> str:
    task, planned = work.flow.task, await _output(work, state["plan_step"])
    last = await _output(work, state["code_step"]) if "feedback_step" in state else ""
    reasons = await _reasons(work, state)
    first = [*named_in(planned, work.files), *named_in(f"{last}\n{reasons}", work.files)]
    files = await _files(work, StageName.CODE, spent=[task, planned, last, reasons], first=first)
    fence = fence_for([task, planned, last, reasons, files_text(work.files)])
    return work.tools.prompts.render(
        "flow/code.md",
        fence=fence,
        task=block(fence, "task", task),
        plan=block(fence, "plan", planned),
        files=shown(fence, work.files, files),
        last_attempt=_last_attempt(work, fence, last, reasons, state),
    )


async def review(work: Work, state: FlowState) -> str:
    task, planned = work.flow.task, await _output(work, state["plan_step"])
    checked = await work.run.output_of(state["check_step"])
    diff = checked.output or ""
    after = await asyncio.to_thread(_after, work, diff)
    files = await _files(work, StageName.REVIEW, spent=[task, planned, diff], first=list(after), texts=after)
    fence = fence_for([task, planned, diff, files_text(after)])
    return work.tools.prompts.render(
        "flow/review.md",
        fence=fence,
        task=block(fence, "task", task),
        plan=block(fence, "plan", planned),
        diff=block(fence, "diff", diff),
        repairs=_repairs(checked),
        files=shown(fence, after, files, listing=False),
    )


def contract_in(text: str) -> str:
    """Whether the plan ends in its machine-readable block: ``present`` or ``none``."""
    return "present" if re.search(r"```json[^\n]*cfx-plan|\"cfx-plan\"|```cfx-plan", text) else "none"


# Fences and blocks -----------------------------------------------------------------------


def fence_for(texts: Iterable[str]) -> str:
    """The same for the same texts, and in none of them."""
    joined = "\n".join(texts)
    salt = 0
    while True:
        digest = hashlib.sha256(f"{salt}\n{joined}".encode("utf-8", "replace")).hexdigest()[:12]
        if digest not in joined:
            return f"DATA-{digest}"
        salt += 1


def block(fence: str, kind: str, text: str) -> str:
    return f"<<<{fence} {kind}\n{text.rstrip()}\n{fence}>>>"


def shown(fence: str, texts: Mapping[str, str], whole: Sequence[str], *, listing: bool = True) -> str:
    """The list of files, then the chosen ones whole; a path is data as well."""
    blocks = [block(fence, "list of all files", _listing(texts))] if listing else []
    blocks += [block(fence, f"file {path}", texts[path]) for path in sorted(whole)]
    return "\n\n".join(blocks)


def files_text(texts: Mapping[str, str]) -> str:
    return "\n".join(f"{path}\n{text}" for path, text in texts.items())


def _listing(texts: Mapping[str, str]) -> str:
    paths = sorted(texts)
    more = [f"… and {len(paths) - MAX_LISTED} more"] if len(paths) > MAX_LISTED else []
    return "\n".join([*paths[:MAX_LISTED], *more]) or "(there are no files yet)"


# What is chosen, and from where ----------------------------------------------------------


async def _files(
    work: Work,
    name: StageName,
    *,
    spent: Sequence[str],
    first: Sequence[str] = (),
    texts: Mapping[str, str] | None = None,
) -> Sequence[str]:
    texts = work.files if texts is None else texts
    listing = min(len(work.files), MAX_LISTED) * 40
    taken = (sum(map(len, spent)) + listing + len(work.system(name))) // CHARS_PER_TOKEN
    budget = min(MAX_SHOWN_TOKENS, work.room_tokens(name) - taken - RESERVE_TOKENS)
    chosen = await asyncio.to_thread(choose, texts, work.flow.task, budget_tokens=max(budget, 0), first=first)
    return chosen.whole


async def _output(work: Work, n: int) -> str:
    return (await work.run.output_of(n)).output or ""


async def _reasons(work: Work, state: FlowState) -> str:
    if "feedback_step" not in state:
        return ""
    step = await work.run.output_of(state["feedback_step"])
    if step.node == "approve_patch":
        return str(step.detail["comment"])
    return findings_text(step) if step.node == "review" else step.output or ""


async def _wish(work: Work, state: FlowState) -> tuple[str, str]:
    """The last plan, and what a person wants to have changed in it."""
    if "replan_step" not in state:
        return "", ""
    step = await work.run.output_of(state["replan_step"])
    return step.output or "", str(step.detail["comment"])


def findings_text(step: Step) -> str:
    """The reviewer's findings, one a line, each with its place."""
    lines = [str(step.detail["summary"])]
    for finding in step.detail["findings"]:
        place = ":".join(str(part) for part in (finding["file"], finding["line"]) if part is not None)
        rule = f" [{finding['rule']}]" if finding["rule"] else ""
        lines.append(f"- {finding['severity']}{rule} {place}: {finding['message']}")
    return "\n".join(lines)


def _last_attempt(work: Work, fence: str, last: str, reasons: str, state: FlowState) -> str:
    if "feedback_step" not in state:
        return ""
    diff = block(fence, "your last answer", last)
    if state["feedback_step"] == state["check_step"]:
        refused = block(fence, "why it was refused", reasons)
        return work.tools.prompts.render("flow/refused.md", diff=diff, reasons=refused)
    who = "The reviewer" if state["feedback_step"] == state.get("review_step") else "A person who has read it"
    findings = block(fence, "findings", reasons)
    return work.tools.prompts.render("flow/revise.md", who=who, diff=diff, reasons=findings)


def _last_plan(work: Work, fence: str, last: str, wish: str) -> str:
    if not wish:
        return ""
    planned, reasons = block(fence, "your last plan", last), block(fence, "what they ask for", wish)
    return work.tools.prompts.render("flow/replan.md", plan=planned, reasons=reasons)


def _after(work: Work, diff: str) -> Mapping[str, str]:
    """The changed files as the patch leaves them."""
    result = judge(diff, work.snapshot).result
    changes: Sequence[FileChange] = getattr(result, "changes", ())
    return {change.path: change.after for change in changes if change.after is not None}


def _repairs(checked: Step) -> str:
    kinds = [f"{repair['kind']}: {repair['message']}" for repair in checked.detail["repairs"]]
    return "; ".join(kinds) or "none"
