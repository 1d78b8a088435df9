"""Names become addresses here, and only public ones: a webhook must not reach inside.

aiohttp connects to what its resolver returns, so the address that was looked at is the one that is
connected to: a name that changes its mind in between (DNS rebinding) changes nothing.

**Source** of the ranges: the IANA special-purpose address registries (RFC 6890, 8190), beyond what
``ipaddress.is_global`` knows: addresses that carry an IPv4 address within (RFC 4291, 6052, 8215, 3056, 4380).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Thread

from aiohttp.abc import AbstractResolver, ResolveResult

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""host, port → addresses. Raises OSError."""

Ask = Callable[[str, int], Sequence[str]]
"""the same, and waits"""

DNS_THREADS = 16
"""of our own: names that hang hold up nothing else"""

_UNICAST6 = IPv6Network("2000::/3")
_CARRIERS = tuple(
    ip_network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24")
)
"""inside the public ranges, and yet special: Teredo and its neighbours, documentation, 6to4, protocols"""


class NotPublicError(OSError):
    """The name leads inside, or nowhere that is public."""


def is_public(address: str) -> bool:
    """Whether anybody in the internet may be meant by it."""
    try:
        ip: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and (ip not in _UNICAST6 or ip.scope_id is not None):
        return False  # mapped, NAT64, unique local, link-local, site-local, multicast, loopback, …
    special = any(ip in block for block in _CARRIERS if block.version == ip.version)
    return ip.is_global and not (special or ip.is_multicast or ip.is_reserved)


def ask_system(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class InThreads:
    """A Lookup of one that waits. For these threads no process waits when it ends, as it does for those of an
    executor: a name server that is silent kept a stopped server from ending for up to half a minute."""

    def __init__(self, ask: Ask = ask_system, at_once: int = DNS_THREADS) -> None:
        self._ask, self._turns = ask, asyncio.Semaphore(at_once)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        await self._turns.acquire()
        answer = asyncio.get_running_loop().create_future()
        try:
            Thread(target=self._wait, args=(answer, host, port), name="webhook-dns", daemon=True).start()
        except RuntimeError as error:  # the machine has no more threads
            self._turns.release()
            raise OSError(str(error)) from None
        found: Sequence[str] = await answer
        return found

    def _wait(self, answer: asyncio.Future[Sequence[str]], host: str, port: int) -> None:
        found: Sequence[str] | OSError
        try:
            found = self._ask(host, port)
        except OSError as error:
            found = error
        except ValueError as error:  # a label that is too long
            found = OSError(str(error))
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits for it
            answer.get_loop().call_soon_threadsafe(self._answer, answer, found)

    def _answer(self, answer: asyncio.Future[Sequence[str]], found: Sequence[str] | OSError) -> None:
        """In the loop. Who asked may have gone; the thread was busy until now all the same."""
        self._turns.release()
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)


class PublicResolver(AbstractResolver):
    """For aiohttp's connector. One address that is not public is enough to refuse the name.

    ``lookup`` and ``allow`` are for whoever constructs it; no setting reaches them.
    """

    def __init__(self, lookup: Lookup | None = None, allow: Callable[[str], bool] = is_public) -> None:
        self._lookup, self._allow = lookup or InThreads(), allow

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError, NotPublicError."""
        addresses = await self._lookup(host, port)
        if not addresses or not all(self._allow(address) for address in addresses):
            raise NotPublicError(f"{host} does not lead to a public address")
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None: ...


def _result(host: str, address: str, port: int) -> ResolveResult:
    return {
        "hostname": host,
        "host": address,
        "port": port,
        "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
        "proto": socket.IPPROTO_TCP,
        "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    }
