"""`cfx flows`: what ran, what it wrote, and how to stop it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli.client import Client
from cli.credentials import load_credentials
from cli.decide import text_of
from cli.exits import CommandError, reported
from cli.flow_text import card, entry, tests_card
from cli.lines import plain, print_lines
from cli.run import BudgetSeconds, BudgetTokens, budget_of, print_patch, request_options

app = typer.Typer(add_completion=False, help="List flows, show one, print its plan or patch, cancel it.")

FlowId = Annotated[str, typer.Argument(metavar="ID", help="The flow's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server's JSON.")]
Status = Annotated[list[str] | None, typer.Option(help="Only flows in this status; repeatable.")]
Reason = Annotated[str | None, typer.Option(help="Only those that ended for this reason.")]
ForkedFrom = Annotated[str | None, typer.Option(metavar="ID", help="Only forks of this flow.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Only those made from then on (ISO 8601).")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Only those made before.")]
StepNumber = Annotated[int, typer.Argument(metavar="N", min=1, help="The step's number.")]
Reverse = Annotated[bool, typer.Option("--reverse", help="The one that undoes it.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Instead of ID.cfx.tar.gz.")
]
Limit = Annotated[int, typer.Option(min=1, max=100, help="How many.")]
Cursor = Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")]


@app.callback(invoke_without_command=True)
def flows(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    context: typer.Context,
    status: Status = None,
    reason: Reason = None,
    forked_from: ForkedFrom = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List your flows, newest first (as `cfx flows list`), or look at one."""
    if context.invoked_subcommand is None:
        list_flows(status, reason, forked_from, since, until, limit, cursor, as_json)


