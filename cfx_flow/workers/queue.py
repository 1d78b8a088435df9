"""The queue on Postgres: a procrastinate job for every flow that may run now.

Which may is decided where flows are queued and where they stop, in the same transaction: no user
ever has more jobs than flows that may run at once, so the cap holds whichever worker takes a job. A job's
priority says whose turn it is, as ``turns.py`` does: the number of its user's flows in front of it.

Truth is the ``flows`` row, and who holds its advisory lock. A job only brings a worker to it: one that was
lost is made again (``look``), one too many does no harm.

**Source**: procrastinate's ``schema.sql``. Jobs are made by the function by which its own library makes
them, here in a transaction of SQLAlchemy's; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.store.engine import Store
from cfx_flow.store.jobs import Ask, Steps

QUEUE = "cfx_flows"
RUN = "cfx.run_flow"
LOCKS = 0x6366_785F  # any number that is ours: flows' advisory locks, and nobody else's
_USERS, _LOOK = LOCKS + 1, LOCKS + 2
WORKER_SESSION = "cfx-worker"
"""``application_name`` of the session that holds a worker's locks"""

FROZEN_S = 30
"""A worker whose session has been silent for so long (it speaks several times a second) runs no more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at the queue has found."""

    stalled: frozenset[int]
    """jobs that a worker has taken, and nobody holds their flow's lock"""
    server: str
    """another one than last time: Postgres was restarted, and with it every lock is gone"""
    spoke: Mapping[int, str]
    """sessions that hold workers' locks → when they last said something, by Postgres' clock"""


class FlowQueue:
    def __init__(self, store: Store, running_per_user: int) -> None:
        self._store, self._cap = store, running_per_user

    def submit(self, user_id: str) -> Steps[None]:
        """Gives jobs to as many of the user's queued flows as may run now, oldest first.

        Within the transaction that queued one, or stopped one. The lock lets those of one user take turns.
        """
        yield Ask(_TURN, {"user_id": user_id, "seed": _USERS})
        yield Ask(_FILL, {"user_id": user_id, "cap": self._cap, "queue": QUEUE, "task": RUN})

    async def recover(self) -> int:
        """Gives a job to every flow that should have one; how many. Those that run are left alone."""
        async with self._store.transaction() as connection:
            await connection.execute(_IN_LINE, {"seed": _LOOK})
            return await self._recover(connection)

    async def look(self) -> Seen:
        async with self._store.read() as connection:
            rows = (await connection.execute(_SEEN, {"queue": QUEUE, "seed": LOCKS})).one()
            await connection.execute(_AS_OURSELVES)
            spoke = (await connection.execute(_SPOKE, {"name": WORKER_SESSION})).all()
        return Seen(frozenset(rows.stalled or ()), str(rows.server), {row.pid: row.at for row in spoke})

    async def mend(self, stalled: Sequence[int], silent: Mapping[int, str]) -> int:
        """Removes those jobs, if nobody works on them still, and gives their flows new ones. Ends the
        sessions that have said nothing since, so that their flows are found stalled next time.

        One process does it at a time. How many flows got a job.
        """
        async with self._store.transaction() as connection:
            if not (await connection.execute(_ALONE, {"seed": _LOOK})).scalar():
                return 0
            if silent:
                await self._end(connection, silent)
            if stalled:
                await connection.execute(_REMOVE, {"ids": list(stalled), "seed": LOCKS})
            return await self._recover(connection)

    async def cancelled_among(self, flow_ids: Sequence[str]) -> Sequence[str]:
        if not flow_ids:
            return []
        async with self._store.read() as connection:
            return list((await connection.execute(_CANCELLED, {"ids": list(flow_ids)})).scalars())

    async def waiting(self) -> int:
        """Flows that are queued, with a job or without."""
        async with self._store.read() as connection:
            return int((await connection.execute(_WAITING)).scalar_one())

    async def workers(self) -> int:
        """That are connected now."""
        async with self._store.read() as connection:
            await connection.execute(_AS_OURSELVES)
            return int((await connection.execute(_WORKERS, {"name": WORKER_SESSION})).scalar_one())

    async def _end(self, connection: AsyncConnection, silent: Mapping[int, str]) -> None:
        await connection.execute(_AS_OURSELVES)
        for pid, at in silent.items():
            await connection.execute(_THAW, {"name": WORKER_SESSION, "pid": pid, "at": at})
        await connection.execute(_AS_SERVICE)

    async def _recover(self, connection: AsyncConnection) -> int:
        values = {"queue": QUEUE, "task": RUN, "seed": LOCKS}
        lost = len((await connection.execute(_RECOVER, values)).all())
        users = (await connection.execute(_IN_TURN, {"cap": self._cap})).scalars().all()
        for user_id in users:
            await self._store.work_through(connection, self.submit(user_id))
        return lost + len(users)


