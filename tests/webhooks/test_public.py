"""No name leads inside."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest

from cfx_flow.settings import HOUSE
from cfx_flow.webhooks.public import InThreads, Lookup, NotPublicError, PublicResolver, is_public
from tests.support.stores import eventually

INSIDE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1"),  # noqa: S104
    *("127.8.9.10", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1"),
    *("192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1"),
    *("239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:10.0.0.1"),
    *("::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::10.0.0.1", "100::1"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1"),
    *("2001:db8::1", "2002:7f00:1::", "2002:a00:1::", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1"),
    *("fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1", "2606:4700::1%1", "100:0:0:1::1"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "172.32.0.1"),
    *("2606:4700:4700::1111", "2a00:1450:4001::1"),
]
NO_ADDRESS = ["", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "1.1.1.1 ", "1.1.1.1/32"]


@pytest.mark.parametrize("address", INSIDE + NO_ADDRESS)
def test_an_address_inside_is_never_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["::ffff:1.1.1.1"], []])
async def test_one_address_inside_is_enough_to_refuse_a_name(addresses: list[str]) -> None:
    resolver = PublicResolver(_always(addresses))
    with pytest.raises(NotPublicError):
        await resolver.resolve("hooks.example.com", 443)
    await resolver.close()


async def test_a_public_name_leads_to_its_addresses_and_to_no_name() -> None:
    resolver = PublicResolver(_always(["1.1.1.1", "2606:4700::1"]))
    found = await resolver.resolve("hooks.example.com", 443)
    assert [result["host"] for result in found] == ["1.1.1.1", "2606:4700::1"]
    await resolver.close()


async def test_the_systems_own_answer_is_judged_too() -> None:
    resolver = PublicResolver()
    with pytest.raises(NotPublicError):
        await resolver.resolve("localhost", 443)
    await resolver.close()


SILENT = """
import asyncio, time
from cfx_flow.webhooks.public import InThreads, PublicResolver

async def ask() -> None:
    resolver = PublicResolver(InThreads(lambda host, port: time.sleep(120)))
    try:
        async with asyncio.timeout(0.1):
            await resolver.resolve("hooks.example.com", 443)
    except TimeoutError:
        print("given up")

asyncio.run(ask())
"""


def test_a_name_server_that_is_silent_keeps_no_process_from_ending() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SILENT], cwd=HOUSE, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "given up\n"


async def test_names_that_hang_take_the_threads_that_there_are_and_give_them_back() -> None:
    goes_on, asked = threading.Event(), list[str]()

    def ask(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        goes_on.wait(30)
        if host == "b":
            raise UnicodeError("label too long")
        return ["1.1.1.1"]

    lookup = InThreads(ask, at_once=2)
    gone, refused, waits = (asyncio.create_task(lookup(host, 443)) for host in "abc")
    await eventually(lambda: len(asked) == 2)
    gone.cancel()
    await asyncio.sleep(0.05)
    assert sorted(asked) == ["a", "b"], "a thread is busy, whoever has gone"
    goes_on.set()
    assert await waits == ["1.1.1.1"]
    with pytest.raises(OSError, match="too long"):
        await refused


async def test_where_no_thread_can_begin_the_name_is_not_found_and_no_turn_is_lost() -> None:
    lookup = InThreads(lambda host, port: ["1.1.1.1"], at_once=1)
    usual = threading.stack_size(2**46)  # no machine has room for it
    try:
        with pytest.raises(OSError, match="new thread"):
            await lookup("a", 443)
    finally:
        threading.stack_size(usual)
    async with asyncio.timeout(30):
        assert await lookup("b", 443) == ["1.1.1.1"]


def _always(addresses: Sequence[str]) -> Lookup:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return addresses

    return lookup
