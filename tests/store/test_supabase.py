"""Migrations on what they find: a plain Postgres, and one that Supabase has set up."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from alembic import command
from pydantic import SecretStr
from sqlalchemy import make_url

from cfx_flow.accounts import Accounts
from cfx_flow.accounts.cache import CACHE_TTL_S
from cfx_flow.accounts.jwks import Jwks
from cfx_flow.accounts.signed_in import SignedIn
from cfx_flow.accounts.tokens import Tokens
from cfx_flow.errors import ConfigError, Conflict, InvalidApiKey, StoreUnavailable
from cfx_flow.store.engine import open_engine
from cfx_flow.store.migrate import migrate
from tests.store.test_migrate import alembic_config
from tests.support.clock import FakeClock
from tests.support.postgres import PostgresServer, as_app
from tests.support.stores import opened
from tests.support.supabase import ADA, PATH, supabase_project

pytestmark = pytest.mark.e2e

OTHER = "9d1f6f62-3f0a-4f57-9a43-1f6c9e5b7a09"

# As supabase/postgres makes it: the role that its customers are given is no superuser, the auth schema is
# another's, and whatever is made in public is granted to everybody.
SUPABASE = """
    DO $$ BEGIN
        CREATE ROLE anon NOLOGIN NOINHERIT;
        CREATE ROLE authenticated NOLOGIN NOINHERIT;
        CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$;
    CREATE ROLE {customer} LOGIN PASSWORD 'customer' CREATEROLE CREATEDB BYPASSRLS;
    CREATE ROLE {auth_admin} NOLOGIN NOINHERIT;
    GRANT anon, authenticated, service_role TO {customer} WITH ADMIN OPTION;
    GRANT ALL ON SCHEMA public TO {customer};
    CREATE SCHEMA auth AUTHORIZATION {auth_admin};
    GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, {customer};
    CREATE TABLE auth.users (
        id uuid PRIMARY KEY, email varchar(255) UNIQUE, banned_until timestamptz, deleted_at timestamptz
    );
    CREATE TABLE auth.sessions (
        id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
        not_after timestamptz
    );
    ALTER TABLE auth.users OWNER TO {auth_admin};
    ALTER TABLE auth.sessions OWNER TO {auth_admin};
    ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
    ALTER TABLE auth.sessions ENABLE ROW LEVEL SECURITY;
    GRANT ALL ON auth.users, auth.sessions TO {customer};
    CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
        select nullif(current_setting('request.jwt.claims', true)::json ->> 'sub', '')::uuid
    $$;
    ALTER DEFAULT PRIVILEGES FOR ROLE {customer} IN SCHEMA public
        GRANT ALL ON TABLES TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES FOR ROLE {customer} IN SCHEMA public
        GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
"""


@pytest.fixture
def owner_url(postgres_server: PostgresServer) -> Iterator[str]:
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def supabase(owner_url: str) -> Iterator[str]:
    """The address of its customer."""
    names = {name: f"cfx_{name}_{uuid.uuid4().hex[:8]}" for name in ("customer", "auth_admin")}
    with psycopg.connect(owner_url) as connection:
        connection.execute(SUPABASE.format(**names))
    address = make_url(owner_url).set(username=names["customer"], password="customer")
    yield address.render_as_string(hide_password=False)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        for name in names.values():
            connection.execute(f"DROP OWNED BY {name} CASCADE")
            connection.execute(f"DROP ROLE {name}")


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


AUTH = """
    SELECT 'table', relname, relowner::regrole::text, coalesce(obj_description(oid, 'pg_class'), '')
    FROM pg_class WHERE relnamespace = 'auth'::regnamespace
    UNION ALL
    SELECT 'function', proname, prosrc, coalesce(obj_description(oid, 'pg_proc'), '')
    FROM pg_proc WHERE pronamespace = 'auth'::regnamespace
    ORDER BY 1, 2
"""
ROLES = """
    SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcanlogin, rolbypassrls FROM pg_roles
    WHERE rolname IN ('anon', 'authenticated', 'service_role') ORDER BY 1
"""
REACHED_BY_ALL = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND (has_table_privilege('anon', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
            OR has_table_privilege('authenticated', oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
"""


def test_on_supabase_nothing_of_its_own_is_touched(supabase: str, owner_url: str) -> None:
    before = ask(owner_url, AUTH), ask(owner_url, ROLES)
    migrate(supabase)
    assert (ask(owner_url, AUTH), ask(owner_url, ROLES)) == before
    assert ask(owner_url, REACHED_BY_ALL) == []
    with open_engine(supabase).begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert (ask(owner_url, AUTH), ask(owner_url, ROLES)) == before
    assert migrate(supabase).changed


