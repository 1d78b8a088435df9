"""``cfx approve`` and ``cfx reject``: a person's word at the gate where a flow waits."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cfx_flow.errors import ConfigError
from cli.client import Client
from cli.credentials import load_credentials
from cli.exits import reported

FlowId = Annotated[str, typer.Argument(metavar="ID", help="The flow that waits.")]
Comment = Annotated[str | None, typer.Option("--comment", help="Kept with the decision.")]
Plan = Annotated[Path | None, typer.Option("--plan", help="A file with the plan to carry out instead.")]
Revise = Annotated[bool, typer.Option("--revise", help="Send it back to be done again, as --comment says.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server's JSON.")]


def approve(flow_id: FlowId, plan: Plan = None, comment: Comment = None, as_json: AsJson = False) -> None:
    """Approve what a flow waits with: its plan, as it is or edited, or its patch."""
    _decide(flow_id, "approve", {"comment": comment, "plan": text_of(plan)}, as_json)


def reject(flow_id: FlowId, revise: Revise = False, comment: Comment = None, as_json: AsJson = False) -> None:
    """Reject what a flow waits with, which ends it, or send it back with --revise."""
    _decide(flow_id, "revise" if revise else "reject", {"comment": comment}, as_json)


def _decide(flow_id: str, decision: str, said: dict[str, Any], as_json: bool) -> None:
    """About the version that is there now: whoever wants to be sure looks with `cfx flows show` first."""
    with reported():
        with Client(load_credentials(os.environ)) as client:
            given = {name: value for name, value in said.items() if value is not None}
            flow = client.decide(client.flow(flow_id), decision, given)
        typer.echo(json.dumps(flow) if as_json else f"{flow['id']} {flow['status']}")


def text_of(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the plan cannot be read: {error}", file=file) from None
