"""procrastinate's tables come with ours, by procrastinate's own SQL, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from cfx_flow.store.engine import open_engine
from cfx_flow.store.migrate import migrate
from cfx_flow.store.queue_schema import migrate_queue
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.e2e


@pytest.fixture
def empty_url(postgres_server: PostgresServer) -> Iterator[str]:
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


def comment(connection: Connection) -> str:
    query = "SELECT obj_description('procrastinate_jobs'::regclass, 'pg_class')"
    return str(connection.execute(text(query)).scalar())


def test_a_database_of_an_older_version_gets_the_queue_with_the_next_migration(empty_url: str) -> None:
    migrate(empty_url)
    with open_engine(empty_url).begin() as connection:
        tables = (
            "procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers"
        )
        connection.execute(text(f"DROP TABLE {tables} CASCADE"))
        connection.execute(text("DROP TYPE procrastinate_job_status, procrastinate_job_event_type CASCADE"))
        connection.execute(text("DROP TYPE procrastinate_job_to_defer_v1 CASCADE"))
        query = "SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE 'procrastinate%'"
        for (function,) in connection.execute(text(query)).all():
            connection.execute(text(f"DROP FUNCTION {function}"))
    done = migrate(empty_url)
    assert (done.changed, done.queue_changed, done.before) == (True, True, done.after)
    assert not migrate(empty_url).changed


def test_a_release_that_changes_the_queue_s_tables_is_followed(empty_url: str) -> None:
    migrate(empty_url)
    with open_engine(empty_url).begin() as connection:
        newest = comment(connection)
        last = "procrastinate_retry_job_v2(bigint, timestamptz, integer, varchar, varchar)"
        connection.execute(text(f"DROP FUNCTION {last}"))
        earlier = newest.replace(newest.split()[-1], "03.03.00_01_pre_priority_lock_fetch_job.sql")
        connection.execute(text(f"COMMENT ON TABLE procrastinate_jobs IS '{earlier}'"))
        connection.execute(
            text("ALTER TYPE procrastinate_job_event_type RENAME VALUE 'retried' TO 'was_new'")
        )
        assert migrate_queue(connection)
        assert comment(connection) == newest
        assert connection.execute(text(f"SELECT '{last}'::regprocedure")).scalar()
        assert not migrate_queue(connection)


def test_tables_that_somebody_else_keeps_are_left_alone(empty_url: str) -> None:
    with open_engine(empty_url).begin() as connection:
        assert migrate_queue(connection)
        connection.execute(text("COMMENT ON TABLE procrastinate_jobs IS 'ours, says the operator'"))
        assert not migrate_queue(connection)
        assert comment(connection) == "ours, says the operator"
