"""Workers beside a server, as real processes on a real Postgres."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from pathlib import Path

import httpx

from api.protocol import MAX_HEAD_BYTES
from tests.support.fleet import Account, Fleet, freeze, paced, thaw
from tests.support.fleets import fleet_on
from tests.support.flows import GOOD_DIFF, loop, says
from tests.support.postgres import PostgresServer
from tests.support.processes import child_environ, free_port, start, wait_for
from tests.support.provider import CODE, PLAN, REVIEW, Provider
from tests.support.server import CFX

FROZEN_IS_TAKEN_OVER_S = 70


def calls(provider: Provider) -> dict[str, int]:
    return {model: len(provider.calls(model)) for model in (PLAN, CODE, REVIEW)}


def test_server_takes_orders_and_worker_runs_them(fleet: Fleet, provider: Provider) -> None:
    provider.script(*paced(0.05))
    assert fleet.server.client.get("/readyz").json()["status"] == "degraded"
    (flow_id,) = fleet.begin()
    assert fleet.flows.get(flow_id)["status"] == "queued"
    metrics = fleet.server.client.get("/metrics").text
    assert "\ncfx_flows_waiting 1.0\n" in metrics, "the server itself runs none"
    fleet.hire()
    stream = list(fleet.flows.stream(flow_id))
    assert [int(event["id"]) for event in stream] == list(range(1, len(stream) + 1))
    assert stream[-1]["event"] == "flow.completed"
    assert fleet.flows.get(flow_id)["status"] == "approved"
    assert fleet.server.client.get("/readyz").json()["status"] == "ready"


def test_events_of_a_worker_reach_readers_at_the_server_while_they_happen(
    standing: Fleet, provider: Provider
) -> None:
    provider.script(*paced(1.5))
    (flow_id,) = standing.begin()
    late = []
    for event in standing.flows.stream(flow_id):
        told_at = time.time()
        at = time.mktime(time.strptime(event["data"]["at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
        late.append(told_at - at - float("0." + event["data"]["at"][20:23]))
    assert max(late) < 1.5


def test_cancel_at_the_server_ends_the_call_at_the_worker(standing: Fleet, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF, first_byte_delay_s=600)]))
    (flow_id,) = standing.begin()
    provider.wait_for_calls(1, CODE)
    asked = time.time()
    assert standing.flows.cancel(flow_id).json()["status"] == "cancelled"
    gone = provider.wait_for_disconnect()["disconnected_at"]
    assert gone - asked < 2
    assert len(provider.calls(CODE)) == 1
    assert not standing.rows(f"SELECT 1 FROM flow_checkpoints WHERE flow_id = '{flow_id}'")


def test_decision_at_the_server_wakes_a_worker(standing: Fleet, provider: Provider) -> None:
    provider.script(*paced(0.05))
    flow_id = standing.flows.start("case 000000", approval="plan")
    waiting = wait_for(
        lambda: next(
            (one for one in [standing.flows.get(flow_id)] if one["status"] == "requires_action"), None
        ),
        timeout_s=20,
        what="gate",
    )
    said = {"gate": "plan", "decision": "approve", "version": waiting["version"]}
    assert standing.server.client.post(f"/v1/flows/{flow_id}/decision", json=said).status_code == 200
    assert standing.flows.finish(flow_id, timeout_s=20)["status"] == "approved"


def test_no_user_runs_more_than_their_share_over_all_workers(
    provider: Provider, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    provider.script(*paced(0.15))
    with fleet_on(postgres_server, provider, tmp_path, CFX_RUNNING_FLOWS_PER_USER="3") as fleet:
        fleet.hire(2)
        ids = fleet.begin(7)
        most = 0
        while fleet.unfinished():
            most = max(most, len(fleet.running()))
            time.sleep(0.02)
        assert most == 3
        assert {fleet.flows.get(flow_id)["status"] for flow_id in ids} == {"approved"}


def test_worker_that_is_asked_to_stop_lets_its_calls_end_and_repeats_nothing(
    fleet: Fleet, provider: Provider
) -> None:
    provider.script(*paced(1.0))
    first, second = fleet.hire(2)
    ids = fleet.begin(8)
    provider.wait_for_calls(8, PLAN)
    time.sleep(0.5)
    assert first.stop(grace_s=30) == 0
    fleet.dismiss(first)
    (third,) = fleet.hire()
    time.sleep(0.5)
    assert second.stop(grace_s=30) == 0
    fleet.dismiss(second)
    fleet.settle(Account(), ids)
    assert "Traceback" not in first.log_tail() + second.log_tail() + third.log_tail()


def test_second_signal_stops_calls_in_the_middle(fleet: Fleet, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF, first_byte_delay_s=600), says(GOOD_DIFF)]))
    (worker,) = fleet.hire()
    (flow_id,) = fleet.begin()
    provider.wait_for_calls(1, CODE)
    worker.process.terminate()
    time.sleep(1)
    assert worker.alive
    assert worker.stop(grace_s=10) == 0
    fleet.dismiss(worker)
    assert fleet.flows.get(flow_id)["status"] == "in_progress"
    fleet.hire()
    assert fleet.flows.finish(flow_id)["status"] == "approved"
    assert calls(provider) == {PLAN: 1, CODE: 2, REVIEW: 1}


def test_worker_that_never_moves_again_is_fenced_out_and_one_that_stands_still_pays_nothing_twice(
    fleet: Fleet, provider: Provider
) -> None:
    """For good: at most the call in flight is repeated; once it thaws, it writes nothing, and works again.
    For ten seconds, another one meanwhile: nothing is repeated."""
    slow = loop([says(GOOD_DIFF, first_byte_delay_s=3), says(GOOD_DIFF)])
    provider.script(*(rule | {"contains": "case 000000"} for rule in slow), *paced(1.0))
    (first,) = fleet.hire()
    (flow_id,) = fleet.begin()
    provider.wait_for_calls(1, CODE)
    freeze(first)
    began = time.monotonic()
    second, third = fleet.hire(2)
    others = fleet.begin(8)
    provider.wait_for_calls(1 + 8, PLAN)
    freeze(second)
    time.sleep(10)
    thaw(second)

    assert fleet.flows.finish(flow_id, timeout_s=FROZEN_IS_TAKEN_OVER_S)["status"] == "approved"
    print(f"frozen for good: taken over and ended after {time.monotonic() - began:.1f} s")
    events = fleet.flows.events(flow_id)
    thaw(first)
    wait_for(lambda: "worker_session_lost" in first.log_tail(), timeout_s=20, what="end of its session")
    for worker in (second, third):
        worker.kill()
        fleet.dismiss(worker)
    (another,) = fleet.begin()
    account = Account(in_flight=Counter({(flow_id, "code"): 1}))
    fleet.settle(account, [flow_id, *others, another])
    assert account.repeats == 1
    assert fleet.flows.events(flow_id) == events


def test_worker_tells_how_it_does(fleet: Fleet, provider: Provider) -> None:
    port = free_port()
    log = fleet.folder / "worker.log"
    argv = [str(CFX), "worker", "--port", str(port), "--json"]
    worker = start("cfx worker", argv, log=log, env=fleet.server.env, cwd=fleet.folder)
    fleet.workers.append(worker)
    fleet.ready(worker)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json()["checks"]["workers"] == "ok"
        assert "cfx_flows_running 0.0" in client.get("/metrics").text
        lost = client.get("/v1/flows")
        assert (lost.status_code, lost.json()["error"]["type"]) == (404, "invalid_request_error")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as endless:
        endless.sendall(b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 5 * MAX_HEAD_BYTES)
        assert endless.recv(100).startswith(b"HTTP/1.1 431 ")
    assert worker.stop(grace_s=20) == 0
    assert "Traceback" not in worker.log_tail()
    said = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"pid": worker.pid, "port": port, "flows_at_once": 1000} in said


def on_sqlite(folder: Path, upstream_url: str) -> dict[str, str]:
    return child_environ(
        HOME=str(folder),
        CFX_DATA_DIR=str(folder),
        CFX_DATABASE_URL=f"sqlite:///{folder / 'one.db'}",
        CFX_LITELLM_URL=upstream_url,
        CFX_PORT="0",
    )


def test_worker_on_sqlite_says_what_it_needs(provider: Provider, tmp_path: Path) -> None:
    env = on_sqlite(tmp_path, provider.url)
    worker = start("cfx worker", [str(CFX), "worker"], log=tmp_path / "w.log", env=env, cwd=tmp_path)
    assert worker.process.wait(30) == 2
    assert "workers share a Postgres" in worker.log_tail()


def test_second_server_on_a_sqlite_file_is_refused(provider: Provider, tmp_path: Path) -> None:
    env = on_sqlite(tmp_path, provider.url)
    first = start("cfx serve", [str(CFX), "serve"], log=tmp_path / "1.log", env=env, cwd=tmp_path)
    try:
        wait_for(lambda: "listens on" in first.log_tail(), timeout_s=30, what="first server")
        second = start("cfx serve", [str(CFX), "serve"], log=tmp_path / "2.log", env=env, cwd=tmp_path)
        assert second.process.wait(30) == 2
        assert f"another server (process {first.pid}) runs on this file" in second.log_tail()
    finally:
        first.kill()
    third = start("cfx serve", [str(CFX), "serve"], log=tmp_path / "3.log", env=env, cwd=tmp_path)
    try:
        wait_for(lambda: "listens on" in third.log_tail(), timeout_s=30, what="server after the kill")
    finally:
        third.kill()


def test_flow_that_kills_its_workers_is_given_up_and_can_be_resumed(fleet: Fleet, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF, first_byte_delay_s=600)] * 3 + [says(GOOD_DIFF)]))
    flow_id = fleet.flows.start()
    for death in (1, 2, 3):
        victim = fleet.hire_soon(CFX_FLOW_RETAKES="2")
        provider.wait_for_calls(death, CODE)
        victim.kill()
        fleet.dismiss(victim)
    fleet.hire_soon(CFX_FLOW_RETAKES="2")
    flow = fleet.flows.finish(flow_id)
    assert (flow["status"], flow["reason"]) == ("failed", "crashed")
    assert calls(provider) == {PLAN: 1, CODE: 3, REVIEW: 0}
    assert fleet.server.client.post(f"/v1/flows/{flow_id}/resume").status_code == 202
    assert fleet.flows.finish(flow_id)["status"] == "approved"
