"""`cfx run`: a task and a folder in, a reviewed patch out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from cfx_flow.diffs import Patch, check
from cfx_flow.errors import NotApplied, TreeBusy
from cfx_flow.workspace.archive import pack
from cfx_flow.workspace.edits import apply as write
from cfx_flow.workspace.edits import changes_of, recover
from cfx_flow.workspace.working_tree import Tree, read_folder, read_tracked
from cli.client import NOT_UTF8, ApiError, Client
from cli.credentials import load_credentials
from cli.exits import CommandError, exit_of, reported
from cli.lines import count, patch_lines, print_lines
from cli.timeline import Timeline
from cli.watch import CancelOnInterrupt, Screen

STAGES = ("plan", "code", "review")
NAMED_SKIPS = 5


Task = Annotated[str, typer.Argument(help="What to change, in a sentence or a page; - reads stdin.")]
Repo = Annotated[Path, typer.Option("--repo", help="The folder to change.")]
AllFiles = Annotated[bool, typer.Option("--all-files", help="Send every file, not only what git tracks.")]
MaxRounds = Annotated[int | None, typer.Option("--max-rounds", min=1, max=10, help="Review rounds.")]
BudgetUsd = Annotated[float | None, typer.Option("--budget-usd", min=0.0, help="Stop before it costs more.")]
BudgetTokens = Annotated[int | None, typer.Option("--budget-tokens", min=1, help="The same, in tokens.")]
BudgetSeconds = Annotated[int | None, typer.Option("--budget-seconds", min=1, help="The same, in seconds.")]
Tests = Annotated[
    str | None,
    typer.Option("--tests", metavar="NAME", help="Tests to run on each patch: a test policy of the server."),
]
StageModel = Annotated[
    list[str] | None,
    typer.Option("--stage-model", metavar="STAGE=MODEL", help="A whitelisted model for a stage; repeatable."),
]
Apply = Annotated[bool, typer.Option("--apply", help="Write an approved patch into the folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object at the end, nothing else.")]


def run(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    task: Task,
    repo: Repo = Path(),
    all_files: AllFiles = False,
    max_rounds: MaxRounds = None,
    budget_usd: BudgetUsd = None,
    budget_tokens: BudgetTokens = None,
    budget_seconds: BudgetSeconds = None,
    tests: Tests = None,
    stage_model: StageModel = None,
    apply: Apply = False,
    as_json: AsJson = False,
) -> None:
    """Run a whole flow on a folder: plan, code, check, test (where asked), review.

    Progress goes to stderr, the patch to stdout, so `cfx run "…" > change.patch` works.
    Ctrl-C cancels the flow; a second one leaves at once.

    Exit codes: 0 approved, 1 rejected, 2 wrong use, 3 failed, 4 cancelled, 5 no server,
    6 approved but not applied.
    """
    with reported():
        text = _from_stdin() if task == "-" else task
        if not text.strip():
            raise CommandError('say what to change: cfx run "what to change" --repo PATH')
        for note in recover(repo):
            typer.echo(f"cfx: {note}.", err=True)
        tree = read_folder(repo) if all_files else read_tracked(repo)
        budget = budget_of(budget_usd, budget_tokens, budget_seconds)
        options = request_options(max_rounds, budget, stage_model or [], tests)
        console = Console(stderr=True, highlight=False, quiet=as_json)
        outcome = _run(text, tree, options, console)
        finish = _finish_as_json if as_json else _finish
        finish(outcome, console, apply=apply)
        raise typer.Exit(exit_of(outcome.timeline.status))


def _from_stdin() -> str:
    try:
        return typer.get_binary_stream("stdin").read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CommandError(NOT_UTF8) from None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A flow that has ended, and the files it was given."""

    flow_id: str
    timeline: Timeline
    tree: Tree
    diff: str
    """empty when it ended before there was a patch"""

    def apply(self) -> list[str]:
        """Writes an approved patch and names its files. Raises NotApplied, TreeBusy."""
        return apply_patch(self.flow_id, self.tree, self.diff) if self.timeline.status == "approved" else []


def budget_of(usd: float | None, tokens: int | None, seconds: int | None) -> dict[str, Any]:
    budget = {"usd": usd, "tokens": tokens, "seconds": seconds}
    return {name: value for name, value in budget.items() if value is not None}


