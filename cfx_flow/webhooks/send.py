"""One try: a POST by https that follows nothing, keeps nothing and is over in ten seconds."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import aiohttp
from yarl import URL

from cfx_flow.webhooks.public import NotPublicError, PublicResolver

TIMEOUT_S = 10.0


class NotSent(Exception):
    """No answer came. The text is for the flow's owner."""


class Sender:
    """``close`` it. ``resolver`` and ``tls`` are for whoever constructs it; no setting reaches them."""

    def __init__(
        self,
        resolver: PublicResolver | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._resolver = resolver or PublicResolver()
        self._tls = tls or ssl.create_default_context()
        self._timeout_s = timeout_s

    async def post(self, address: URL, headers: Mapping[str, str], body: bytes) -> int:
        """The status. The answer itself is not read. Raises NotSent."""
        try:
            async with (
                self._session() as session,
                session.post(address, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return answer.status
        except TimeoutError:
            raise NotSent(f"no answer within {self._timeout_s:g} s") from None
        except aiohttp.ClientConnectorDNSError as error:
            inside = isinstance(error.os_error, NotPublicError)
            raise NotSent("not a public address" if inside else "the name is not known") from None
        except (aiohttp.ClientSSLError, ssl.SSLError):
            raise NotSent("its certificate is not valid") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise NotSent("the connection failed") from None

    async def close(self) -> None:
        await self._resolver.close()

    def _session(self) -> aiohttp.ClientSession:
        """One for each try: nothing is pooled, so that each try looks its address up, and no cookie stays."""
        connector = aiohttp.TCPConnector(
            resolver=self._resolver, use_dns_cache=False, force_close=True, ssl=self._tls
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            trust_env=False,
            auto_decompress=False,
            headers={"user-agent": "cfx-flow", "content-type": "application/json"},
        )
