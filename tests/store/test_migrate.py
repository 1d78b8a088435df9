"""The schema: as tables.py says on both databases, up and down, and never half."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import zlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, insert, inspect, select, text

from cfx_flow.errors import ConfigError, StoreUnavailable
from cfx_flow.settings import HOUSE
from cfx_flow.store.engine import open_engine, open_store
from cfx_flow.store.migrate import MIGRATIONS, migrate, read_revisions, require_schema
from cfx_flow.store.tables import flow_search, flow_step_inputs, flow_steps, flows, metadata, snapshots
from tests.support.postgres import PostgresServer
from tests.support.rows import row_of


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def difference(url: str) -> list[object]:
    engine = open_engine(url)
    with engine.connect() as connection:
        opts = {"compare_type": True, "include_name": is_ours}
        return compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)


def is_ours(name: str | None, _kind: str, _parents: object) -> bool:
    """SQLite knows no ``auth.users`` to which ``tables.py`` could refer."""
    return not str(name).startswith("procrastinate_") and name != "fk_accounts_user_id_users"


def our_tables(connection: Connection) -> list[str]:
    return [name for name in inspect(connection).get_table_names() if is_ours(name, "table", {})]


def test_migrated_schema_is_the_one_in_tables(empty_database_url: str) -> None:
    migrate(empty_database_url)
    assert difference(empty_database_url) == []


def test_migration_goes_down_to_nothing_and_up_again(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with open_engine(empty_database_url).begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        assert our_tables(connection) == ["alembic_version"]
    assert migrate(empty_database_url).changed
    assert difference(empty_database_url) == []


def test_rows_of_every_earlier_revision_are_carried_up_and_down_and_up_again(empty_database_url: str) -> None:
    """One more in every table at each revision. What goes with its table on the way down is not missed."""
    engine = open_engine(empty_database_url)
    for n, revision in enumerate(in_order(), 1):
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), revision)
            add_rows(connection, str(UUID(int=n)))
    first = ("accounts", "api_keys", "flow_events", "flow_steps", "flows", "request_logs", "snapshots")
    with engine.begin() as connection:
        assert {name: rows_in(connection, name) for name in first} == dict.fromkeys(first, n)
        command.downgrade(alembic_config(connection), "first_light")
        command.upgrade(alembic_config(connection), "head")
        assert {name: rows_in(connection, name) for name in first} == dict.fromkeys(first, n)
        add_rows(connection, str(UUID(int=n + 1)))
    assert difference(empty_database_url) == []


def in_order() -> list[str]:
    """All revisions, oldest first."""
    script = ScriptDirectory(str(MIGRATIONS))
    return [revision.revision for revision in script.walk_revisions()][::-1]


def add_rows(connection: Connection, user_id: str) -> None:
    there = MetaData()
    there.reflect(connection, only=lambda name, _: is_ours(name, "table", {}) and name != "alembic_version")
    for table in there.sorted_tables:
        if table.schema is None:
            connection.execute(insert(table), row_of(table, user_id))


def rows_in(connection: Connection, table: str) -> int:
    return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_migrating_again_changes_nothing(empty_database_url: str) -> None:
    first = migrate(empty_database_url)
    again = migrate(empty_database_url)
    assert (first.before, first.changed) == (None, True)
    assert (again.before, again.changed) == (first.after, False)


async def test_processes_that_migrate_at_once_take_turns(empty_database_url: str) -> None:
    done = await asyncio.gather(*(asyncio.to_thread(migrate, empty_database_url) for _ in range(4)))
    assert {one.after for one in done} == {read_revisions()[0]}
    assert difference(empty_database_url) == []


@pytest.mark.parametrize("others", [False, True])
def test_only_our_flows_checkpoints_leave_langgraphs_tables(empty_database_url: str, *, others: bool) -> None:
    """They made them in our database by themselves; another program's graphs may use them too."""
    migrate(empty_database_url)
    ours, theirs = "7f3c1f8e-52a4-4f0c-9b0e-1d0a6f0c2b11", "9f3c1f8e-52a4-4f0c-9b0e-1d0a6f0c2b11"
    with open_engine(empty_database_url).begin() as connection:
        command.downgrade(alembic_config(connection), "approval_hash")
        connection.execute(text("CREATE TABLE checkpoints (thread_id text)"))
        for flow_id in [ours, theirs] if others else [ours]:
            connection.execute(text("INSERT INTO checkpoints VALUES (:id)"), {"id": flow_id})
        _insert_flow(connection, ours)
    migrate(empty_database_url)
    with open_engine(empty_database_url).begin() as connection:
        assert inspect(connection).has_table("checkpoints") == others
        if others:
            assert connection.execute(text("SELECT thread_id FROM checkpoints")).scalars().all() == [theirs]


def test_tasks_of_before_can_be_searched_after_an_upgrade(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "retention")
        ids = [str(UUID(int=n)) for n in range(1001)]
        for flow_id in ids:
            _insert_flow(connection, flow_id, f"İYİ {flow_id}" + "x" * 3000)
    migrate(empty_database_url)
    with engine.connect() as connection:
        rows = connection.execute(select(flow_search).order_by(flow_search.c.flow_id)).all()
    assert [row.flow_id for row in rows] == ids
    assert {row.words for row in rows} == {(f"iyi {flow_id}" + "x" * 3000)[:2000] for flow_id in ids}
    assert len({row.created_at for row in rows}) > 1


