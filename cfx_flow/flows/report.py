"""A flow told in Markdown: task, plan, rounds, findings, cost, outcome.

What people and models wrote is data: it stands in fences or has its marks escaped, so that a report can be
shown anywhere and no text in it becomes a link, an image or a heading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cfx_flow.contract.read import frozen_contract
from cfx_flow.flows.evidence import accepted
from cfx_flow.flows.model import Flow, FlowStatus, Step, iso
from cfx_flow.flows.usage import Usage

_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")
_BACKTICKS = re.compile(r"`{3,}")


def report(flow: Flow, steps: Sequence[Step]) -> str:
    """``steps``: all of the flow's, in order."""
    checked = accepted(steps)
    sections = [
        f"# Flow {flow.id}",
        _outcome(flow),
        "## Task",
        fenced(flow.task),
        *_plan(steps),
        *_rounds(steps),
        "## Cost",
        _cost(flow),
        *(["## Patch", fenced(checked.output, "diff")] if checked and checked.output else []),
    ]
    return "\n\n".join(sections) + "\n"


def fenced(text: str, language: str = "text") -> str:
    """Between more backticks than the text has in a row."""
    ticks = "`" * max([3, *(len(run) + 1 for run in _BACKTICKS.findall(text))])
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"


def inline(text: object) -> str:
    """On one line, every mark of Markdown escaped."""
    return _MARKS.sub(r"\\\1", " ".join(str(text).split()))


def _outcome(flow: Flow) -> str:
    reason = f" ({flow.reason})" if flow.reason else ""
    lines = [f"**{flow.status.value}**{reason}: {inline(flow.message or _UNFINISHED[flow.status])}"]
    if flow.parent_id is not None:
        lines.append(f"Forked from flow {flow.parent_id} after step {flow.parent_step}.")
    times = {"created": flow.created_at, "started": flow.started_at, "completed": flow.completed_at}
    lines.append(", ".join(f"{name} {iso(at)}" for name, at in times.items() if at))
    lines.append(f"Snapshot `{flow.snapshot_id}`.")
    return "\n\n".join(lines)


_UNFINISHED = {
    FlowStatus.QUEUED: "it waits for its turn.",
    FlowStatus.IN_PROGRESS: "it runs.",
    FlowStatus.REQUIRES_ACTION: "it waits for a person's decision.",
    FlowStatus.APPROVED: "",
    FlowStatus.REJECTED: "",
    FlowStatus.FAILED: "",
    FlowStatus.CANCELLED: "",
}


def _plan(steps: Sequence[Step]) -> Iterator[str]:
    planned = [step for step in steps if step.node in ("plan", "approve_plan") and step.output]
    if planned:
        yield "## Plan"
        yield fenced(planned[-1].output or "", "markdown")
        yield "\n".join(_contract(planned[-1]))


def _contract(planned: Step) -> Iterator[str]:
    """As it was frozen."""
    contract = frozen_contract(planned.detail, planned.output or "")
    if contract is None:
        yield f"Contract: none. {inline(planned.detail.get('contract_problem') or '')}".rstrip()
        return
    yield "Contract:\n" if contract.files else "Contract: no file may change.\n"
    for file in contract.files:
        yield f"- {file.operation} {inline(file.path)}{': ' if file.purpose else ''}{inline(file.purpose)}"
    lists = {
        "tests": contract.tests,
        "new dependencies": contract.dependencies,
        "risks": contract.risks,
        "out of scope": contract.out_of_scope,
    }
    yield from (f"- {name}: {'; '.join(map(inline, said))}" for name, said in lists.items() if said)


def _rounds(steps: Sequence[Step]) -> Iterator[str]:
    for round_ in sorted({step.round for step in steps}):
        yield f"## Round {round_}" if round_ else "## Planning"
        yield "\n".join(line for step in steps if step.round == round_ for line in _step(step))


def _step(step: Step) -> Iterator[str]:
    model = f", {inline(step.model)}" if step.model else ""
    told = _TELL.get(step.node, _nothing)(step.detail) if step.status == "completed" else iter(())
    head = next(told, "") if step.status == "completed" else step.status
    yield f"- {step.n}. {step.node}{model}{': ' if head else ''}{head}"
    yield from (f"  - {line}" for line in told)


def _nothing(detail: Mapping[str, Any]) -> Iterator[str]:
    yield from ()


def _check(detail: Mapping[str, Any]) -> Iterator[str]:
    code = f" ({detail['code']})" if detail.get("code") else ""
    yield f"{detail['status']}{code}"
    breached = {breach["rule"] for breach in detail.get("breaches", ())}
    for problem in detail.get("problems", ()):
        if problem.get("code") in breached:
            continue
        yield f"{inline(problem.get('path') or '')} {inline(problem['message'])}".strip()
    for file in detail.get("files", ()):
        yield f"{inline(file['path'])}: {file['added']} added, {file['removed']} removed"
    for repair in detail.get("repairs", ()):
        yield f"repaired, {inline(repair['kind'])}: {inline(repair['message'])}"
    for breach in detail.get("breaches", ()):
        yield f"{_finding(breach)} ({breach['action']})"


def _test(detail: Mapping[str, Any]) -> Iterator[str]:
    yield f"**{detail['status']}** ({inline(detail['policy'])}) {inline(detail['message'])}"
    new = set(detail["new_failures"])
    for name in detail["failures"]:
        yield f"{inline(name)}{': fails since the patch' if name in new else ': failed before'}"


def _review(detail: Mapping[str, Any]) -> Iterator[str]:
    yield f"**{detail['verdict']}** {inline(detail.get('summary', ''))}".strip()
    yield from map(_finding, detail.get("findings", ()))


def _finding(finding: Mapping[str, Any]) -> str:
    place = ":".join(str(part) for part in (finding.get("file"), finding.get("line")) if part is not None)
    rule = f" {inline(finding['rule'])}" if finding.get("rule") else ""
    return f"**{finding['severity']}**{rule} {inline(place)}: {inline(finding['message'])}"


def _decision(detail: Mapping[str, Any]) -> Iterator[str]:
    edited = ", with an edited plan" if detail.get("edited") else ""
    comment = f": {inline(detail['comment'])}" if detail.get("comment") else ""
    yield f"a person said {detail['decision']}{edited}{comment}"


_TELL: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "check": _check,
    "test": _test,
    "review": _review,
    "approve_plan": _decision,
    "approve_patch": _decision,
}
"""node → what its step's detail says: one line, then lines below it"""


def _cost(flow: Flow) -> str:
    rows = [
        "| stage | model | calls | input | of it cached | output | USD | seconds |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, stage in flow.stages.items():
        rows.append(_cost_row(name, inline(stage.model), stage.usage))
    rows.append(_cost_row("all", "", flow.spent))
    budget = flow.options.budget
    rows.append(f"\nOf a budget of {budget.usd:f} USD, {budget.tokens} tokens, {budget.seconds} seconds.")
    return "\n".join(rows)


def _cost_row(name: str, model: str, used: Usage) -> str:
    tokens = f"{used.input_tokens} | {used.cached_tokens} | {used.output_tokens}"
    return (
        f"| {name} | {model} | {used.calls} | {tokens} | {used.cost_usd:f} | {used.duration_ms / 1000:.1f} |"
    )
