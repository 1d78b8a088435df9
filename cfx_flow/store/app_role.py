"""``cfx_app``, the role under which the application logs in: made by a migration, let in here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from cfx_flow.errors import ConfigError
from cfx_flow.store.address import KEY

APP_ROLE = "cfx_app"


def let_app_log_in(connection: Connection, password: SecretStr) -> None:
    """What travels and stands in Postgres' log is the verifier, not the password. Postgres only."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise ConfigError("a SQLite file has no roles: CFX_APP_PASSWORD is for Postgres", key=KEY)
    secret = password.get_secret_value().encode()
    verifier = driver.pgconn.encrypt_password(secret, APP_ROLE.encode(), b"scram-sha-256").decode()
    connection.exec_driver_sql(f"ALTER ROLE {APP_ROLE} LOGIN PASSWORD '{verifier}'")


@contextmanager
def require_rights() -> Iterator[None]:
    """Raises ConfigError where the role that migrates is not allowed to."""
    try:
        yield
    except ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        reason = error.orig.diag.message_primary
        raise ConfigError(
            f"this role may not bring the schema up to date ({reason}). `cfx migrate` logs in as the owner "
            "of the tables, which may create roles (CREATEROLE), not as cfx_app; for an owner that may not, "
            "an administrator makes them first: see docs/postgres.md",
            key=KEY,
        ) from error
