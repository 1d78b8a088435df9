"""``cfx keys``: the operator's command, beside the database; no server needs to run."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cfx_flow.errors import ConfigError, InvalidRequest
from cli.beside_store import Desk, beside_store

if TYPE_CHECKING:
    from cfx_flow.accounts import KeyInfo, NewKey

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Make, list and revoke keys.")

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
_PERIOD = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@app.command()
def create(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    user: Annotated[str, typer.Option(metavar="NAME", help="Whose key; the account is made when absent.")],
    label: Annotated[str | None, typer.Option(help="What the key is for; shown in lists.")] = None,
    daily_limit: Annotated[
        int | None, typer.Option(min=0, help="Requests a day with this key, instead of the user's limit.")
    ] = None,
    max_streams: Annotated[
        int | None, typer.Option(min=0, help="Streams at a time with this key, instead of the user's limit.")
    ] = None,
    permission: Annotated[list[str] | None, typer.Option(help="There is one: workspace.")] = None,
    stage: Annotated[list[str] | None, typer.Option(help="A stage that it may call; repeatable.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model that it may call directly; repeatable.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="12h, 90d, 4w, or a date such as 2030-01-31 (UTC).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown once: on stdout, alone, so that a script can keep it."""
    from cfx_flow.accounts.audit import OPERATOR
    from cfx_flow.accounts.making import KeyWish

    expires_at = None if expires is None else read_expiry(expires, datetime.now(UTC))
    _require_permissions(permission or ())
    for warning in _about_models(model or ()):
        typer.echo(f"warning: {warning}", err=True)

    async def work(desk: Desk) -> NewKey:
        wish = KeyWish(
            label=label,
            permissions=frozenset(permission or ()),
            daily_limit=daily_limit,
            max_streams=max_streams,
            stages=frozenset(stage) if stage else None,
            models=frozenset(model) if model else None,
            expires_at=expires_at,
        )
        return await desk.accounts.make_key(user, wish, OPERATOR)

    _print_made(beside_store(work), as_json=as_json)


@app.command("list")
def list_keys(
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Only this user's keys.")] = None,
    as_json: AsJson = False,
) -> None:
    """List keys, newest first, the revoked ones too. The keys themselves are not stored anywhere."""

    async def work(desk: Desk) -> list[KeyInfo]:
        return await desk.accounts.list_keys(user)

    keys = beside_store(work)
    if as_json:
        typer.echo(json.dumps({"data": [_shown(info) for info in keys]}))
    elif keys:
        _print_table(keys)
    else:
        of_whom = "" if user is None else f" of {user!r}"
        typer.echo(f"There are no keys{of_whom} yet: cfx keys create --user NAME", err=True)


