"""Under which role a transaction on Postgres runs: see ``row_security.py`` for what each may do.

The application's login role has no rights of its own and inherits none, so a transaction that names no
role reaches nothing. Role and claims are set for the transaction only: a pooled connection, or a pooler's,
keeps nothing of them. They travel with the BEGIN, and so cost no round trip.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, Engine, event

from cfx_flow.store.sqlite import BEGIN

AS_SERVICE = "BEGIN; SET LOCAL ROLE service_role"


def as_person(user_id: str) -> str:
    """The claims as PostgREST sets them, in its new and its old form: neither may be a leftover."""
    sub = UUID(user_id)  # nothing but a uuid gets into the statement
    return (
        "BEGIN; SET LOCAL ROLE authenticated;"
        f" SET LOCAL request.jwt.claim.sub = '{sub}';"
        f""" SET LOCAL request.jwt.claims = '{{"sub": "{sub}", "role": "authenticated"}}'"""
    )


def begin_with_role(engine: Engine) -> None:
    """Of an engine whose driver begins nothing by itself (``autocommit``)."""

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, AS_SERVICE))
