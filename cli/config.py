"""``cfx config check``: is everything that a server would read in order?"""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cfx_flow.errors import ConfigError, StoreUnavailable

if TYPE_CHECKING:
    from cfx_flow.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Look at the configuration.")


@app.callback()
def _group() -> None:
    pass


@app.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check settings, the files of config/ and prompts. Exit code 0: all is well, 2: it is not."""
    try:
        report = _report()
    except ConfigError as error:
        if not as_json:
            raise
        file = str(error.file) if error.file else None
        where = {"file": file, "line": error.line, "key": error.key or None}
        typer.echo(json.dumps({"ok": False, "error": {"message": str(error), **where}}))
        raise typer.Exit(2) from None
    typer.echo(json.dumps(report) if as_json else _text(report))


_FILES = ("models_file", "policy_file", "test_policies_file")


def _report() -> dict[str, Any]:
    from cfx_flow.contract.load import load_policy
    from cfx_flow.preflight import guessable, misspelt, require_usable
    from cfx_flow.settings import Settings
    from cfx_flow.stages.check import load_config
    from cfx_flow.suites.load import load_suites

    settings = Settings.load(os.environ)
    models, _ = load_config(settings, os.environ)
    load_policy(settings.policy_file)
    suites = load_suites(settings.test_policies_file)
    require_usable(settings)
    return {
        "ok": True,
        "models_file": str(settings.models_file),
        "policy_file": str(settings.policy_file),
        "test_policies_file": str(settings.test_policies_file),
        "stages": {
            name.value: [target.model for target in stage.targets] for name, stage in models.stages.items()
        },
        "direct": list(models.direct.targets),
        "tests": list(suites),
        "upstreams": {upstream.name: upstream.base_url or None for upstream in models.upstreams.values()},
        "warnings": [
            *(
                f"{variable} is not set: `cfx serve` will not start without it (`cfx demo` will)"
                for variable in models.unset
            ),
            *misspelt(os.environ, models.variables),
            *guessable(settings),
            *asyncio.run(_about_the_database(settings)),
        ],
    }


async def _about_the_database(settings: Settings) -> list[str]:
    """Warnings. SQLite, which has no logins, is not opened: that would make the file."""
    from cfx_flow.accounts.pepper import KEY, given_pepper
    from cfx_flow.store.address import sqlite_file
    from cfx_flow.store.engine import open_store
    from cfx_flow.store.login import warning_of_login

    if sqlite_file(settings.store_url) is not None:
        return []
    found = [] if given_pepper(settings) else [f"{KEY} is not set: on Postgres nothing starts without it"]
    store = await open_store(settings.store_url)
    try:
        warning = await warning_of_login(store)
    except StoreUnavailable as error:
        warning = f"CFX_DATABASE_URL: {error.message}"
    finally:
        await store.close()
    return found if warning is None else [*found, warning]


def _text(report: dict[str, Any]) -> str:
    lines = [f"{report[name]}: all is well" for name in _FILES]
    lines += [f"  {stage:<8}{', then '.join(targets)}" for stage, targets in report["stages"].items()]
    lines.append(f"  {'direct':<8}{', '.join(report['direct']) or 'no models'}")
    lines.append(f"  {'tests':<8}{', '.join(report['tests']) or 'no policies'}")
    lines += [f"  {name} at {url}" for name, url in report["upstreams"].items() if url]
    return "\n".join(lines + [f"warning: {warning}" for warning in report["warnings"]])
