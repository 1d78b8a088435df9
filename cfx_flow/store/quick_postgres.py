"""Small transactions on Postgres at the price of libpq itself: one connection, pipelined, prepared.

A statement through SQLAlchemy, or through psycopg's own cursors, costs several times what
libpq does; here there is nothing between, and transactions that are sent together travel together.

**Source**: libpq's "Pipeline Mode" and "Asynchronous Command Processing"; psycopg's
``generators.py``, whose reading loop this is, fed by the event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg
from psycopg import pq

from cfx_flow.store.address import libpq_address
from cfx_flow.store.trouble import NO_ANSWER, explain_postgres, unavailable

ANSWER_TIMEOUT_S = 5.0
# Behind a transaction pooler a statement was prepared in another session than it runs in.
_NOT_PREPARED_HERE = {"26000", "42P05"}

# Read-only, or shutting down: the next connection may reach the server that has taken over.
_ELSEWHERE = {"25006", "57P01", "57P02", "57P03"}
_CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "application_name": "cfx-flow",
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

Values: TypeAlias = Sequence[bytes | None]
"""one row, or parameters; Postgres' text form"""


class Statement:
    """Its name follows from its text, so that a pooled session can only hold the right one."""

    def __init__(self, sql: str) -> None:
        self.sql = sql.encode()
        self.name = b"cfx_" + hashlib.sha256(self.sql).hexdigest()[:24].encode()


_AS_SERVICE = Statement("SELECT set_config('role', 'service_role', true)")
"""First in each transaction (see roles.py). A statement, not a setting of the session, which may be a
pooler's."""

Transaction: TypeAlias = Sequence[tuple[Statement, Values]]
Rows: TypeAlias = list[Values]


@dataclass(eq=False, slots=True)
class _Flight:
    """Transactions that were sent together."""

    arrival: asyncio.Future[None]
    outcomes: list[Rows | _Refusal]
    pending: int
    rows: Rows = field(default_factory=list)
    refusal: _Refusal | None = None


@dataclass(frozen=True, slots=True)
class _Refusal:
    state: str
    message: str