def test_a_release_from_before_finds_long_inputs_in_their_steps(empty_database_url: str) -> None:
    """A damaged one it finds empty; a step that began again with a short one keeps that."""
    migrate(empty_database_url)
    flow_id, kept, short = str(uuid4()), {"messages": ["größer"]}, {"messages": []}
    whole = json.dumps(kept).encode()
    bodies = [zlib.compress(each) for each in (whole, whole[9:], b"no JSON")] + [b"no zlib"]
    rows = [*((body, None) for body in bodies), (bodies[0], short)]
    with open_engine(empty_database_url).begin() as connection:
        _insert_flow(connection, flow_id)
        for n, (body, in_row) in enumerate(rows):
            step = row_of(flow_steps, flow_id) | {"n": n, "input": in_row}
            connection.execute(insert(flow_steps).values(**step))
            long = {"n": n, "begins_as": 0 if n == 1 else None, "same_bytes": 9, "body": body}
            connection.execute(insert(flow_step_inputs).values(flow_id=flow_id, **long))
        command.downgrade(alembic_config(connection), "sign_in_ends")
        inputs = connection.execute(select(flow_steps.c.input).order_by(flow_steps.c.n)).scalars().all()
    assert inputs == [kept, kept, {}, {}, short]


def test_a_release_from_before_finds_a_patch_in_its_flow(empty_database_url: str) -> None:
    """The newest that the check accepted."""
    migrate(empty_database_url)
    flow_id, other = str(uuid4()), str(uuid4())
    checks = [("accepted", "first"), ("accepted", "second"), ("refused", "third")]
    with open_engine(empty_database_url).begin() as connection:
        for each in (flow_id, other):
            _insert_flow(connection, each)
        for n, (status, diff) in enumerate(checks):
            step = row_of(flow_steps, flow_id) | {"n": n, "node": "check", "status": "completed"}
            step |= {"output": diff, "detail": {"status": status}}
            connection.execute(insert(flow_steps).values(**step))
        command.downgrade(alembic_config(connection), "step_inputs")
        patches = connection.execute(text("SELECT patch FROM flows ORDER BY patch IS NULL")).scalars().all()
    assert patches == ["second", None]


def _insert_flow(connection: Connection, flow_id: str, task: str = "") -> None:
    now, user = datetime.now(UTC), str(uuid4())
    snapshot = {"user_id": user, "id": "sha256:0", "file_count": 0, "total_bytes": 0, "archive": b""}
    connection.execute(insert(snapshots).values(**snapshot, created_at=now))
    row: dict[str, Any] = {column.name: None for column in flows.c}
    row |= dict.fromkeys(
        ("epoch", "retakes", "version", "last_seq", "round", "step", "input_tokens", "output_tokens"), 0
    )
    row |= {
        "id": flow_id,
        "user_id": user,
        "request_id": user,
        "status": "queued",
        "task": task,
        "cost_usd": 0,
    }
    row |= {"snapshot_id": "sha256:0", "options": {}, "stages": {}, "created_at": now}
    there = {column["name"] for column in inspect(connection).get_columns("flows")} & row.keys()
    connection.execute(insert(flows).values({name: row[name] for name in there}))


def test_failing_migration_leaves_the_old_schema(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:  # noqa: PT012 - the block is what is tested
        command.upgrade(alembic_config(connection), "head")
        raise ZeroDivisionError
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []


def test_database_of_a_newer_version_is_refused(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with open_engine(empty_database_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    with pytest.raises(ConfigError, match=r"'from_the_future'.*newer"):
        migrate(empty_database_url)


async def test_empty_database_asks_for_a_migration(empty_database_url: str) -> None:
    store = await open_store(empty_database_url)
    with pytest.raises(StoreUnavailable, match="cfx migrate"):
        await require_schema(store)
    await store.close()


async def test_missing_table_asks_for_a_migration(empty_database_url: str) -> None:
    store = await open_store(empty_database_url)
    with pytest.raises(StoreUnavailable, match="cfx migrate"):
        async with store.read() as connection:
            await connection.execute(text("SELECT * FROM flows"))
    await store.close()


async def test_migrated_database_is_ready(database_url: str) -> None:
    store = await open_store(database_url)
    await require_schema(store)
    await store.close()


def test_postgres_that_is_gone_is_reported_without_its_address(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreUnavailable, match="does not answer") as caught:
        migrate("postgresql://cfx:sesame@127.0.0.1:1/cfx")
    assert "sesame" not in str(caught.value)


def test_absent_postgres_database_points_at_the_setting(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreUnavailable, match="CFX_DATABASE_URL"):
        migrate(postgres_server.address_of("nowhere"))


def test_migrations_have_one_newest_and_date_slug_names() -> None:
    head, known = read_revisions()
    assert head in known
    for file in (HOUSE / "migrations" / "versions").glob("*.py"):
        date, _, slug = file.stem.partition("_")
        assert len(date) == 10
        assert slug in known


def test_up_to_date_database_is_recognised_without_alembic(sqlite_url: str) -> None:
    code = (
        "import sys; from cfx_flow.store.migrate import migrate; "
        f"assert not migrate({sqlite_url!r}).changed; assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=HOUSE)
