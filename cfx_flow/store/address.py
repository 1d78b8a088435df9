"""Where the database is: CFX_DATABASE_URL read strictly, so that a slip is found at start."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from cfx_flow.errors import ConfigError

KEY = "CFX_DATABASE_URL"
EXAMPLES = (
    "sqlite:///relative/path.db, sqlite:////absolute/path.db or postgresql://user:password@host/database"
)
_SQLITE = {"sqlite", "sqlite+aiosqlite", "sqlite+pysqlite"}
_POSTGRES = {"postgresql", "postgres", "postgresql+psycopg"}


def read_address(url: str) -> URL:
    """The URL with drivername ``sqlite`` or ``postgresql+psycopg``. The password never gets into an error."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(f"this is not a database address. Write {EXAMPLES}", key=KEY) from None
    if address.drivername in _POSTGRES:
        return address.set(drivername="postgresql+psycopg")
    if address.drivername in _SQLITE:
        return _file_address(address)
    raise ConfigError(f"{address.drivername!r} is not supported. Write {EXAMPLES}", key=KEY)


def _file_address(address: URL) -> URL:
    if address.host or address.query:
        raise ConfigError(
            f"a SQLite address has three slashes and no host or options. Write {EXAMPLES}", key=KEY
        )
    if not address.database or address.database == ":memory:":
        raise ConfigError("the store is a file: sqlite:///path/to/cfx.db", key=KEY)
    return address.set(drivername="sqlite")


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite address; ``None`` on Postgres."""
    address = read_address(url)
    return Path(address.database or "") if address.drivername == "sqlite" else None


def libpq_address(url: str) -> str:
    """Of a Postgres, for what speaks to it without SQLAlchemy. It holds the password: never log it."""
    address = read_address(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return address.replace(" ", "%20")  # SQLAlchemy leaves spaces in passwords, which libpq refuses
