"""The user turns: the task, what the models may see of the repository, and the last attempt's faults.

Whatever comes from a repository, a caller or a model stands between fences (fences.py). What changes from
round to round comes last, and what has been shown keeps its place: a provider that caches what a prompt
has in common with the one before it then charges a tenth for it (ADR 0061).

Where a context window is small, files take three quarters at most of what task and plan leave of it, in
every round: the rest is for what is told of an attempt, or for an answer that is asked about again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from cfx_flow.answers import UnreadableAnswer
from cfx_flow.aside import aside
from cfx_flow.flows.model import Step
from cfx_flow.review.finding import worst_first
from cfx_flow.sizes import bytes_of
from cfx_flow.stages.model import StageName
from cfx_flow.workspace.choose import fitting, named_in, ranked, shown_bytes
from graphs.fences import block, clipped, fence_for, listing, shown
from graphs.judge import BREACH, patched_files, placed
from graphs.state import FlowState, has_feedback, still_stands, tested_step
from graphs.work import Work

MAX_SHOWN_BYTES = 240_000
"""of files in one prompt, some 60,000 tokens, also where the model could take more: it costs every round"""

MAX_LAST_ANSWER_BYTES = 100_000
MAX_REASONS_BYTES = 60_000
MAX_FOUND_BYTES = 12_000
"""of what the machine found, for the reviewer"""
MAX_FAILURES = 20
"""of tests, by name"""


async def plan(work: Work, state: FlowState) -> str:
    task, attempt = work.flow.task, await _attempt_at_plan(work, state)
    spent = [task, *attempt.texts]

    def write(files: Mapping[str, str]) -> str:
        chosen = _chosen(work, StageName.PLAN, files, [task])
        fence = _fence(work, spent, files, chosen.whole)
        return work.tools.prompts.render(
            "flow/plan.md",
            fence=fence,
            task=block(fence, "task", task),
            files=shown(fence, files, chosen.whole, chosen.listed),
            last_attempt=_last_plan(work, fence, attempt.cut_to(chosen.left)),
        )

    return await _from_files(work, write, spent)


async def code(work: Work, state: FlowState) -> str:
    task, plan_step = work.flow.task, await work.run.output_of(state["plan_step"])
    planned, contract = plan_step.output or "", work.contract_of(plan_step)
    in_contract = [file.path for file in contract.files] if contract else []
    attempt, said = await _attempt(work, state), await _said(work, state, but=state.get("feedback_step"))
    spent = [task, planned, *attempt.texts, said]

    def write(files: Mapping[str, str]) -> str:
        first = [*in_contract, *named_in(planned, files)]
        since = named_in("\n".join(attempt.texts), files)
        chosen = _chosen(work, StageName.CODE, files, [task, planned, said], first=first, since=since)
        fence, told = _fence(work, spent, files, chosen.whole), attempt.cut_to(chosen.left)
        return work.tools.prompts.render(
            "flow/code.md",
            fence=fence,
            task=block(fence, "task", task),
            plan=block(fence, "plan", planned),
            files=shown(fence, files, chosen.whole, chosen.listed),
            last_attempt=_last_attempt(work, fence, told, state),
            still=_still(work, fence, told),
            comment=_comment(work, fence, said),
        )

    return await _from_files(work, write, spent)


async def _from_files(work: Work, write: Callable[[Mapping[str, str]], str], spent: Sequence[str]) -> str:
    """A prompt that shows what fits of the snapshot; beside the loop, where there is much to choose from."""
    async with work.opened() as snapshot:
        return await aside(snapshot.weight + sum(map(len, spent)), write, snapshot.texts)


async def review(work: Work, state: FlowState, checked: Step, after: Mapping[str, str]) -> str:
    """``after``: the changed files as the patch leaves them."""
    task, planned = work.flow.task, await work.run.output_of(state["plan_step"])
    plan_, diff = planned.output or "", checked.output or ""
    found = clipped(_machine(work, checked, planned, await _tested(work, state)), _room_for_found(work))
    said = await _said(work, state)
    spent = [task, plan_, diff, found, said]
    files = fitting(after, list(after), most_bytes=_for_files(_left(work, StageName.REVIEW, spent)))
    fence = _fence(work, spent, after, files)
    return work.tools.prompts.render(
        "flow/review.md",
        fence=fence,
        task=block(fence, "task", task),
        plan=block(fence, "plan", plan_),
        wish=_wish(work, fence, said),
        diff=block(fence, "diff", diff),
        found=block(fence, "what the machine found", found),
        files=shown(fence, after, files),
        floor=work.tools.policy.guard.severity_floor,
    )


def unreadable(work: Work, answer: str, error: UnreadableAnswer) -> tuple[str, str]:
    """What was answered, as far as it need be read again, and the question for a readable review."""
    problem = str(error)
    fence = fence_for(work.flow.id, [problem])
    problem = block(fence, "what is wrong", problem)
    asked = work.tools.prompts.render("flow/unreadable.md", fence=fence, problem=problem)
    return clipped(answer, MAX_REASONS_BYTES), asked


async def patched(work: Work, checked: Step) -> Mapping[str, str]:
    """The changed files as the patch leaves them."""
    if checked.n in work.patched:
        return work.patched[checked.n]
    diff = checked.output or ""
    async with work.opened() as snapshot:
        return patched_files(await aside(len(diff) + snapshot.weight, placed, diff, snapshot))


async def room_for_diff(work: Work, state: FlowState, planned: str) -> int:
    """Bytes of a diff that REVIEW can read whole, beside all else that it must know."""
    fixed = [work.flow.task, planned, await _said(work, state)]
    return max(_left(work, StageName.REVIEW, fixed) - _room_for_found(work), 0)


def _room_for_found(work: Work) -> int:
    return min(MAX_FOUND_BYTES, max(work.room(StageName.REVIEW), 0) // 4)


# What is chosen, and from where ----------------------------------------------------------


def _fence(work: Work, texts: Sequence[str], files: Mapping[str, str], chosen: Iterable[str]) -> str:
    return fence_for(work.flow.id, [*texts, *files, *(files[path] for path in chosen)])


def _ranked(work: Work, files: Mapping[str, str]) -> Sequence[str]:
    """The snapshot never changes, and PLAN and each CODE are shown it."""
    paths = list(files)
    if not work.ranking:
        place = {path: at for at, path in enumerate(paths)}
        work.ranking.extend([place[path] for path in ranked(files, work.flow.task)])
    return [paths[at] for at in work.ranking]


class _Chosen(msgspec.Struct, frozen=True):
    """What a prompt shows of the files: a list of them, and some whole."""

    listed: str
    whole: Sequence[str]
    left: int
    """bytes that the prompt still has room for"""


def _chosen(
    work: Work, name: StageName, files: Mapping[str, str], fixed: Iterable[str], **named: Sequence[str]
) -> _Chosen:
    """``fixed``: what every prompt of this plan says besides; ``named``: as ``fitting`` takes it."""
    room = _left(work, name, fixed)
    listed = listing(files, room // 4)
    room -= bytes_of(listed)
    whole = fitting(files, _ranked(work, files), most_bytes=_for_files(room), **named)
    return _Chosen(listed, whole, room - sum([shown_bytes(path, files[path]) for path in whole]))


def _left(work: Work, name: StageName, taken: Iterable[str]) -> int:
    return max(work.room(name) - sum(map(bytes_of, taken)), 0)


def _for_files(room: int) -> int:
    return min(MAX_SHOWN_BYTES, room * 3 // 4)


class _Attempt(msgspec.Struct, frozen=True):
    """The last one; all empty where there is none."""

    answer: str = ""
    reasons: str = ""
    """why it will not do"""
    before: str = ""
    """what was asked for before, and still stands"""

    @property
    def texts(self) -> tuple[str, str, str]:
        return self.answer, self.reasons, self.before

    def cut_to(self, left: int) -> _Attempt:
        """In so many bytes: the reasons first of all."""
        reasons = clipped(self.reasons, min(MAX_REASONS_BYTES, left * 2 // 3))
        left = max(left - bytes_of(reasons), 0)
        before = clipped(self.before, min(MAX_REASONS_BYTES, left * 2 // 3))
        left = max(left - bytes_of(before), 0)
        return _Attempt(clipped(self.answer, min(MAX_LAST_ANSWER_BYTES, left)), reasons, before)


async def _output(work: Work, n: int) -> str:
    return (await work.run.output_of(n)).output or ""


async def _attempt(work: Work, state: FlowState) -> _Attempt:
    if not has_feedback(state):
        return _Attempt()
    answer = clipped(await _output(work, state["code_step"]), MAX_LAST_ANSWER_BYTES)
    before = [await _reasons(work, n) for n in still_stands(state)]
    return _Attempt(answer, await _reasons(work, state["feedback_step"]), "\n\n".join(before))


async def _reasons(work: Work, n: int) -> str:
    step = await work.run.output_of(n)
    if step.node == "approve_patch":
        return str(step.detail["comment"])
    if step.node == "test":
        return str(step.detail["reasons"])
    reasons = findings_text(step) if step.node == "review" else step.output or ""
    return clipped(reasons, MAX_REASONS_BYTES)


async def _said(work: Work, state: FlowState, *, but: int | None = None) -> str:
    """What a person has said of patches, and when they resumed the flow. ``but``: at which gate not."""
    gates = [await work.run.output_of(n) for n in state.get("comments", []) if n != but]
    comments = [str(step.detail["comment"]) for step in gates]
    return "\n\n".join([*comments, *filter(None, [work.flow.options.comment])])


async def _attempt_at_plan(work: Work, state: FlowState) -> _Attempt:
    """And what a person or the reviewer wants to have changed in it."""
    if "replan_step" not in state:
        return _Attempt()
    step = await work.run.output_of(state["replan_step"])
    if step.node != "review":
        return _Attempt(step.output or "", str(step.detail["comment"]))
    plan_ = await _output(work, state["plan_step"])
    return _Attempt(plan_, clipped(findings_text(step), MAX_REASONS_BYTES))


def findings_text(step: Step) -> str:
    """The reviewer's findings, one a line, each with its place; the worst first, for the end may be cut."""
    fault = step.detail.get("plan_fault")
    lines = [*([f"What is wrong with the plan: {fault}"] if fault else []), str(step.detail["summary"])]
    for finding in worst_first(step.detail["findings"]):
        place = ":".join(str(part) for part in (finding["file"], finding["line"]) if part is not None)
        rule = f" [{finding['rule']}]" if finding["rule"] else ""
        lines.append(f"- {finding['severity']}{rule} {place}: {finding['message']}")
    return "\n".join(lines)


