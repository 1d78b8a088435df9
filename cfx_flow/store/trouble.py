"""What the database's own errors mean for the people outside.

The caller learns that it is not their fault and when to try again, the operator
what to mend; paths, addresses, statements and values stay in the log (``__cause__``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cfx_flow.errors import StoreUnavailable

BUSY = "The database is busy. Try again in a few seconds."
NO_ANSWER = (
    "The database does not answer or refuses us. Try again in a few seconds; operator: check that it runs "
    "and that CFX_DATABASE_URL names the right host, user, password and database."
)
NO_SCHEMA = "The database has not been prepared for this version. Operator: run `cfx migrate`."
NO_RIGHTS = (
    "The database does not let us in as its application. Operator: run `cfx migrate`, and let "
    "CFX_DATABASE_URL log in as cfx_app; docs/postgres.md says how."
)

_ROLES = ("service_role", "authenticated")
_FUNCTION_OF_OURS = "cfx_"

_SQLITE = {
    "SQLITE_BUSY": BUSY,
    "SQLITE_LOCKED": BUSY,
    "SQLITE_PROTOCOL": BUSY,
    "SQLITE_FULL": "The database's disk is full. Operator: free some space; nothing needs restarting.",
    "SQLITE_READONLY": "The database file cannot be written. Operator: check owner, mode and disk.",
    "SQLITE_CANTOPEN": "The database file cannot be opened. Operator: check its folder and mode.",
    "SQLITE_IOERR": "The disk below the database reports errors. Operator: check the disk.",
    "SQLITE_CORRUPT": "The database file is damaged. Operator: stop the server and restore a backup.",
    "SQLITE_NOTADB": "The database file is not a database. Operator: check CFX_DATABASE_URL.",
    "SQLITE_NOMEM": "The server is out of memory. Try again in a few seconds.",
}
_POSTGRES = {
    "25006": "The database is read-only. Operator: point CFX_DATABASE_URL at the primary server.",
    "40": BUSY,
    "42501": NO_RIGHTS,
    "42P01": NO_SCHEMA,
    "42703": NO_SCHEMA,
    "53100": "The database's disk is full. Operator: free some space.",
    "53300": BUSY,
    "55P03": BUSY,
}


def explain(error: DBAPIError) -> str | None:
    """A sentence if the database is at fault; ``None`` if our statement or our values are."""
    if getattr(error.orig, "sqlite_errorname", None) is not None:
        return explain_sqlite(error.orig)
    text = explain_postgres(getattr(error.orig, "sqlstate", None), str(error.orig))
    if text is not None:
        return text
    if isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated:
        return NO_ANSWER
    return None


def explain_sqlite(error: BaseException | None) -> str | None:
    """Of sqlite3's own errors."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_ERROR" and "no such table" in str(error):
        return NO_SCHEMA
    return next((text for prefix, text in _SQLITE.items() if name.startswith(prefix)), None)


def explain_postgres(state: str | None, message: str = "") -> str | None:
    """Of an SQLSTATE; the message, in whatever language, tells of some what they mean."""
    state = state or ""
    if state == "22023":  # any parameter that is out of place: only a role that is missing is not our mistake
        return NO_RIGHTS if any(role in message for role in _ROLES) else None
    if state == "42883":  # also an operator that takes no such values, which is our mistake
        return NO_SCHEMA if _FUNCTION_OF_OURS in message else None
    return _POSTGRES.get(state[:5]) or _POSTGRES.get(state[:2])


def unavailable(text: str) -> StoreUnavailable:
    return StoreUnavailable(text, headers={"retry-after": "2"})


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns the database's failures into StoreUnavailable; lets mistakes of ours through as they are."""
    try:
        yield
    except PoolTimeout as error:
        raise unavailable(BUSY) from error
    except DBAPIError as error:
        text = explain(error)
        if text is None:
            raise
        raise unavailable(text) from error