@app.command("list")
def list_flows(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    status: Status = None,
    reason: Reason = None,
    forked_from: ForkedFrom = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List your flows, newest first."""
    asked = {"status": status, "reason": reason, "forked_from": forked_from, "since": since, "until": until}
    with reported():
        with _client() as client:
            page = client.flows(**asked, limit=limit, cursor=cursor)
        if as_json:
            typer.echo(json.dumps(page))
            return
        console = Console(highlight=False)
        lines = [line for flow in page["data"] for line in entry(flow, console.width)]
        print_lines(console, lines or [Text("no flows yet")])
        if page.get("next_cursor"):
            print_lines(console, [Text(f"more: cfx flows list --cursor {page['next_cursor']}", "dim")])


@app.command()
def show(flow_id: FlowId, as_json: AsJson = False) -> None:
    """Show one flow: status, stages, tokens, cost."""
    with reported():
        with _client() as client:
            flow = client.flow(flow_id)
        if as_json:
            typer.echo(json.dumps(flow))
            return
        print_lines(Console(highlight=False), card(flow))


@app.command()
def plan(flow_id: FlowId, as_json: AsJson = False) -> None:
    """Print the plan that counts; with --json its contract too, as a machine reads it."""
    with reported():
        with _client() as client:
            planned = client.plan(flow_id)
        if as_json:
            typer.echo(json.dumps(planned))
            return
        _print_text("plan", str(planned["plan"]), as_json)
        if planned.get("contract") is None:
            problem = planned.get("contract_problem") or "the plan has no contract block"
            print_lines(
                Console(stderr=True, highlight=False), [Text(f"contract: none ({plain(problem)})", "yellow")]
            )


@app.command()
def step(flow_id: FlowId, n: StepNumber, as_json: AsJson = False) -> None:
    """Print what a step made of what it was given; with --json the question too, repairs and cost."""
    with reported():
        with _client() as client:
            found = client.step(flow_id, n)
        if as_json:
            typer.echo(json.dumps(found))
        else:
            _print_text("step", str(found["output"] or ""), as_json)


@app.command("tests")
def log_of_tests(flow_id: FlowId, as_json: AsJson = False) -> None:
    """Print the newest tests' log, on stderr how they went; with --json all of it, as a machine reads it."""
    with reported():
        with _client() as client:
            found = client.tests(flow_id)
        if as_json:
            typer.echo(json.dumps(found))
            return
        print_lines(Console(stderr=True, highlight=False), tests_card(found))
        if found.get("output"):
            _print_text("tests", str(found["output"]), as_json)


@app.command()
def diff(flow_id: FlowId, reverse: Reverse = False, as_json: AsJson = False) -> None:
    """Print the patch, ready for `git apply`."""
    with reported():
        with _client() as client:
            text = client.diff(flow_id, reverse=reverse)
        if as_json:
            typer.echo(json.dumps({"diff": text}))
        else:
            print_patch(text, Console(highlight=False))


@app.command()
def bundle(flow_id: FlowId, output: Output = None, as_json: AsJson = False) -> None:
    """Write patch, plan, findings and approval into one file, for `cfx verify` and `cfx apply`."""
    with reported():
        with _client() as client:
            content = client.bundle(flow_id)
        place = output or Path(f"{flow_id}.cfx.tar.gz")
        try:
            place.write_bytes(content)
        except OSError as error:
            raise CommandError(f"{place} cannot be written ({error.strerror}).") from None
        typer.echo(json.dumps({"file": str(place), "bytes": len(content)}) if as_json else str(place))


@app.command()
def cancel(flow_id: FlowId, as_json: AsJson = False) -> None:
    """Cancel a flow that has not ended."""
    with reported():
        with _client() as client:
            flow = client.cancel(flow_id)
        typer.echo(json.dumps(flow) if as_json else f"{flow['id']} {flow['status']}")


@app.command()
def resume(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    flow_id: FlowId,
    max_rounds: Annotated[int | None, typer.Option(help="Review rounds in all, more than were run.")] = None,
    budget_usd: Annotated[float | None, typer.Option(help="The flow's whole budget from now on.")] = None,
    budget_tokens: BudgetTokens = None,
    budget_seconds: BudgetSeconds = None,
    comment: Annotated[str | None, typer.Option(help="What CODE should know when it goes on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a flow that failed, ran out of rounds or got stuck. `cfx watch ID` shows it."""
    wishes = request_options(max_rounds, budget_of(budget_usd, budget_tokens, budget_seconds), [])
    if comment is not None:
        wishes["comment"] = comment
    with reported():
        with _client() as client:
            flow = client.resume(flow_id, wishes)
        typer.echo(json.dumps(flow) if as_json else f"{flow['id']} {flow['status']}")


@app.command()
def fork(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    flow_id: FlowId,
    step: Annotated[int, typer.Option(min=0, help="The last step to take over; 0 takes over none.")],
    plan: Annotated[Path | None, typer.Option(help="A file with the plan to carry out instead.")] = None,
    stage_model: Annotated[
        list[str] | None, typer.Option(metavar="STAGE=MODEL", help="Another model from here on.")
    ] = None,
    max_rounds: Annotated[int | None, typer.Option(help="Review rounds in all.")] = None,
    budget_usd: Annotated[float | None, typer.Option(help="The new flow's own budget.")] = None,
    budget_tokens: BudgetTokens = None,
    budget_seconds: BudgetSeconds = None,
    as_json: AsJson = False,
) -> None:
    """Try another way from a step on, as a new flow: with another plan, or other models."""
    with reported():
        budget = budget_of(budget_usd, budget_tokens, budget_seconds)
        wishes = {"step": step} | request_options(max_rounds, budget, stage_model or [])
        if plan is not None:
            wishes["plan"] = text_of(plan)
        with _client() as client:
            flow = client.fork(flow_id, wishes)
        typer.echo(json.dumps(flow) if as_json else f"{flow['id']} {flow['status']}")


@app.command()
def report(flow_id: FlowId, as_json: AsJson = False) -> None:
    """Print the whole story in Markdown: task, plan, rounds, findings, cost, outcome."""
    with reported():
        with _client() as client:
            text = client.report(flow_id)
        _print_text("report", text, as_json)


def _client() -> Client:
    return Client(load_credentials(os.environ))


def _print_text(name: str, text: str, as_json: bool) -> None:
    console = Console()
    shown = plain(text) if console.is_terminal else text
    typer.echo(json.dumps({name: text}) if as_json else shown, nl=not shown.endswith("\n") or as_json)
