"""Tenants that cannot see each other: asked through real logins, of which none may step over a policy."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select, text

from cfx_flow.errors import StoreUnavailable
from cfx_flow.store.engine import Store, open_engine
from cfx_flow.store.quick_postgres import QuickPostgres, Statement
from cfx_flow.store.roles import as_person
from cfx_flow.store.tables import api_keys, metadata
from tests.support.postgres import PostgresServer, as_app, connect_as_service
from tests.support.rows import row_of
from tests.support.stores import opened

pytestmark = pytest.mark.e2e

ALICE, BOB = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
INNER = {"stream_slots", "idempotency_keys", "effects", "flow_checkpoints", "flow_checkpoint_writes"}
"""how we remember things: nobody is granted them"""
SHOWN = sorted(metadata.tables.keys() - INNER)
BAD_CLAIMS = [
    *(None, "", "{}", "[]", "not json", '"text"'),
    *('{"sub": null}', '{"sub": ""}', '{"sub": "%"}', '{"sub": 1}', '{"role": "service_role"}'),
    *(f'{{"SUB": "{ALICE}"}}', f'{{"sub": ["{ALICE}"]}}', f'{{"sub": "{ALICE}\' OR true --"}}'),
]


@pytest.fixture(scope="module")
def filled_url(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[str]:
    """With one row of Alice's and one of Bob's in every table; nothing here changes it."""
    url = postgres_server.create_database(migrated_postgres)
    with open_engine(url).begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.insert(), [row_of(table, user) for user in (ALICE, BOB)])
    yield as_app(url)
    postgres_server.drop_database(url)


@pytest.fixture
async def store(filled_url: str) -> AsyncIterator[Store]:
    async with opened(filled_url) as store:
        yield store


@pytest.fixture
def app(filled_url: str) -> Iterator[psycopg.Connection[Any]]:
    """The application's login, as bare as it comes."""
    with psycopg.connect(filled_url, autocommit=True) as connection:
        yield connection


def count(connection: psycopg.Connection[Any], table: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert found is not None
    return int(found[0])


def own_column(table: str) -> Any:
    columns = metadata.tables[table].c
    return columns["user_id"] if "user_id" in columns else columns["flow_id"]


def test_the_application_s_login_is_no_superuser_and_inherits_nothing(app: psycopg.Connection[Any]) -> None:
    query = (
        "SELECT rolsuper, rolbypassrls, rolinherit, rolcreaterole FROM pg_roles WHERE rolname = session_user"
    )
    assert app.execute(query).fetchone() == (False, False, False, False)
    for table in metadata.tables:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            count(app, table)


async def test_a_person_reads_their_own_rows_and_no_others(store: Store) -> None:
    for user in (ALICE, BOB):
        async with store.read(person=user) as connection:
            for table in SHOWN:
                owners = (await connection.execute(select(own_column(table)))).scalars().all()
                assert set(map(str, owners)) == {user}, table


async def test_asking_for_another_s_rows_by_name_finds_none(store: Store) -> None:
    async with store.read(person=ALICE) as connection:
        for table in SHOWN:
            query = select(func.count()).select_from(metadata.tables[table]).where(own_column(table) == BOB)
            assert (await connection.execute(query)).scalar() == 0, table


async def test_a_person_with_no_rows_sees_nothing(store: Store) -> None:
    async with store.read(person=str(uuid.uuid4())) as connection:
        for table in SHOWN:
            query = text(f"SELECT count(*) FROM {table}")
            assert (await connection.execute(query)).scalar() == 0, table


def test_without_good_claims_nothing_is_seen(app: psycopg.Connection[Any]) -> None:
    for claims in BAD_CLAIMS:
        for table in SHOWN:
            with app.transaction(force_rollback=True):
                app.execute("SET LOCAL ROLE authenticated")
                if claims is not None:
                    app.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims])
                try:
                    assert count(app, table) == 0, (claims, table)
                except psycopg.DataError:
                    continue


async def test_what_is_ours_alone_is_shown_to_no_person(store: Store) -> None:
    for table in INNER:
        with pytest.raises(StoreUnavailable, match="does not let us in"):
            async with store.read(person=ALICE) as connection:
                await connection.execute(text(f"SELECT count(*) FROM {table}"))


async def test_the_hash_of_a_key_is_shown_to_no_person(store: Store) -> None:
    for query in ("SELECT key_hash FROM api_keys", "SELECT * FROM api_keys", "SELECT a FROM api_keys a"):
        with pytest.raises(StoreUnavailable):
            async with store.read(person=ALICE) as connection:
                await connection.execute(text(query))


async def test_every_other_column_of_every_shown_table_is(store: Store) -> None:
    """A column that a later migration adds to a table with granted columns must be granted too."""
    async with store.read(person=ALICE) as connection:
        for name in SHOWN:
            columns = [column for column in metadata.tables[name].c if column is not api_keys.c.key_hash]
            assert len((await connection.execute(select(*columns))).all()) == 1, name


