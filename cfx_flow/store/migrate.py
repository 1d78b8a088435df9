"""Bringing the schema to the code's revision, and knowing cheaply that it is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection, inspect, text

from cfx_flow.errors import ConfigError, StoreUnavailable
from cfx_flow.settings import HOUSE
from cfx_flow.store.app_role import let_app_log_in, require_rights
from cfx_flow.store.engine import Store, open_engine
from cfx_flow.store.queue_schema import is_queue_ours, migrate_queue
from cfx_flow.store.row_security import open_queue_to_service
from cfx_flow.store.trouble import NO_SCHEMA, store_errors

MIGRATIONS = HOUSE / "migrations"
_ADVISORY_LOCK = 0x6366_785F_6D69_6772  # any number that is ours: two starting servers migrate in turn
_REVISION = re.compile(r"^revision\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)
_DOWN_REVISION = re.compile(r"^down_revision\s*=\s*(?:None|[\"']([^\"']+)[\"'])", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migrated:
    dialect: str
    before: str | None
    """``None``: an empty database"""
    after: str
    queue_changed: bool = False
    """procrastinate's tables, on Postgres"""

    @property
    def changed(self) -> bool:
        return self.before != self.after or self.queue_changed


def migrate(url: str, app_password: SecretStr | None = None) -> Migrated:
    """Upgrades to the newest revision, in one transaction: a crash in the middle leaves the old schema.

    ``app_password``: with it the application's role may log in from then on (Postgres only).

    Raises ConfigError for a database that a newer version has written, or whose role may not do this;
    StoreUnavailable when it does not answer. Synchronous: call it with ``asyncio.to_thread``.
    """
    head, known = read_revisions()
    engine = open_engine(url)
    try:
        with store_errors(), require_rights(), engine.connect() as connection:
            before = stored_revision(connection)
        _refuse_newer(before, known)
        queue_changed = False
        if before != head or engine.dialect.name == "postgresql":
            with store_errors(), require_rights(), engine.begin() as connection:
                queue_changed = _bring_up(connection, is_new=before != head)
                if app_password is not None:
                    let_app_log_in(connection, app_password)
    finally:
        engine.dispose()
    return Migrated(dialect=engine.dialect.name, before=before, after=head, queue_changed=queue_changed)


def _bring_up(connection: Connection, *, is_new: bool) -> bool:
    """Whether the queue's tables were changed."""
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    if is_new:
        _upgrade(connection)
    if not is_postgres:
        return False
    queue_changed = migrate_queue(connection)
    if is_new or queue_changed:
        open_queue_to_service(connection, is_ours=is_queue_ours(connection))
    return queue_changed


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _refuse_newer(revision: str | None, known: frozenset[str]) -> None:
    if revision is not None and revision not in known:
        raise ConfigError(
            f"the database is at revision {revision!r}, which this version of CF-X Flow does not know: a "
            "newer one has written it. Install that version, or use another database",
            key="CFX_DATABASE_URL",
        )


def read_revisions(folder: Path = MIGRATIONS / "versions") -> tuple[str, frozenset[str]]:
    """(head, all), from the text of the files: importing alembic would cost a third of the start."""
    parents: dict[str, str | None] = {}
    for file in sorted(folder.glob("*.py")):
        source = file.read_text(encoding="utf-8")
        revision, down = _REVISION.search(source), _DOWN_REVISION.search(source)
        if revision is None or down is None:
            raise ConfigError("a migration names its revision and down_revision", file=file)
        parents[revision[1]] = down[1]
    heads = parents.keys() - set(parents.values())
    if len(heads) != 1:
        raise ConfigError(f"one newest migration is wanted, found {sorted(heads)}", file=folder)
    return heads.pop(), frozenset(parents)


def stored_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


async def require_schema(store: Store) -> None:
    """For start and readiness: raises StoreUnavailable (run ``cfx migrate``) on any other revision."""
    async with store.read() as connection:
        revision = await connection.run_sync(stored_revision)
    if revision != read_revisions()[0]:
        raise StoreUnavailable(NO_SCHEMA)