def request_options(
    max_rounds: int | None, budget: Mapping[str, Any], stage_model: list[str], tests: str | None = None
) -> dict[str, Any]:
    """The optional fields of ``POST /v1/flows``."""
    options: dict[str, Any] = {}
    if max_rounds is not None:
        options["max_rounds"] = max_rounds
    if budget:
        options["budget"] = dict(budget)
    if stage_model:
        options["stages"] = dict(_stage_model(pair) for pair in stage_model)
    if tests is not None:
        options["tests"] = tests
    return options


def _stage_model(pair: str) -> tuple[str, dict[str, str]]:
    stage, _, model = pair.partition("=")
    if stage not in STAGES or not model:
        raise CommandError(f"--stage-model takes plan=MODEL, code=MODEL or review=MODEL (it is {pair!r})")
    return stage, {"model": model}


def _run(task: str, tree: Tree, options: Mapping[str, Any], console: Console) -> Outcome:
    credentials = load_credentials(os.environ)
    screen = Screen(console)
    with Client(credentials) as client, CancelOnInterrupt(credentials, screen.note) as interrupts:
        _say_what_is_sent(screen, tree)
        snapshot = client.upload(pack(tree.snapshot))
        flow_id = client.create_flow(task, snapshot["id"], **options)["id"]
        interrupts.watch(flow_id)
        screen.flow_id = flow_id
        screen.note(f"flow {flow_id}")
        with screen:
            for event in client.events(flow_id):
                screen.show(event)
        screen.end()
        return Outcome(flow_id, screen.timeline, tree, _diff_of(client, flow_id))


def _finish(outcome: Outcome, console: Console, *, apply: bool) -> None:
    print_patch(outcome.diff, Console(highlight=False))
    if apply and (written := outcome.apply()):
        print_lines(console, [Text(f"  written: {', '.join(written)}")])
        print_lines(console, [Text(f"  To take it back: cfx rollback {outcome.flow_id}", "dim")])
    elif not apply and outcome.diff and console.is_terminal:
        print_lines(console, [Text(f"\n  To write it: cfx apply {outcome.flow_id}", "dim")])


def _finish_as_json(outcome: Outcome, _console: Console, *, apply: bool) -> None:
    """The report is printed also when the patch could not be written."""
    try:
        written, refused = (outcome.apply() if apply else []), None
    except (NotApplied, TreeBusy) as error:
        written, refused = [], error
    typer.echo(
        json.dumps({**_report(outcome), "applied": written, "not_applied": str(refused or "") or None})
    )
    if refused is not None:
        raise refused


def _report(outcome: Outcome) -> dict[str, Any]:
    timeline = outcome.timeline
    return {
        "id": outcome.flow_id,
        "status": timeline.status,
        "reason": timeline.reason,
        "message": timeline.message,
        "rounds": timeline.rounds,
        "cost_usd": round(timeline.cost_usd, 6),
        "tokens": timeline.tokens,
        "diff": outcome.diff,
        "events": [event.raw for event in timeline.events],
    }


def print_patch(diff: str, console: Console) -> None:
    """In colour for an eye; byte for byte for a file or a pipe."""
    if not diff:
        return
    if console.is_terminal:
        console.print()
        print_lines(console, patch_lines(diff))
    else:
        typer.echo(diff.encode("utf-8"), nl=False)


def apply_patch(flow_id: str, tree: Tree, diff: str) -> list[str]:
    """Writes the patch over what was sent, and names the files. Raises NotApplied, TreeBusy."""
    patch = check(diff, tree.snapshot.texts)
    if not isinstance(patch, Patch):
        raise NotApplied(
            f"The patch does not fit the files that were sent ({patch.code}). Nothing was written."
        )
    return list(write(tree.root, flow_id, changes_of(patch, tree.files)).written)


def _diff_of(client: Client, flow_id: str) -> str:
    """The accepted patch, or nothing when the flow ended before there was one."""
    try:
        return client.diff(flow_id)
    except ApiError as error:
        if error.status == 404:
            return ""
        raise


def _say_what_is_sent(screen: Screen, tree: Tree) -> None:
    size = f"{tree.snapshot.total_bytes / 1000:,.1f} kB"
    screen.note(f"{count(len(tree.files), 'file')} of {tree.root.resolve().name}, {size}")
    for path, why in tree.skipped[:NAMED_SKIPS]:
        screen.note(f"not sent: {path!r} ({why})")
    if len(tree.skipped) > NAMED_SKIPS:
        screen.note(f"not sent: {len(tree.skipped) - NAMED_SKIPS} more")
    if tree.untracked:
        screen.note(
            f"not sent: {count(tree.untracked, 'file')} that git does not track (git add, or --all-files)"
        )
