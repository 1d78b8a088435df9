"""A database whose owner is an ordinary role, as hosts give it: no superuser, often without CREATEROLE."""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from pydantic import SecretStr
from sqlalchemy import insert, make_url, select

from cfx_flow.accounts import Accounts
from cfx_flow.errors import ConfigError
from cfx_flow.store.engine import open_engine
from cfx_flow.store.login import warning_of_login
from cfx_flow.store.migrate import migrate
from cfx_flow.store.tables import flow_search, flow_step_inputs, flow_steps, flows, metadata, snapshots
from tests.store.test_migrate import alembic_config
from tests.support.clock import FakeClock
from tests.support.postgres import PostgresServer, as_app, running_postgres
from tests.support.rows import row_of
from tests.support.stores import opened

pytestmark = pytest.mark.e2e

ROLES = """
    DO $$ BEGIN CREATE ROLE {role} NOLOGIN NOINHERIT;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
"""
ADA = str(uuid.UUID(int=1))


@pytest.fixture
def owner_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Of a database of its own; no role has been made for it, nor granted to it."""
    url, name = postgres_server.create_database(), f"cfx_plain_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as admin:
        # What it may do as a member it has to ask for: the strictest that there is.
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x' NOINHERIT")
        admin.execute(f"ALTER DATABASE {make_url(url).database} OWNER TO {name}")
        admin.execute(f"ALTER SCHEMA public OWNER TO {name}")  # 15 gives it by inheritance alone
    yield logged_in(url, name)
    postgres_server.drop_database(url)
    with psycopg.connect(postgres_server.admin_url, autocommit=True) as admin:
        admin.execute(f"DROP ROLE {name}")


def logged_in(url: str, name: str) -> str:
    return make_url(url).set(username=name, password="x").render_as_string(hide_password=False)


def prepare(server: PostgresServer, owner_url: str) -> None:
    """What docs/postgres.md asks of an administrator."""
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        for role in ("anon", "authenticated", "service_role"):
            admin.execute(ROLES.format(role=role))
        admin.execute(f"GRANT authenticated, service_role TO cfx_app, {make_url(owner_url).username}")


def test_an_owner_that_can_create_no_roles_is_told_who_has_to(owner_url: str) -> None:
    with pytest.raises(
        ConfigError, match=r"(permission denied|must have admin option).*an administrator makes them first"
    ):
        migrate(owner_url)


async def test_prepared_by_an_administrator_it_migrates_and_the_application_works(
    owner_url: str, postgres_server: PostgresServer
) -> None:
    prepare(postgres_server, owner_url)
    await asyncio.to_thread(migrate, owner_url)
    assert not (await asyncio.to_thread(migrate, owner_url)).changed
    for url in (as_app(owner_url), owner_url):  # the owner may serve too
        async with opened(url) as store:
            assert await warning_of_login(store) is None
            accounts = Accounts(store, SecretStr("pepper of the tests"), FakeClock(), 1000)
            key = await accounts.create_key(f"ada {make_url(url).username}")
            async with store.read(person=key.user_id) as connection:
                found = await connection.execute(select(metadata.tables["accounts"].c.user_id))
                assert list(map(str, found.scalars())) == [key.user_id]


def test_its_migrations_see_the_rows_that_they_have_to_change(
    owner_url: str, postgres_server: PostgresServer
) -> None:
    """FORCE ROW LEVEL SECURITY hides every row from such an owner."""
    prepare(postgres_server, owner_url)
    migrate(owner_url)
    with open_engine(as_app(owner_url)).begin() as connection:
        connection.exec_driver_sql("SET LOCAL ROLE service_role")
        for table in (snapshots, flows):
            connection.execute(insert(table).values(row_of(table, ADA)))
        connection.execute(insert(flow_steps).values(row_of(flow_steps, ADA) | {"input": None}))
        long = row_of(flow_step_inputs, ADA) | {"body": zlib.compress(b'{"messages": []}')}
        connection.execute(insert(flow_step_inputs).values(long))
    with open_engine(owner_url).begin() as connection:
        command.downgrade(alembic_config(connection), "retention")
    migrate(owner_url)
    with psycopg.connect(as_app(owner_url), options="-c role=service_role") as connection:
        assert connection.execute(f"SELECT flow_id::text FROM {flow_search.name}").fetchall() == [(ADA,)]
        assert connection.execute("SELECT input FROM flow_steps").fetchall() == [({"messages": []},)]
    with psycopg.connect(owner_url) as connection:
        assert connection.execute("SELECT * FROM flows").fetchall() == []


def test_an_owner_with_createrole_needs_nobody() -> None:
    """On a server where no role has been made yet, and none but its own database's owner can make any."""
    with running_postgres(f"own{uuid.uuid4().hex[:8]}", is_own=True) as server:
        url = server.create_database()
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("DROP ROLE cfx_app")
            admin.execute("CREATE ROLE host_gave_me LOGIN PASSWORD 'x' CREATEROLE")
            admin.execute(f"ALTER DATABASE {make_url(url).database} OWNER TO host_gave_me")
        migrate(logged_in(url, "host_gave_me"), SecretStr("of-the-application-in-tests"))
        with psycopg.connect(as_app(url), options="-c role=service_role") as connection:
            assert connection.execute("SELECT count(*) FROM flows").fetchall() == [(0,)]
        with psycopg.connect(logged_in(url, "host_gave_me"), options="-c role=service_role") as connection:
            assert connection.execute("SELECT count(*) FROM flows").fetchall() == [(0,)]
