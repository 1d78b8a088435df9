from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from cli.credentials import Credentials
from cli.watch import CancelOnInterrupt
from tests.cli.scripted_api import ScriptedApi

CANCEL = "/v1/flows/f1/cancel"


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def interrupts(api: ScriptedApi, said: list[str]) -> CancelOnInterrupt:
    return CancelOnInterrupt(Credentials(api.url, "cfx_key"), said.append)


def test_first_ctrl_c_cancels_the_flow_and_the_second_leaves(api: ScriptedApi) -> None:
    api.json(CANCEL, {"id": "f1", "status": "cancelled"})
    said: list[str] = []
    with interrupts(api, said) as held:
        held.watch("f1")
        os.kill(os.getpid(), signal.SIGINT)
        until(lambda: api.seen)
        assert api.seen[0][:2] == ("POST", CANCEL)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert "Ctrl-C again" in said[0]


def test_ctrl_c_before_the_flow_is_known_cancels_it_once_it_is(api: ScriptedApi) -> None:
    api.json(CANCEL, {"id": "f1", "status": "cancelled"})
    said: list[str] = []
    with interrupts(api, said) as held:
        os.kill(os.getpid(), signal.SIGINT)
        until(lambda: said)
        assert "once the server has taken the flow; Ctrl-C again" in said[0]
        assert not api.seen
        held.watch("f1")
        until(lambda: api.seen)


def test_flow_that_ended_meanwhile_is_no_complaint_but_another_refusal_is(api: ScriptedApi) -> None:
    api.error(CANCEL, 409, "It has ended.", "conflict")
    said: list[str] = []
    with interrupts(api, said) as held:
        held.watch("f1")
        os.kill(os.getpid(), signal.SIGTERM)
        until(lambda: api.seen and not _cancelling())
    assert len(said) == 1
    api.answers.clear()
    api.error(CANCEL, 503, "Draining.", "unavailable")
    with interrupts(api, said) as held:
        held.watch("f1")
        os.kill(os.getpid(), signal.SIGINT)
        until(lambda: len(said) == 3)
    assert said[-1] == "not cancelled: Draining."


def test_handlers_are_put_back(api: ScriptedApi) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with interrupts(api, []):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def _cancelling() -> bool:
    return any(thread.name == "cancel" for thread in threading.enumerate())