def _last_attempt(work: Work, fence: str, told: _Attempt, state: FlowState) -> str:
    if not has_feedback(state):
        return ""
    last, reasons = told.answer, told.reasons
    render, diff = work.tools.prompts.render, block(fence, "your last answer", last)
    if state["feedback_step"] == state["check_step"]:
        prompt = "flow/breach.md" if state["check"] == BREACH else "flow/refused.md"
        return render(prompt, diff=diff, reasons=block(fence, "why it was refused", reasons))
    if state["feedback_step"] == state.get("test_step"):
        return render("flow/tests.md", diff=diff, reasons=block(fence, "what fails", reasons))
    who = "The reviewer" if state["feedback_step"] == state.get("review_step") else "A person who has read it"
    return render("flow/revise.md", who=who, diff=diff, reasons=block(fence, "findings", reasons))


def _comment(work: Work, fence: str, said: str) -> str:
    return work.tools.prompts.render("flow/comment.md", said=block(fence, "comment", said)) if said else ""


def _wish(work: Work, fence: str, said: str) -> str:
    return work.tools.prompts.render("flow/wish.md", said=block(fence, "comment", said)) if said else ""


def _still(work: Work, fence: str, told: _Attempt) -> str:
    asked = block(fence, "what was asked for", told.before)
    return work.tools.prompts.render("flow/still.md", asked=asked) if told.before else ""


