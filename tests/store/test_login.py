"""The operator is told where row level security does not hold the application's login."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.login import warn_of_login, warning_of_login
from cfx_flow.store.trouble import NO_RIGHTS, explain_postgres
from tests.support.postgres import PostgresServer


async def test_the_application_s_own_login_gives_no_warning(store: Store) -> None:
    with capture_logs() as logs:
        await warn_of_login(store)
    assert logs == []


@pytest.mark.parametrize("right", ["SUPERUSER", "BYPASSRLS"])
async def test_a_login_that_no_policy_holds_is_named(
    postgres_url: str, postgres_server: PostgresServer, right: str
) -> None:
    role = f"cfx_mighty_{uuid.uuid4().hex[:8]}"
    owner = postgres_server.as_owner(postgres_url)
    with psycopg.connect(owner, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x' {right} IN ROLE service_role, authenticated")
        address = make_url(owner).set(username=role, password="x")
        store = await open_store(address.render_as_string(hide_password=False))
        try:
            assert f"logs in as {role}" in (await warning_of_login(store) or "")
            with capture_logs() as logs:
                await warn_of_login(store)
            assert [(line["log_level"], role in line["reason"]) for line in logs] == [("warning", True)]
        finally:
            await store.close()
            admin.execute(f"DROP ROLE {role}")


def test_a_parameter_that_is_wrong_is_no_matter_of_the_login() -> None:
    """Both have the SQLSTATE 22023."""
    assert explain_postgres("22023", 'role "service_role" does not exist') == NO_RIGHTS
    assert explain_postgres("22023", "Rolle »service_role« existiert nicht") == NO_RIGHTS
    assert explain_postgres("22023", 'time zone "x" not recognized') is None
