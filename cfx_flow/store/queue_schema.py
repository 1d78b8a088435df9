"""procrastinate's tables, from procrastinate's own SQL. Alembic knows nothing of them.

**Source**: procrastinate's "Migrations" guide: ``schema.sql`` makes them, and each release that changes
them brings files ``sql/migrations/NN.NN.NN_KK_….sql``, to be run in the order of their names. It keeps
no record of which were run, so we write the last one into the comment of its main table.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from sqlalchemy import Connection, text

_MARK = "cfx-flow: procrastinate schema up to "


def migrate_queue(connection: Connection) -> bool:
    """Within the caller's transaction. True if something was to be done.

    Tables that somebody else has made, and so has to keep up to date, are left as they are.
    """
    migrations = _migrations()
    if not _has_tables(connection):
        _run(connection, resources.files("procrastinate.sql").joinpath("schema.sql").read_text("utf-8"))
        _mark(connection, migrations[-1])
        return True
    done = _marked(connection)
    missing = [] if done is None else [name for name in migrations if name > done]
    for name in missing:
        folder = resources.files("procrastinate.sql").joinpath("migrations")
        _run(connection, folder.joinpath(name).read_text("utf-8"))
        _mark(connection, name)
    return bool(missing)


def is_queue_ours(connection: Connection) -> bool:
    """Of a database that has one: whether we keep its tables up to date."""
    return _marked(connection) is not None


def _migrations() -> Sequence[str]:
    folder = resources.files("procrastinate.sql").joinpath("migrations")
    return sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))


def _has_tables(connection: Connection) -> bool:
    return connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is not None


def _marked(connection: Connection) -> str | None:
    comment = connection.execute(
        text("SELECT obj_description('procrastinate_jobs'::regclass, 'pg_class')")
    ).scalar()
    return str(comment).removeprefix(_MARK) if str(comment).startswith(_MARK) else None


def _mark(connection: Connection, migration: str) -> None:
    _run(connection, f"COMMENT ON TABLE procrastinate_jobs IS '{_MARK}{migration}'")


def _run(connection: Connection, script: str) -> None:
    """Many statements at once, and percent signs that are no placeholders: the driver's own ``execute``."""
    driver_connection = connection.connection.driver_connection
    assert driver_connection is not None  # noqa: S101 - it is open
    driver_connection.execute(script)