def test_on_supabase_an_account_belongs_to_one_of_its_users(supabase: str, owner_url: str) -> None:
    migrate(supabase)
    known, unknown = str(uuid.uuid4()), str(uuid.uuid4())
    account = "INSERT INTO accounts (user_id, name, role, created_at) VALUES (%s, %s, 'user', now())"
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [known])
        connection.execute(account, [known, "known"])
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(account, [unknown, "unknown"])
        connection.execute("DELETE FROM auth.users")
        assert connection.execute("SELECT * FROM accounts").fetchall() == []


def test_on_a_plain_postgres_an_account_makes_its_user(owner_url: str) -> None:
    migrate(owner_url)
    made = ask(
        owner_url,
        "INSERT INTO accounts (user_id, name, role, created_at)"
        " VALUES (gen_random_uuid(), 'a', 'user', now()) RETURNING user_id",
    )
    assert ask(owner_url, "SELECT id FROM auth.users") == made


async def test_another_key_makes_no_other_user(owner_url: str) -> None:
    await asyncio.to_thread(migrate, owner_url)
    async with opened(owner_url) as store:
        accounts = Accounts(store, SecretStr("pepper of the tests"), FakeClock(), 1000)
        assert len({(await accounts.create_key("ada")).user_id for _ in range(3)}) == 1
    assert ask(owner_url, "SELECT count(*) FROM auth.users") == [(1,)]


async def test_on_supabase_a_key_for_who_has_no_account_says_how_to_make_one(
    supabase: str, owner_url: str
) -> None:
    await asyncio.to_thread(migrate, supabase)
    async with opened(owner_url) as store:
        accounts = Accounts(store, SecretStr("pepper of the tests"), FakeClock(), 1000)
        with pytest.raises(Conflict, match=r"no account 'ada'.*cfx users create NAME --id UUID"):
            await accounts.create_key("ada")


ENDS = {
    "signed out": "DELETE FROM auth.sessions",
    "session is over": "UPDATE auth.sessions SET not_after = now() - interval '1 second'",
    "another's session": "UPDATE auth.sessions SET user_id = '{other}'",
    "banned": "UPDATE auth.users SET banned_until = now() + interval '1 day'",
    "deleted softly": "UPDATE auth.users SET deleted_at = now()",
    "deleted": "DELETE FROM auth.users WHERE id = '{ada}'",
}
GOES_ON = {
    "nothing happens": "SELECT 1",
    "session may last": "UPDATE auth.sessions SET not_after = now() + interval '1 day'",
    "was banned": "UPDATE auth.users SET banned_until = now() - interval '1 second'",
}


@asynccontextmanager
async def signed_in(supabase: str, owner_url: str) -> AsyncIterator[tuple[SignedIn, str, FakeClock]]:
    """Ada has signed in: the door, her token, the door's clock."""
    await asyncio.to_thread(migrate, supabase)
    session = str(uuid.uuid4())
    with psycopg.connect(owner_url) as connection:
        connection.execute("INSERT INTO auth.users (id) VALUES (%s), (%s)", [ADA, OTHER])
        connection.execute("INSERT INTO auth.sessions VALUES (%s, %s)", [session, ADA])
    with supabase_project() as project:
        async with opened(as_app(owner_url)) as store:
            clock = FakeClock(datetime.now(UTC))
            tokens = Tokens(project.url, Jwks(project.url + PATH, clock))
            people = SignedIn(tokens, store, clock, 1000, 2)
            yield people, project.token(session_id=session), clock
            await people.close()


@pytest.mark.parametrize("change", ENDS.values(), ids=ENDS)
async def test_sign_in_that_supabase_ends_early_opens_nothing_more(
    supabase: str, owner_url: str, change: str
) -> None:
    async with signed_in(supabase, owner_url) as (people, token, clock):
        principal = await people.authenticate(token)
        assert principal.sign_in is not None
        ended: list[str] = []
        with people.watch.over(principal.sign_in, lambda error: ended.append(error.message)):
            await people.watch.check()
            assert ended == []
            with psycopg.connect(owner_url) as connection:
                connection.execute(change.format(ada=ADA, other=OTHER))
            clock.advance(seconds=CACHE_TTL_S + 1)
            with pytest.raises(InvalidApiKey, match="Sign in again"):
                await people.authenticate(token)
            await people.watch.check()
            assert len(ended) == 1, "a stream of events that it has opened ends too"


