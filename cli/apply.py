"""``cfx apply``, ``rollback``, ``verify``: a flow's result into a working tree, out of it, and looked at."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cfx_flow.flows.application import ApplyRequest, apply_bundle, roll_back
from cfx_flow.workspace.bundle import MAX_ARCHIVE_BYTES, Verified
from cfx_flow.workspace.bundle import verify as verify_bundle
from cfx_flow.workspace.edits import Done, recover
from cli.client import Client
from cli.credentials import load_credentials
from cli.exits import CommandError, Exit, reported
from cli.lines import plain

Flow = Annotated[str, typer.Argument(metavar="FLOW", help="The flow's id, or a file with its bundle.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="A flow's id, or what `cfx diff apply` named.")]
Bundle = Annotated[Path, typer.Argument(metavar="BUNDLE", help="From `cfx flows bundle`.")]
Repo = Annotated[Path, typer.Option("--repo", metavar="PATH", help="The folder to change.")]
Commit = Annotated[bool, typer.Option("--commit", help="Commit the change, and nothing else that is edited.")]
Branch = Annotated[
    str | None, typer.Option("--branch", metavar="NAME", help="Commit on a new branch, and switch to it.")
]
Approval = Annotated[
    str | None, typer.Option("--approval", metavar="HASH", help="The hash that it must be approved under.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def apply(
    flow: Flow, repo: Repo = Path(), commit: Commit = False, branch: Branch = None, as_json: AsJson = False
) -> None:
    """Write an approved flow's patch into a folder: all of it or nothing, over your edits or not at all."""
    with reported():
        _tell(recover(repo))
        done = apply_bundle(repo, _bundle(flow), ApplyRequest(commit=commit, branch=branch))
        _show(done, "written", as_json=as_json)
        if not as_json:
            typer.echo(f"to take it back: cfx rollback {done.id}", err=True)


def rollback(
    id: Id, repo: Repo = Path(), commit: Commit = False, branch: Branch = None, as_json: AsJson = False
) -> None:
    """Take back exactly what was written under this id. Later edits elsewhere are kept."""
    with reported():
        done = roll_back(repo, id, ApplyRequest(commit=commit, branch=branch))
        _show(done, "taken back", as_json=as_json)


def verify(bundle: Bundle, approval: Approval = None, as_json: AsJson = False) -> None:
    """Check a bundle by itself: hashes, patch, way back, and that the approval is for just this.

    Exit code 1: something does not match.
    """
    with reported():
        verified = verify_bundle(_read(bundle))
        problems = list(verified.problems)
        if approval is not None and verified.approval_hash != approval:
            problems.append(f"it is approved under {verified.approval_hash}, not under {approval}")
        _report(verified, problems, as_json=as_json)
        if problems:
            raise typer.Exit(Exit.REJECTED)


def _report(verified: Verified, problems: list[str], *, as_json: bool) -> None:
    files = [change.path for change in verified.changes]
    if as_json:
        known = {"flow": dict(verified.flow), "approval_hash": verified.approval_hash, "files": files}
        typer.echo(json.dumps({"matches": not problems, "problems": problems, **known}))
        return
    for problem in problems:
        typer.echo(f"does not match: {plain(problem)}", err=True)
    if not problems:
        typer.echo(f"matches: flow {plain(str(verified.flow.get('id')))}, {len(files)} files")
        typer.echo(f"approved: {plain(verified.approval_hash or 'no')}")


def _bundle(flow: str) -> bytes:
    if Path(flow).is_file():
        return _read(Path(flow))
    with Client(load_credentials(os.environ)) as client:
        return client.bundle(flow)


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_ARCHIVE_BYTES:
            raise CommandError(f"{file} is too large for a bundle.")
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read ({error.strerror}).") from None


def _tell(notes: tuple[str, ...]) -> None:
    for note in notes:
        typer.echo(f"cfx: {note}.", err=True)


def _show(done: Done, what: str, *, as_json: bool) -> None:
    _tell(done.notes)
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    for path in done.written:
        kept = " (your edits in it are kept)" if path in done.carried else ""
        typer.echo(f"{what}: {path}{kept}")
    if done.commit:
        typer.echo(f"committed: {done.commit[:12]}" + (f" on {done.branch}" if done.branch else ""))
