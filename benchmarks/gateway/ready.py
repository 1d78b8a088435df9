"""When is a server ready? When it answers a key, and when a flow takes its first step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.gateway.load import BrokenError, Connection, Request
from tests.support.processes import Running

if TYPE_CHECKING:
    from benchmarks.gateway.systems import System


def wait_for_api(process: Running, system: System) -> None:
    _patiently(lambda: _get(system, "/v1/models") is not None, lambda: process.alive)


def wait_for_flows(process: Running, system: System) -> None:
    """The rest of the API, which comes after chat and the models."""
    _patiently(lambda: _get(system, "/v1/flows") is not None, lambda: process.alive)


def wait_for_runner(process: Running, system: System) -> str:
    """The flow that has taken its first step."""
    flow: str = json.loads(_post(system, "/v1/flows", _FLOW))["id"]
    _patiently(
        lambda: b"step.started" in (_get(system, f"/v1/flows/{flow}/events") or b""),
        lambda: process.alive,
    )
    return flow


def end_flow(system: System, flow: str) -> None:
    """It would go on beside what is measured."""
    _post(system, f"/v1/flows/{flow}/cancel", b"{}")


def _patiently(is_so: Callable[[], bool], alive: Callable[[], bool], timeout_s: float = 60) -> None:
    ends = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > ends or not alive():
            raise BrokenError("the server did not become ready")
        time.sleep(0.01)


def _get(system: System, path: str) -> bytes | None:
    """The answer's body; None while nobody listens."""
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {system.keys[0]}\r\n\r\n"
    return _whole(Request(system.port, head.encode()))


def _post(system: System, path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {system.keys[0]}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = _whole(Request(system.port, head.encode() + body))
    assert answer is not None
    return answer


_FLOW = json.dumps({"task": "Say hello.", "workspace": {"files": {"a.py": "print(1)\n"}}}).encode()


def _whole(request: Request) -> bytes | None:
    try:
        connection = Connection(request)
    except ConnectionRefusedError:
        return None
    try:
        return connection.ask()
    finally:
        connection.close()
