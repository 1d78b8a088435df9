"""The disk is full, broken or read-only while flows run: they pause, nothing is lost, and they go on."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import psycopg
import pytest

from tests.support.disks import filled_up, no_file_grows, read_only, small_disk
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, Flows, loop, says
from tests.support.postgres import PostgresServer
from tests.support.processes import NotReadyError, wait_for
from tests.support.provider import CODE, PLAN, REVIEW, Provider
from tests.support.server import OwnServer, Server
from tests.support.shapes import error_of

FLOWS = 3


def begin(server: Server, provider: Provider) -> list[str]:
    """Flows that wait for their plans."""
    slow = says(PLAN_TEXT, first_byte_delay_s=1.0)
    provider.script(*(rule | {"stateless": True} for rule in loop([says(GOOD_DIFF)], plan=[slow])))
    ids = [Flows(server.client).start(f"Greet, case {n}") for n in range(FLOWS)]
    provider.wait_for_calls(FLOWS, PLAN)
    return ids


def pause(server: Server, says_why: str) -> None:
    """What was answered cannot be written down, and nobody is told that it was."""
    log = server.process.log
    wait_for(
        lambda: log.read_text().count("paid_answer_waits") >= FLOWS, timeout_s=20, what="answers that wait"
    )
    body = {"task": "Another", "workspace": {"files": {"a.txt": "a\n"}}}
    refused = error_of(server.client.post("/v1/flows", json=body), 503, "store_unavailable")
    assert says_why in refused["message"]


def all_go_on(server: Server, provider: Provider, ids: list[str]) -> None:
    flows = Flows(server.client)
    for flow_id in ids:
        assert flows.finish(flow_id)["status"] == "approved"
        events = flows.events(flow_id)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    calls = {model: len(provider.calls(model)) for model in (PLAN, CODE, REVIEW)}
    assert calls == dict.fromkeys(calls, FLOWS), "nothing was paid twice"
    assert flows.run("Another")["status"] == "approved"


def is_whole(file: Path) -> bool:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


def test_flows_pause_while_the_disk_is_full(
    own_server: OwnServer, provider: Provider, tmp_path: Path
) -> None:
    data = tmp_path / "small"
    data.mkdir()
    with small_disk(data, 16):
        server = own_server(CFX_DATABASE_URL=f"sqlite:///{data / 'cfx.db'}")
        ids = begin(server, provider)
        with filled_up(data):
            pause(server, "disk is full")
        all_go_on(server, provider, ids)
        assert is_whole(data / "cfx.db")
        server.kill()


def test_flows_pause_while_the_disk_reports_errors(own_server: OwnServer, provider: Provider) -> None:
    server = own_server()
    data = server.folder / "data"
    ids = begin(server, provider)
    with no_file_grows(server.process, (data / "cfx.db-wal").stat().st_size):
        pause(server, "reports errors")
    all_go_on(server, provider, ids)
    assert is_whole(data / "cfx.db")


def test_flow_waits_for_a_server_that_can_write_again(own_server: OwnServer, provider: Provider) -> None:
    """Read-only after a crash of the machine, say: the server says so and does not start."""
    server = own_server()
    ids = begin(server, provider)
    server.kill()
    with read_only(server.folder / "data"), pytest.raises(NotReadyError, match=r"Read-only|read-only"):
        server.start()
    server.start()
    flows = Flows(server.client)
    assert [flows.finish(flow_id)["status"] for flow_id in ids] == ["approved"] * FLOWS
    assert len(provider.calls(PLAN)) <= 2 * FLOWS, "only what was in flight"
    assert is_whole(server.folder / "data" / "cfx.db")


def test_flows_pause_while_postgres_is_read_only(
    own_server: OwnServer, provider: Provider, postgres_server: PostgresServer
) -> None:
    """As after a failover to a replica."""
    url = postgres_server.create_database()
    server = own_server(CFX_DATABASE_URL=url, CFX_HASH_SALT="pepper of the tests, long enough")
    ids = begin(server, provider)
    writable(url, is_so=False)
    pause(server, "read-only")
    time.sleep(6)  # longer than a drain: the queue finds it out too, and stops nothing for that
    writable(url, is_so=True)
    all_go_on(server, provider, ids)
    server.process.stop()
    postgres_server.drop_database(url)


def writable(url: str, *, is_so: bool) -> None:
    """For every session from now on; those that are open are ended."""
    name = url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_read_only = {'off' if is_so else 'on'}"
        )
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