def test_a_person_changes_nothing(app: psycopg.Connection[Any]) -> None:
    for table in metadata.tables:
        column = own_column(table).name
        insert = f"INSERT INTO {table} ({column}) VALUES ('{ALICE}')"
        update = f"UPDATE {table} SET {column} = '{ALICE}'"
        for change in (insert, update, f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(f"{as_person(ALICE)}; {change}")
            app.execute("ROLLBACK")


def test_claims_that_somebody_left_on_a_session_open_nothing_for_the_next(
    app: psycopg.Connection[Any],
) -> None:
    """Set for the session, as a careless neighbour on a pooler may."""
    app.execute("SELECT set_config('request.jwt.claims', %s, false)", [f'{{"sub": "{ALICE}"}}'])
    app.execute("SELECT set_config('request.jwt.claim.sub', %s, false)", [ALICE])
    app.execute(as_person(BOB))
    assert app.execute("SELECT user_id::text FROM flows").fetchall() == [(BOB,)]


async def test_a_thousand_interleaved_readers_on_a_few_connections_see_their_own(store: Store) -> None:
    query = select(own_column("request_logs"))

    async def read(user: str) -> set[str]:
        async with store.read(person=user) as connection:
            return set(map(str, (await connection.execute(query)).scalars()))

    async def write(n: int) -> set[str]:
        async with store.transaction() as connection:
            return set(map(str, (await connection.execute(query)).scalars()))

    people = [(ALICE, BOB)[n % 2] for n in range(1000)]
    for first in range(0, 1000, 50):
        batch = people[first : first + 50]
        seen = await asyncio.gather(*map(read, batch), write(first))
        assert seen == [{user} for user in batch] + [{ALICE, BOB}]


async def test_a_connection_goes_back_to_the_pool_without_role_or_claims(store: Store) -> None:
    async with store.read(person=ALICE) as connection:
        await connection.execute(text("SELECT 1"))
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        await connection.rollback()
        row = await (
            await raw.execute("SELECT current_user, current_setting('request.jwt.claims')")
        ).fetchone()
        assert row == ("cfx_app", "")


@pytest.mark.parametrize("user_id", ["", "alice", "'; RESET ROLE; --", f"{ALICE}' OR"])
async def test_only_a_uuid_becomes_a_claim(store: Store, user_id: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        async with store.read(person=user_id):
            pass


async def test_the_limits_connection_writes_as_the_service_and_as_nobody_else(filled_url: str) -> None:
    quick = QuickPostgres(filled_url)
    who = Statement("SELECT current_user, session_user")
    assert await quick.run([[(who, ())]]) == [[[b"service_role", b"cfx_app"]]]
    await quick.close()


def test_every_table_has_its_policies_and_is_forced(filled_url: str) -> None:
    """The lint: whoever adds a table calls ``protect`` in its migration."""
    with connect_as_service(filled_url) as connection:
        protected = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relrowsecurity AND relforcerowsecurity"
        ).fetchall()
        policies = connection.execute(
            "SELECT tablename, policyname, roles::text[], cmd, qual FROM pg_policies "
            "WHERE schemaname = 'public'"
        ).fetchall()
    assert metadata.tables.keys() - {name for (name,) in protected} == set()
    for table in metadata.tables:
        of_it = {(name, tuple(roles), cmd) for of, name, roles, cmd, _ in policies if of == table}
        assert of_it == {
            ("owner_reads", ("authenticated",), "SELECT"),
            ("service_writes", ("service_role",), "ALL"),
        }, table
        (condition,) = [qual for of, name, _, _, qual in policies if (of, name) == (table, "owner_reads")]
        assert "( SELECT auth.uid()" in condition, table


def test_nobody_but_the_service_reaches_the_queue_or_the_schema_s_revision(
    app: psycopg.Connection[Any],
) -> None:
    queue = ["procrastinate_jobs", "procrastinate_events", "procrastinate_workers"]
    nobody_s = [("authenticated", table) for table in (*queue, "alembic_version", *INNER)]
    nobody_s += [("anon", table) for table in (*queue, "alembic_version", *metadata.tables)]
    for role, table in nobody_s:
        query = "SELECT has_table_privilege(%s, %s, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')"
        assert app.execute(query, [role, table]).fetchone() == (False,), (role, table)
    found = app.execute(
        "SELECT proname FROM pg_proc WHERE proname LIKE 'procrastinate%' "
        "AND has_function_privilege('authenticated', oid, 'EXECUTE')"
    )
    assert found.fetchall() == []


def test_the_owner_of_the_tables_is_held_to_the_policies_too(
    filled_url: str, postgres_server: PostgresServer
) -> None:
    """FORCE: an owner that is a member of neither role."""
    owner = f"cfx_owner_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_server.as_owner(filled_url)) as admin:
        admin.execute(f"CREATE ROLE {owner} NOLOGIN")
        admin.execute(f"GRANT USAGE ON SCHEMA public TO {owner}")
        admin.execute(f"ALTER TABLE request_logs OWNER TO {owner}")
        admin.execute(f"SET LOCAL ROLE {owner}")
        assert count(admin, "request_logs") == 0
        admin.rollback()
