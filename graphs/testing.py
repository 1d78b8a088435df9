"""The node that runs the flow's tests: what a patch breaks goes back to CODE, whoever would approve it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from langgraph.runtime import Runtime

from cfx_flow.aside import aside
from cfx_flow.diffs import Patch
from cfx_flow.flows.model import FlowFailed, Reason, Step
from cfx_flow.flows.run import Result
from cfx_flow.suites.model import Suite
from cfx_flow.suites.runs import Tree
from cfx_flow.suites.verdict import Run, Verdict, compared, passed, skipped
from cfx_flow.workspace.sandbox.model import NoSandbox, Sandbox, SandboxFailed
from cfx_flow.workspace.snapshot import PLAIN, Snapshot
from graphs.judge import placed
from graphs.state import FlowState, after_refusal
from graphs.work import Work


async def test(state: FlowState, runtime: Runtime[Work]) -> FlowState:
    """The patch becomes a tree, and the tests that the flow was asked for run on it. Where something fails,
    they run on the tree without it too: only what fails anew is the patch's fault."""
    work, n = runtime.context, state["step"] + 1
    name = state["tests"]
    asked = {"check_step": state["check_step"], "policy": name}
    step = await work.run.begin(n, "test", state["round"], input=asked)
    if step.status != "completed":
        suite = _suite(work, name)
        sandbox = await _sandbox(work, state)
        checked = await work.run.output_of(state["check_step"])
        verdict = await _tested(work, suite, sandbox, checked)
        step = await _finished(work, step, verdict, suite, sandbox)
    status = str(step.detail["status"])
    done: FlowState = {"step": n, "test_step": n, "tested": status}
    return done | {"feedback_step": n} | after_refusal(state) if status == "failed" else done


async def _tested(work: Work, suite: Suite, sandbox: Sandbox | NoSandbox, checked: Step) -> Verdict:
    if isinstance(sandbox, NoSandbox):
        return skipped(sandbox.reason)
    after = await _run(work, sandbox, suite, partial(_tree, work, checked.output or ""))
    if after.is_good and (after.cases is not None or suite.report is None):
        return passed(after)
    if suite.name not in work.unpatched:
        work.unpatched[suite.name] = await _run(work, sandbox, suite, work.snapshot)
    return await aside(len(after.ran.output), compared, after, work.unpatched[suite.name])


async def _sandbox(work: Work, state: FlowState) -> Sandbox | NoSandbox:
    """Raises FlowFailed (internal) where an earlier patch of the flow was tested and this machine, another
    perhaps, cannot: what broke tests there must not pass here for want of them."""
    sandbox = await work.tools.suites.sandbox()
    if isinstance(sandbox, NoSandbox) and state.get("tested", "skipped") != "skipped":
        raise FlowFailed(Reason.INTERNAL, _not_run(sandbox.reason))
    return sandbox


def _not_run(why: str) -> str:
    return f"The tests could not be run: {why} Resume the flow when that is mended."


async def _run(work: Work, sandbox: Sandbox, suite: Suite, tree: Tree) -> Run:
    """Raises FlowFailed: budget when the flow's time is up, internal where the sandbox breaks."""
    try:
        async with asyncio.timeout(max(work.run.seconds_left, 0)) as deadline:
            return await work.tools.suites.run(work.flow.user_id, sandbox, suite, tree)
    except TimeoutError:
        if deadline.expired():
            raise work.run.out_of_time() from None
        raise
    except SandboxFailed as failure:
        raise FlowFailed(Reason.INTERNAL, _not_run(str(failure))) from None


async def _tree(work: Work, diff: str) -> Snapshot:
    snapshot = await work.snapshot()
    return await aside(len(diff) + snapshot.weight, patched, diff, snapshot)


def patched(diff: str, snapshot: Snapshot) -> Snapshot:
    """Raises FlowFailed where it does not fit any more: without it the tests would say nothing of it."""
    patch = placed(diff, snapshot)
    if not isinstance(patch, Patch):
        raise FlowFailed(
            Reason.STATE, f"The patch does not fit the files any more ({patch.code}). Start it as a new flow."
        )
    gone = {change.path for change in patch.changes if change.after is None}
    made = {change.path: change.after.encode() for change in patch.changes if change.after is not None}
    files = {path: content for path, content in snapshot.files.items() if path not in gone} | made
    return Snapshot(files, {path: snapshot.modes.get(path, PLAIN) for path in files})


async def _finished(
    work: Work, step: Step, verdict: Verdict, suite: Suite, sandbox: Sandbox | NoSandbox
) -> Step:
    said = verdict.to_json(suite.name, None if isinstance(sandbox, NoSandbox) else sandbox.name)
    type_ = "tests.skipped" if verdict.status == "skipped" else "tests.completed"
    log = verdict.after.ran.output if verdict.after else ""
    detail: Mapping[str, Any] = said | {"reasons": verdict.reasons if verdict.status == "failed" else ""}
    return await work.run.finish(step, Result(log, detail, events=[work.run.event(type_, step, data=said)]))


def _suite(work: Work, name: str) -> Suite:
    """Raises FlowFailed when the operator has taken it away since the flow was accepted, or this worker's
    machine does not have it."""
    if name not in work.tools.suites.suites:
        raise FlowFailed(
            Reason.INTERNAL,
            f"The test policy {name!r} is not configured on this server (test_policies.yaml). "
            "Resume the flow when it is.",
        )
    return work.tools.suites.suites[name]
