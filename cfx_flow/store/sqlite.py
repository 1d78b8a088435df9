"""A SQLite file made fit for a server: private, WAL, durable, and checked before anyone relies on it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from cfx_flow.errors import ConfigError
from cfx_flow.store.address import KEY

BUSY_TIMEOUT_S = 5.0
BEGIN = "cfx_begin"
"""Execution option: the statement that opens a transaction."""

_APPLICATION_ID = 0x4346_5846  # "CFXF": `file cfx.db` shows it


def prepare_file(path: Path) -> None:
    """Creates folder (0700) and file (0600) when absent, switches to WAL, and writes once, so that an
    unwritable or full disk shows at start. Raises ConfigError."""
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise ConfigError(_unusable(path, error), file=path, key=KEY) from None
    try:
        _write_once(path)
    except sqlite3.Error as error:
        raise ConfigError(_not_working(error), file=path, key=KEY) from None


def _unusable(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return (
            f"the folder {path.parent.parent} does not exist. Create it, or choose another place "
            "with CFX_DATA_DIR or CFX_DATABASE_URL"
        )
    if isinstance(error, IsADirectoryError):
        return "this is a folder, a file is wanted"
    return f"the file cannot be opened for writing ({os.strerror(error.errno or 0).lower()})"


def _not_working(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_NOTADB":
        return "this file is not a SQLite database. Choose another place; nothing was changed"
    if name.startswith("SQLITE_FULL"):
        return "the disk is full. Free some space, then start again"
    if name.startswith("SQLITE_BUSY"):
        return "another process has held the database's lock for too long. Stop it, then start again"
    return f"the database cannot be used ({error})"


def _write_once(path: Path) -> None:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
    finally:
        connection.close()


def checkpoint(path: Path) -> None:
    """Moves what was committed from the log into the file, as far as that goes without waiting for anyone.

    For who commits on a connection that makes no checkpoints of its own (``QuickSqlite``); call it with
    ``asyncio.to_thread``. What fails now succeeds later.
    """
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Two processes that switch a new file at once: SQLite answers BUSY without waiting, so we wait."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def set_up_engine(engine: Engine, synchronous: str = "FULL") -> None:
    """Our own BEGIN: the driver's transaction control is off (``isolation_level=None``), because it
    begins late and deferred, and a deferred transaction that comes to write fails at once when busy.

    **Source**: SQLAlchemy's SQLite dialect, "Enabling Non-Legacy SQLite Transactional Modes".
    """

    @event.listens_for(engine, "connect")
    def connected(dbapi_connection: Any, _record: Any) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))
