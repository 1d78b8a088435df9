"""``cfx prune``: takes out what is older than the settings say, beside the database."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Annotated

import typer

from cli.beside_store import store_of


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Take out old logs, flows, checkpoints, effects and unused snapshots. A running server does so by itself
    every hour; requests go on meanwhile."""
    found = asyncio.run(_prune(dry_run))
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, "rows": dict(found)}))
        return
    for table, count in found.items():
        typer.echo(f"{table}\t{count}{' would go' if dry_run else ''}")


async def _prune(dry_run: bool) -> Mapping[str, int]:
    """Rows by table. It reads no key, so it asks for no pepper."""
    from cfx_flow.clock import SystemClock
    from cfx_flow.retention.prune import Pruner
    from cfx_flow.retention.rules import rules_of
    from cfx_flow.settings import Settings

    settings = Settings.load(os.environ)
    async with store_of(settings) as store:
        pruner = Pruner(store, SystemClock(), rules_of(settings))
        return await (pruner.count() if dry_run else pruner.run())