@pytest.mark.parametrize("change", GOES_ON.values(), ids=GOES_ON)
async def test_sign_in_that_supabase_has_not_ended_goes_on(
    supabase: str, owner_url: str, change: str
) -> None:
    async with signed_in(supabase, owner_url) as (people, token, clock):
        await people.authenticate(token)
        with psycopg.connect(owner_url) as connection:
            connection.execute(change)
        clock.advance(seconds=CACHE_TTL_S + 1)
        await people.authenticate(token)


async def test_who_is_banned_before_the_first_visit_gets_no_account(supabase: str, owner_url: str) -> None:
    async with signed_in(supabase, owner_url) as (people, token, _):
        with psycopg.connect(owner_url) as connection:
            connection.execute(ENDS["banned"])
        with pytest.raises(InvalidApiKey, match="Sign in again"):
            await people.authenticate(token)
    assert ask(owner_url, "SELECT count(*) FROM accounts") == [(0,)]


@pytest.mark.parametrize(
    "column", ["users DROP deleted_at", "users DROP banned_until", "sessions DROP not_after"]
)
async def test_beside_an_older_supabase_auth_a_sign_in_lasts_as_long_as_its_token(
    supabase: str, owner_url: str, column: str
) -> None:
    async with signed_in(supabase, owner_url) as (people, token, _):
        with psycopg.connect(owner_url) as connection:
            connection.execute(f"ALTER TABLE auth.{column}")
        await people.authenticate(token)


async def test_where_the_owner_may_not_look_a_sign_in_lasts_as_long_as_its_token(
    supabase: str, owner_url: str
) -> None:
    async with signed_in(supabase, owner_url) as (people, token, _):
        with psycopg.connect(owner_url) as connection:
            connection.execute("DELETE FROM auth.sessions")
            connection.execute(f"REVOKE ALL ON auth.sessions FROM {make_url(supabase).username}")
        await people.authenticate(token)


async def test_sign_in_to_an_older_schema_says_what_the_operator_has_to_do(
    supabase: str, owner_url: str
) -> None:
    async with signed_in(supabase, owner_url) as (people, token, _):
        with psycopg.connect(owner_url) as connection:
            connection.execute("DROP FUNCTION cfx_sign_in_has_ended(uuid, uuid)")
        with pytest.raises(StoreUnavailable, match="run `cfx migrate`"):
            await people.authenticate(token)


def test_nobody_but_the_server_asks_about_the_sign_ins_of_others(supabase: str, owner_url: str) -> None:
    migrate(supabase)
    may = "SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role')"
    may += " AND has_function_privilege(rolname, 'cfx_sign_in_has_ended(uuid, uuid)', 'EXECUTE')"
    assert ask(owner_url, may) == [("service_role",)]


def test_the_shim_is_gone_when_migrations_go_down(owner_url: str) -> None:
    migrate(owner_url)
    with open_engine(owner_url).begin() as connection:
        command.downgrade(alembic_config(connection), "audit_log")
    assert ask(owner_url, "SELECT to_regnamespace('auth')") == [(None,)]


def test_accounts_made_on_supabase_before_it_was_looked_for_stay(supabase: str, owner_url: str) -> None:
    with open_engine(supabase).begin() as connection:
        command.upgrade(alembic_config(connection), "audit_log")
        connection.exec_driver_sql(
            "INSERT INTO accounts (user_id, name, role, created_at)"
            " VALUES (gen_random_uuid(), 'by name', 'user', now())"
        )
    migrate(supabase)
    assert ask(owner_url, "SELECT name FROM accounts") == [("by name",)]


def test_a_role_that_may_not_migrate_is_told_which_may(
    owner_url: str, postgres_server: PostgresServer
) -> None:
    with pytest.raises(ConfigError, match=r"permission denied.*CREATEROLE.*not as cfx_app"):
        migrate(as_app(owner_url))
    migrate(owner_url)
    with pytest.raises(ConfigError, match=r"permission denied.*not as cfx_app"):
        migrate(as_app(owner_url))


def test_the_password_of_the_application_is_kept_as_its_verifier(
    owner_url: str, postgres_server: PostgresServer
) -> None:
    """And what stands in Postgres' statement log is not the password."""
    from tests.support.postgres import APP_PASSWORD

    migrate(owner_url, SecretStr(APP_PASSWORD))
    ((kept, may_log_in),) = ask(
        owner_url, "SELECT rolpassword, rolcanlogin FROM pg_authid WHERE rolname = 'cfx_app'"
    )
    assert may_log_in
    assert kept.startswith("SCRAM-SHA-256$")
