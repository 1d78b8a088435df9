"""``cfx users``: accounts, beside the database."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cfx_flow.errors import InvalidRequest
from cli.beside_store import Desk, beside_store

if TYPE_CHECKING:
    from cfx_flow.accounts.users import UserInfo

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Make, list, limit, disable and enable accounts."
)

NONE = "none"
PAGE = 200

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name, or its id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Role = Annotated[str | None, typer.Option(metavar="ROLE", help="user, or admin, who manages all others.")]
DailyLimit = Annotated[
    str | None, typer.Option(metavar="N", help="Model calls a day; none: as the server says.")
]
MonthlyUsd = Annotated[
    str | None, typer.Option(metavar="USD", help="A budget for the month; none: without one.")
]


@app.command()
def create(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    name: Annotated[str, typer.Argument(metavar="NAME")],
    user_id: Annotated[
        str | None, typer.Option("--id", metavar="UUID", help="On Supabase: of whom in auth.users.")
    ] = None,
    role: Role = None,
    daily_limit: DailyLimit = None,
    monthly_usd: MonthlyUsd = None,
    as_json: AsJson = False,
) -> None:
    """Make an account. `cfx keys create --user NAME` gives it a key."""
    from cfx_flow.accounts.audit import OPERATOR

    values = _values(role, daily_limit, monthly_usd)

    async def work(desk: Desk) -> UserInfo:
        return await desk.users.create(name, OPERATOR, user_id=user_id, **values)

    made = beside_store(work)
    _tell(made, as_json, f"Made {made.name}. Next: cfx keys create --user {made.name}")


@app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List accounts, newest first, the disabled ones too."""

    async def work(desk: Desk) -> list[UserInfo]:
        found, cursor = await desk.users.page(limit=PAGE)
        users = list(found)
        while cursor is not None:
            found, cursor = await desk.users.page(limit=PAGE, cursor=cursor)
            users += found
        return users

    users = beside_store(work)
    if as_json:
        typer.echo(json.dumps({"data": [_shown(user) for user in users]}))
        return
    typer.echo("\t".join(("name", "role", "a day", "USD a month", "disabled", "id")))
    for user in users:
        typer.echo("\t".join(_cells(user)))


@app.command()
def limit(
    name: Name,
    role: Role = None,
    daily_limit: DailyLimit = None,
    monthly_usd: MonthlyUsd = None,
    as_json: AsJson = False,
) -> None:
    """Set an account's limits, or its role. Running servers follow within 6 seconds."""
    from cfx_flow.accounts.audit import OPERATOR

    values = _values(role, daily_limit, monthly_usd)
    if not values:
        raise InvalidRequest("say what is to change: --daily-limit N, --monthly-usd USD, or --role ROLE")

    async def work(desk: Desk) -> UserInfo:
        return await desk.users.change(name, values, OPERATOR)

    changed = beside_store(work)
    _tell(changed, as_json, f"{changed.name} is changed. Running servers follow within 6 seconds.")


@app.command()
def disable(name: Name, as_json: AsJson = False) -> None:
    """Its keys open nothing within 6 seconds, its streams end within 36, its flows stop within 6."""
    from cfx_flow.accounts.audit import OPERATOR

    disabled = beside_store(lambda desk: desk.users.disable(name, OPERATOR))
    _tell(disabled, as_json, f"{disabled.name} is disabled. Its flows can be resumed once it is enabled.")


@app.command()
def enable(name: Name, as_json: AsJson = False) -> None:
    """Let a disabled account in again, with the keys that it had."""
    from cfx_flow.accounts.audit import OPERATOR

    enabled = beside_store(lambda desk: desk.users.enable(name, OPERATOR))
    _tell(enabled, as_json, f"{enabled.name} is enabled.")


def _values(role: str | None, daily_limit: str | None, monthly_usd: str | None) -> dict[str, Any]:
    """What was said. Raises InvalidRequest."""
    values: dict[str, Any] = {} if role is None else {"role": role}
    try:
        if daily_limit is not None:
            values["daily_limit"] = None if daily_limit == NONE else int(daily_limit)
        if monthly_usd is not None:
            values["monthly_usd"] = None if monthly_usd == NONE else Decimal(monthly_usd)
    except (ValueError, InvalidOperation):
        raise InvalidRequest("a limit is a number, or `none`") from None
    return values


def _tell(user: UserInfo, as_json: bool, sentence: str) -> None:
    typer.echo(json.dumps(_shown(user)) if as_json else sentence)


def _shown(user: UserInfo) -> dict[str, Any]:
    return {
        "id": user.user_id,
        "name": user.name,
        "role": user.role,
        "daily_limit": user.daily_limit,
        "monthly_usd": None if user.monthly_usd is None else float(user.monthly_usd),
        "disabled_at": None if user.disabled_at is None else user.disabled_at.isoformat(),
        "created_at": user.created_at.isoformat(),
    }


def _cells(user: UserInfo) -> tuple[str, ...]:
    return (
        user.name,
        user.role,
        "" if user.daily_limit is None else str(user.daily_limit),
        "" if user.monthly_usd is None else f"{user.monthly_usd.normalize():f}",
        "" if user.disabled_at is None else f"{user.disabled_at:%Y-%m-%d %H:%M}",
        user.user_id,
    )
