"""Whether row level security holds whom the application logs in as."""

from __future__ import annotations

import structlog
from sqlalchemy import text

from cfx_flow.store.engine import Store

LOOK_EVERY_S = 3600.0

_ABOVE_POLICIES = text(
    "SELECT rolname FROM pg_roles WHERE rolname = session_user AND (rolsuper OR rolbypassrls)"
)

log = structlog.stdlib.get_logger(__name__)


async def warning_of_login(store: Store) -> str | None:
    """What the operator should know; None: all is well. Raises StoreUnavailable."""
    if store.dialect != "postgresql":
        return None
    async with store.read() as connection:
        role = (await connection.execute(_ABOVE_POLICIES)).scalar()
    if role is None:
        return None
    return (
        f"CFX_DATABASE_URL logs in as {role}, whom row level security does not hold. Let the server log in "
        "as cfx_app, and `cfx migrate` alone as the owner; see docs/postgres.md"
    )


async def warn_of_login(store: Store) -> None:
    """Into the log. Raises StoreUnavailable."""
    if (warning := await warning_of_login(store)) is not None:
        log.warning("login_is_above_row_level_security", reason=warning)
