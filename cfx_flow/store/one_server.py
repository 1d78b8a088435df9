"""One server per SQLite file: a second one would run the same flows once more, and pay for them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cfx_flow.errors import ConfigError
from cfx_flow.store.address import KEY
from cfx_flow.store.sqlite import prepare_file


@contextmanager
def only_server(database: Path) -> Iterator[None]:
    """Raises ConfigError while another process is inside for the same file, or if it cannot be used.

    The lock ends with its process, however that ends. It is on a file of its own, which stays: a process
    that closes SQLite's file loses SQLite's locks on it.

    **Source**: flock(2); sqlite.org, "How To Corrupt An SQLite Database File", 2.2.
    """
    prepare_file(database)
    database = database.resolve()
    handle = _open(database.with_name(f"{database.name}-server"))
    try:
        _take(handle, database)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        what = os.strerror(error.errno or 0).lower()
        raise ConfigError(
            f"the lock beside the database cannot be opened ({what})", file=path, key=KEY
        ) from None


def _take(handle: int, database: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 20).decode("ascii", "replace").strip()
        raise ConfigError(
            f"another server{f' (process {holder})' if holder else ''} runs on this file. Stop it, or give "
            "this one a file of its own with CFX_DATA_DIR or CFX_DATABASE_URL; many servers share a Postgres",
            file=database,
            key=KEY,
        ) from None
    except OSError as error:
        raise ConfigError(
            f"its folder's file system takes no locks ({os.strerror(error.errno or 0).lower()}), and two "
            "servers on one file would run flows twice. Put it on a local disk",
            file=database,
            key=KEY,
        ) from None
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
