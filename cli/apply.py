"""``cfx rollback``: a working tree as it was before a flow."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cfx_flow.workspace import edits
from cfx_flow.workspace.edits import CommitWish, Done, message_of
from cli.exits import reported

Id = Annotated[str, typer.Argument(metavar="ID", help="A flow's id, or what `cfx diff apply` named.")]
Repo = Annotated[Path, typer.Option("--repo", metavar="PATH", help="The folder to change.")]
Commit = Annotated[bool, typer.Option("--commit", help="Commit the change, and nothing else that is edited.")]
Branch = Annotated[
    str | None, typer.Option("--branch", metavar="NAME", help="Commit on a new branch, and switch to it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def rollback(
    id: Id, repo: Repo = Path(), commit: Commit = False, branch: Branch = None, as_json: AsJson = False
) -> None:
    """Take back exactly what was written under this id. Later edits elsewhere are kept."""
    with reported():
        wish = _wish(f"Roll back {id}", id, commit=commit, branch=branch)
        _show(edits.rollback(repo, id, wish), "taken back", as_json=as_json)


def _wish(title: str, id: str, *, commit: bool, branch: str | None) -> CommitWish | None:
    return CommitWish(message_of(title, id), branch) if commit or branch is not None else None


def _show(done: Done, what: str, *, as_json: bool) -> None:
    for note in done.notes:
        typer.echo(f"cfx: {note}.", err=True)
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    for path in done.written:
        kept = " (your edits in it are kept)" if path in done.carried else ""
        typer.echo(f"{what}: {path}{kept}")
    if done.commit:
        typer.echo(f"committed: {done.commit[:12]}" + (f" on {done.branch}" if done.branch else ""))
