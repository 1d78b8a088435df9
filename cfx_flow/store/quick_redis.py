"""Scripts on Redis over one connection, those of a batch in one round trip.

redis-py's client costs a pool and a retry layer for each command; this is its connection
alone. Nothing is sent twice: an addition whose answer was lost may have been made.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError, ResponseError

from cfx_flow.errors import ConfigError
from cfx_flow.store.trouble import unavailable

TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 3.0
IDLE_S = 1.0
"""after so long without a command we look whether the server has gone meanwhile"""
KEY = "CFX_REDIS_URL"
EXAMPLES = "redis://:password@host:6379/0, rediss://… with TLS, unix:///path/to/socket"
NO_ANSWER = (
    "The counters' Redis does not answer or refuses us. Try again in a few seconds; operator: check that it "
    "runs, that CFX_REDIS_URL is right, that it is a primary and has memory left."
)


class Script:
    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def pool_of(url: str) -> ConnectionPool:
    """Not connected. Raises ConfigError for no such address."""
    try:
        pool = ConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=None,  # one for all of a batch, below
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            **({} if url.startswith("unix:") else {"socket_keepalive": True}),
        )
        pool.connection_class(**pool.connection_kwargs)  # tells options that there are not
    except (ValueError, TypeError):
        raise ConfigError(f"this is no address of a Redis. Write {EXAMPLES}", key=KEY) from None
    return pool


Call: TypeAlias = tuple[Script, Sequence[str], Sequence[str | int | bytes]]
"""script, its KEYS, its ARGV"""


class QuickRedis:
    """Connects with the first call, and again after a loss. Raises ConfigError for no such address."""

    def __init__(self, url: str) -> None:
        self._pool = pool_of(url)
        self._connection: AbstractConnection | None = None
        self._turn = asyncio.Lock()
        self._used_at = 0.0

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        """Answers each, in order. Raises StoreUnavailable, with some of them done perhaps."""
        async with self._turn:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    answers = await self._run(await self._connected(), calls)
            except (RedisError, OSError, TimeoutError) as error:
                await self._drop()
                raise unavailable(NO_ANSWER) from error
            if any(isinstance(answer, ReadOnlyError) for answer in answers):
                await self._drop()  # the next connection may reach the new primary
            self._used_at = asyncio.get_running_loop().time()
        return [_answer(answer) for answer in answers]

    async def _run(self, connection: AbstractConnection, calls: Sequence[Call]) -> list[Any]:
        answers = await self._send(connection, calls)
        unknown = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            again = await self._send_after_loading(connection, [calls[n] for n in unknown])
            for n, answer in zip(unknown, again, strict=True):
                answers[n] = answer
        return answers

    async def _connected(self) -> AbstractConnection:
        connection = self._connection
        idle_s = asyncio.get_running_loop().time() - self._used_at
        if connection is not None and idle_s > IDLE_S and await connection.can_read():
            await self._drop()  # nothing was asked, so this is the news of its end
        if self._connection is None:
            self._connection = self._pool.connection_class(**self._pool.connection_kwargs)
            await self._connection.connect()  # type: ignore[no-untyped-call]
        return self._connection

    async def _send(self, connection: AbstractConnection, calls: Sequence[Call]) -> list[Any]:
        commands = [("EVALSHA", script.sha, len(keys), *keys, *args) for script, keys, args in calls]
        return await _exchange(connection, commands)

    async def _send_after_loading(self, connection: AbstractConnection, calls: Sequence[Call]) -> list[Any]:
        texts = {script.text for script, _, _ in calls}
        await _exchange(connection, [("SCRIPT", "LOAD", text) for text in texts])
        return await self._send(connection, calls)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    async def close(self) -> None:
        async with self._turn:
            await self._drop()


async def _exchange(connection: AbstractConnection, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """A refusal is an answer: those behind it are answered too."""
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(await connection.read_response())
        except ResponseError as error:
            answers.append(error)
    return answers


def _answer(answer: Any) -> Any:
    if not isinstance(answer, ResponseError):
        return answer
    if type(answer) is ResponseError and "script" in str(answer):
        raise answer  # a mistake of ours
    raise unavailable(NO_ANSWER) from answer