def _sql(statement: str) -> TextClause:
    """``{job}``: what procrastinate is given for flow ``id``. ``{has_job}``: whether flow ``f`` has one.
    ``{held}``: the locks that are held, as the keys that they were taken with. ``{not_for_ever}``: a process
    that is frozen with a lock in hand loses it with its transaction."""
    job = (
        "ROW(:queue, :task, -rank, id::text, id::text, jsonb_build_object('flow_id', id::text), NULL)"
        "::procrastinate_job_to_defer_v1"
    )
    held = (
        "held AS MATERIALIZED (SELECT (classid::bigint << 32) | objid::bigint AS key FROM pg_locks"
        " WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    has_job = (
        "(EXISTS (SELECT FROM procrastinate_jobs j WHERE j.queueing_lock = f.id::text AND j.status = 'todo')"
        " OR EXISTS (SELECT FROM procrastinate_jobs j WHERE j.lock = f.id::text AND j.status = 'doing'))"
    )
    not_for_ever = "set_config('idle_in_transaction_session_timeout', '20s', true)"
    meanings = {"{job}": job, "{held}": held, "{has_job}": has_job, "{not_for_ever}": not_for_ever}
    for name, meaning in meanings.items():
        statement = statement.replace(name, meaning)
    return text(statement)


# Postgres shows and ends sessions for the role that has logged in to them, and for no other.
_AS_OURSELVES = text("SET LOCAL ROLE NONE")
_AS_SERVICE = text("SET LOCAL ROLE service_role")
_TURN = _sql("SELECT {not_for_ever}, pg_advisory_xact_lock(hashtextextended(:user_id, :seed))")
_FILL = _sql("""
    WITH mine AS (
        SELECT f.id, f.created_at, f.status, f.status = 'in_progress' OR {has_job} AS runs
        FROM flows f
        WHERE f.user_id = CAST(:user_id AS uuid) AND f.status IN ('queued', 'in_progress')
    ), ranked AS (
        SELECT id, (row_number() OVER (ORDER BY created_at, id) - 1
            + (SELECT count(*) FROM mine WHERE runs))::integer AS rank
        FROM mine WHERE NOT runs
    )
    SELECT procrastinate_defer_jobs_v1(array_agg({job} ORDER BY rank))
    FROM ranked WHERE rank < :cap HAVING count(*) > 0
""")
_SEEN = _sql("""
    WITH {held}
    SELECT
        (SELECT array_agg(id) FROM procrastinate_jobs WHERE status = 'doing' AND queue_name = :queue
            AND hashtextextended(lock, :seed) NOT IN (SELECT key FROM held)) AS stalled,
        pg_postmaster_start_time() AS server
""")
_IN_LINE = _sql("SELECT {not_for_ever}, pg_advisory_xact_lock(:seed)")
_ALONE = _sql("SELECT pg_try_advisory_xact_lock(:seed), {not_for_ever}")
_SPOKE = _sql("""
    SELECT pid, state_change::text AS at FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = :name
""")
_THAW = _sql("""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = :name AND pid = :pid
        AND state_change::text = :at
""")
_REMOVE = _sql("""
    WITH {held}
    DELETE FROM procrastinate_jobs WHERE id = ANY(:ids) AND status = 'doing'
        AND hashtextextended(lock, :seed) NOT IN (SELECT key FROM held)
""")
_RECOVER = _sql("""
    WITH {held}, lost AS (
        SELECT f.id, f.created_at, 0 AS rank FROM flows f
        WHERE f.status = 'in_progress' AND NOT {has_job}
            AND hashtextextended(f.id::text, :seed) NOT IN (SELECT key FROM held)
    )
    SELECT unnest(procrastinate_defer_jobs_v1(array_agg({job} ORDER BY created_at, id)))
    FROM lost HAVING count(*) > 0
""")
_IN_TURN = _sql("""
    SELECT user_id::text FROM (
        SELECT f.user_id, f.status = 'in_progress' OR {has_job} AS runs
        FROM flows f WHERE f.status IN ('queued', 'in_progress')
    ) unended
    GROUP BY user_id
    HAVING count(*) FILTER (WHERE NOT runs) > 0 AND count(*) FILTER (WHERE runs) < :cap
""")
_CANCELLED = _sql("SELECT id::text FROM flows WHERE id = ANY(CAST(:ids AS uuid[])) AND status = 'cancelled'")
_WAITING = _sql("SELECT count(*) FROM flows WHERE status = 'queued'")
_WORKERS = _sql("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = :name
""")