@app.command()
def revoke(
    which: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `cfx keys list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a key: within 6 seconds it opens nothing any more. Revoking it again changes nothing."""
    from cfx_flow.accounts.audit import OPERATOR

    async def work(desk: Desk) -> KeyInfo:
        return await desk.accounts.revoke_key(which, actor=OPERATOR)

    info = beside_store(work)
    if as_json:
        typer.echo(json.dumps(_shown(info)))
    else:
        typer.echo(f"Revoked {info.key_id} of {info.user_name}. It is refused everywhere within 6 seconds.")


@app.command()
def rotate(
    which: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `cfx keys list` shows it.")],
    grace: Annotated[
        str, typer.Option(metavar="PERIOD", help="How long the old key goes on: 0h, 12h, 7d.")
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Make another key just like this one, which goes on for a while. The new one is shown once."""
    from cfx_flow.accounts.audit import OPERATOR

    now = datetime.now(UTC)
    longer = read_expiry(grace, now, "--grace") - now

    async def work(desk: Desk) -> NewKey:
        return await desk.accounts.rotate_key(which, longer, actor=OPERATOR)

    _print_made(beside_store(work), as_json=as_json)


def _require_permissions(names: Iterable[str]) -> None:
    from cfx_flow.workspace.roots import PERMISSION

    for name in names:
        if name.strip() != PERMISSION:
            raise InvalidRequest(
                f"{name!r} is no permission. There is one: {PERMISSION}", param="permissions"
            )


def _about_models(names: Collection[str]) -> Iterator[str]:
    """Warnings. What is on no whitelist today may be on the next, or on another machine's."""
    from cfx_flow.settings import Settings
    from cfx_flow.stages.check import load_config

    if not names:
        return
    try:
        models, _ = load_config(Settings.load(os.environ), os.environ)
    except ConfigError as error:
        yield f"whether these models are on the whitelist is not known: {error}"
        return
    for name in sorted({name.strip() for name in names} - models.direct.targets.keys()):
        yield f"{name!r} is on no whitelist here: cfx config check lists those that are"


def _print_made(made: NewKey, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"key": made.key, "is_account_new": made.is_account_new, **_shown(made)}))
        return
    if made.is_account_new:
        name = shlex.quote(made.user_name)
        typer.echo(
            f"Nobody was called {made.user_name}: the account is new. If the name is a slip:", err=True
        )
        typer.echo(f"  cfx users disable {name}", err=True)
    typer.echo(f"A key for {made.user_name}. It is not shown again; revoke it with", err=True)
    typer.echo(f"  cfx keys revoke {made.key_id}", err=True)
    typer.echo(made.key)


def read_expiry(text: str, now: datetime, option: str = "--expires") -> datetime:
    """A period from now, or an ISO date or time; without a zone it is UTC. Raises InvalidRequest."""
    period = _PERIOD.fullmatch(text.strip())
    try:
        if period is not None:
            return now + int(period[1]) * _UNITS[period[2]]
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{option}: {text!r} is neither a period (12h, 90d, 4w) nor a date") from None


def _shown(info: KeyInfo) -> dict[str, Any]:
    return {
        "id": info.id,
        "key_id": info.key_id,
        "user_id": info.user_id,
        "user": info.user_name,
        "label": info.label,
        "status": _status(info, datetime.now(UTC)),
        "permissions": sorted(info.permissions),
        "daily_limit": info.daily_limit,
        "max_streams": info.max_streams,
        "by_owner": info.by_owner,
        "stages": None if info.stages is None else sorted(info.stages),
        "models": None if info.models is None else sorted(info.models),
        "created_at": _iso(info.created_at),
        "expires_at": _iso(info.expires_at),
        "last_used_at": _iso(info.last_used_at),
    }


def _status(info: KeyInfo, now: datetime) -> str:
    is_over = info.expires_at is not None and info.expires_at <= now
    return "expired" if is_over and info.status == "active" else info.status


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _print_table(keys: list[KeyInfo]) -> None:
    """A table on a terminal; in a pipe one line a key, tab-separated."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cfx_flow.accounts.keys import ID_LENGTH

    header = ("id", "user", "label", "status", "a day", "streams", "expires", "last used")
    rows = [_cells(info, datetime.now(UTC)) for info in keys]
    console = Console()
    if not console.is_terminal:
        for row in (header, *rows):
            typer.echo("\t".join(row))
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in header:
        wraps = name in {"user", "label"}
        table.add_column(
            name, no_wrap=not wraps, overflow="fold", min_width=ID_LENGTH if name == "id" else None
        )
    for row in rows:
        table.add_row(*map(Text, row), style="" if row[3] == "active" else "dim")
    console.print(table)


def _cells(info: KeyInfo, now: datetime) -> tuple[str, ...]:
    return (
        info.key_id,
        info.user_name,
        info.label or "",
        _status(info, now),
        "" if info.daily_limit is None else str(info.daily_limit),
        "" if info.max_streams is None else str(info.max_streams),
        f"{info.expires_at:%Y-%m-%d}" if info.expires_at else "never",  # UTC, as --expires takes it
        f"{info.last_used_at.astimezone():%Y-%m-%d %H:%M}" if info.last_used_at else "never",
    )