def _last_plan(work: Work, fence: str, told: _Attempt) -> str:
    if not told.reasons:
        return ""
    planned = block(fence, "your last plan", told.answer)
    reasons = block(fence, "what they ask for", told.reasons)
    return work.tools.prompts.render("flow/replan.md", plan=planned, reasons=reasons)


async def _tested(work: Work, state: FlowState) -> list[str]:
    """What the tests said of this patch, for the reviewer."""
    n = tested_step(state)
    if n is None:
        return []
    detail = (await work.run.output_of(n)).detail
    names = detail["failures"]
    more = [f"- … and {len(names) - MAX_FAILURES} more"] if len(names) > MAX_FAILURES else []
    fails = [f"- fails: {name}" for name in names[:MAX_FAILURES]]
    return [f"Tests ({detail['policy']}): {detail['message']}", *fails, *more]


def _machine(work: Work, checked: Step, planned: Step, tested: Sequence[str]) -> str:
    """What is certain about the patch, in words for the reviewer."""
    repairs = [f"- mended, {repair['kind']}: {repair['message']}" for repair in checked.detail["repairs"]]
    breaches = [
        f"- {found['severity']} [{found['rule']}] {found['message']}"
        for found in checked.detail.get("breaches", ())
    ]
    contract = "The patch was held to the plan's contract."
    if work.contract_of(planned) is None:
        contract = "Contract: none. The plan has no block that a machine can read; compare with its text."
    return "\n".join([contract, *(breaches or ["- nothing against the policy"]), *tested, *repairs])
