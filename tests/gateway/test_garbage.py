"""A request leaves nothing that only the garbage collector would free: bodies are large, it comes late."""

from __future__ import annotations

import gc

import pytest

from api.chat import _Visit
from cfx_flow.chat import ChatCall
from tests.gateway.conftest import Gateway


@pytest.mark.parametrize("streamed", [False, True])
async def test_request_goes_without_the_collector(gateway: Gateway, streamed: bool) -> None:
    await gateway.chat(stream=streamed)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            assert (await gateway.chat(stream=streamed)).status_code == 200
        left = [found for found in gc.get_objects() if isinstance(found, _Visit | ChatCall)]
        assert left == []
    finally:
        gc.enable()
