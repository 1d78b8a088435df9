"""``cfx migrate``: bring the database to this version's schema."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Annotated

import typer


def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Bring the database in CFX_DATABASE_URL to this version's schema. Running it again changes nothing.

    Several servers may be started at once: they take turns. Make a backup of a database that matters first.

    On Postgres it logs in as the owner of the tables. With CFX_APP_PASSWORD set, the role cfx_app may log in
    with it from then on: for the server and its workers (docs/postgres.md).
    """
    from cfx_flow.settings import Settings
    from cfx_flow.store.migrate import migrate as upgrade

    settings = Settings.load(os.environ)
    done = upgrade(settings.store_url, settings.app_password)
    if as_json:
        typer.echo(json.dumps({**asdict(done), "changed": done.changed}))
    elif done.before != done.after:
        typer.echo(f"{done.dialect}: from {done.before or 'an empty database'} to {done.after}")
    elif done.queue_changed:
        typer.echo(f"{done.dialect}: already at {done.after}; the queue's tables are new")
    else:
        typer.echo(f"{done.dialect}: already at {done.after}")