class QuickPostgres:
    """Connects with the first transaction, and again after a loss. Several may be under way."""

    def __init__(self, url: str) -> None:
        self._conninfo = libpq_address(url)
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._socket = -1
        """remembered: libpq forgets it when it is lost, and the loop still watches it"""
        self._is_flushing = False
        self._connecting = asyncio.Lock()
        self._flights: deque[_Flight] = deque()
        self._prepared: set[bytes] = set()
        self._may_prepare = True

    async def run(self, transactions: Sequence[Transaction]) -> list[Rows]:
        """Each is atomic, in this order; answers the rows of its last statement. Raises StoreUnavailable,
        with some of them done, or (when the connection was lost) nobody knows which."""
        outcomes = await self._fly(transactions)
        again = [n for n, outcome in enumerate(outcomes) if _was_not_prepared(outcome)]
        if again:
            self._may_prepare = False
            second = await self._fly([transactions[n] for n in again])
            for n, outcome in zip(again, second, strict=True):
                outcomes[n] = outcome
        if any(isinstance(outcome, _Refusal) and outcome.state in _ELSEWHERE for outcome in outcomes):
            self._lose(ConnectionError("this server takes no writes now"))
        return [_rows(outcome) for outcome in outcomes]

    async def _fly(self, transactions: Sequence[Transaction]) -> list[Rows | _Refusal]:
        connection = self._connection or await self._connect()
        loop = asyncio.get_running_loop()
        flight = _Flight(loop.create_future(), [], len(transactions))
        self._flights.append(flight)
        try:
            for transaction in transactions:
                self._send(connection.pgconn, transaction)
        except psycopg.OperationalError as error:
            self._lose(error)
        self._flush()
        timer = loop.call_later(ANSWER_TIMEOUT_S, self._lose, TimeoutError("no answer"))
        try:
            await flight.arrival
        finally:
            timer.cancel()
        return flight.outcomes

    async def _connect(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        async with self._connecting:
            if self._connection is None:
                try:
                    connection = await psycopg.AsyncConnection.connect(
                        self._conninfo, autocommit=True, **_CONNECT
                    )
                except psycopg.OperationalError as error:
                    raise unavailable(explain_postgres(error.sqlstate) or NO_ANSWER) from error
                connection.pgconn.enter_pipeline_mode()
                connection.pgconn.nonblocking = 1
                self._prepared = set()
                self._socket = connection.fileno()
                asyncio.get_running_loop().add_reader(self._socket, self._read)
                self._connection = connection
            return self._connection

    def _send(self, pgconn: pq.abc.PGconn, transaction: Transaction) -> None:
        for statement, values in ((_AS_SERVICE, ()), *transaction):
            if not self._may_prepare:
                pgconn.send_query_params(statement.sql, values)
                continue
            if statement.name not in self._prepared:
                pgconn.send_prepare(statement.name, statement.sql)
                self._prepared.add(statement.name)
            pgconn.send_query_prepared(statement.name, values)
        pgconn.pipeline_sync()

    def _flush(self) -> None:
        """What the socket does not take at once goes when it can."""
        if self._connection is None:
            return
        loop = asyncio.get_running_loop()
        try:
            is_more = self._connection.pgconn.flush() == 1
        except psycopg.OperationalError as error:
            self._lose(error)
            return
        if is_more and not self._is_flushing:
            loop.add_writer(self._socket, self._flush)
        elif self._is_flushing and not is_more:
            loop.remove_writer(self._socket)
        self._is_flushing = is_more

    def _read(self) -> None:
        """The socket has something: answers, or the news that the server is gone."""
        assert self._connection is not None  # noqa: S101 - else nothing is watched
        pgconn = self._connection.pgconn
        try:
            pgconn.consume_input()
            while self._flights and not pgconn.is_busy():
                self._take(pgconn.get_result())
        except psycopg.OperationalError as error:
            self._lose(error)

    def _take(self, result: pq.abc.PGresult | None) -> None:
        if result is None:  # a statement's results are complete
            return
        flight = self._flights[0]
        if result.status == pq.ExecStatus.TUPLES_OK:
            columns = range(result.nfields)
            flight.rows = [
                [result.get_value(row, column) for column in columns] for row in range(result.ntuples)
            ]
        elif result.status == pq.ExecStatus.FATAL_ERROR:
            flight.refusal = _refusal_of(result)
        elif result.status == pq.ExecStatus.PIPELINE_SYNC:
            flight.outcomes.append(flight.refusal or flight.rows)
            flight.rows, flight.refusal, flight.pending = [], None, flight.pending - 1
            if not flight.pending:
                self._flights.popleft()
                if not flight.arrival.done():
                    flight.arrival.set_result(None)

    def _lose(self, error: Exception) -> None:
        """Whatever was under way may or may not have happened."""
        connection, self._connection = self._connection, None
        if connection is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
            self._is_flushing = False
            connection.pgconn.finish()
        flights, self._flights = self._flights, deque()
        for flight in flights:
            if not flight.arrival.done():
                failure = unavailable(NO_ANSWER)
                failure.__cause__ = error
                flight.arrival.set_exception(failure)

    async def close(self) -> None:
        self._lose(ConnectionError("closed"))


def _refusal_of(result: pq.abc.PGresult) -> _Refusal:
    state = result.error_field(pq.DiagnosticField.SQLSTATE) or b""
    return _Refusal(state.decode(), result.get_error_message())


def _was_not_prepared(outcome: Rows | _Refusal) -> bool:
    return isinstance(outcome, _Refusal) and outcome.state in _NOT_PREPARED_HERE


def _rows(outcome: Rows | _Refusal) -> Rows:
    if not isinstance(outcome, _Refusal):
        return outcome
    try:
        kind: type[psycopg.Error] = psycopg.errors.lookup(outcome.state)
    except KeyError:
        kind = psycopg.DatabaseError
    text = explain_postgres(outcome.state, outcome.message)
    if text is None and issubclass(kind, psycopg.OperationalError):
        text = NO_ANSWER
    error = kind(outcome.message)
    if text is None:
        raise error  # a mistake of ours
    raise unavailable(text) from error


def as_array(values: Sequence[object]) -> bytes:
    """Of values whose text needs no quoting: numbers, uuids."""
    return ("{" + ",".join(map(str, values)) + "}").encode()
