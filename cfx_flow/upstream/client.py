"""The one HTTP client that chat calls go through.

**Source** of aiohttp over httpx: issue 3's prototypes: a relayed request costs a third, a chunk a
fifth. No redirects, no cookies, no proxies from the environment, no header of the caller's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from cfx_flow.errors import UpstreamError
from cfx_flow.stages.model import Target, Upstream
from cfx_flow.upstream.classify import (
    error_of_response,
    not_reached_in_time,
    talked_rubbish,
    timed_out,
    unreachable,
)
from cfx_flow.upstream.patience import Patience, Sweeper

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 256 * 1024
WHOLE_WRITE_BYTES = 512 * 1024
"""a larger request is written in pieces: one write of many MB would hold up every other stream"""
_IDLE_CONNECTION_S = 30.0


class UpstreamClient:
    """Open it in the loop that serves; nothing of it may be used before ``open`` or after ``close``."""

    def __init__(self, sweeper: Sweeper | None = None) -> None:
        self.sweeper = sweeper or Sweeper()
        self._session: aiohttp.ClientSession | None = None
        self._ways: dict[str, _Way] = {}

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_CONNECTION_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        self.sweeper.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, target: Target, payload: bytes, *, streamed: bool) -> Answer:
        """One attempt at ``target``'s chat completions: the answer, once its status is 200.

        Raises UpstreamError for everything else. The caller closes the answer.
        """
        if self._session is None:
            raise RuntimeError("the upstream client is not open")
        way = self._way(target.upstream)
        timeout = way.timeout_streamed if streamed else way.timeout
        patience = Patience(self.sweeper, target.upstream.read_timeout_s)
        data = payload if len(payload) <= WHOLE_WRITE_BYTES else io.BytesIO(payload)
        try:
            with _upstream_errors(target.model, patience):
                response = await patience.wait(
                    self._session.post(
                        way.url, data=data, headers=way.headers, timeout=timeout, allow_redirects=False
                    )
                )
        except BaseException:
            patience.close()
            raise
        answer = Answer(response, target.model, patience)
        if response.status != HTTPStatus.OK:
            raise await answer.refusal()
        return answer

    def _way(self, upstream: Upstream) -> _Way:
        way = self._ways.get(upstream.name)
        if way is None:
            way = self._ways[upstream.name] = _Way(upstream)
        return way


class _Way:
    """What every request to one upstream has in common, built once."""

    def __init__(self, upstream: Upstream) -> None:
        self.url = URL(upstream.base_url.rstrip("/") + "/chat/completions")
        self.headers = CIMultiDict(
            {
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
                "Accept-Encoding": "identity",
                "User-Agent": "cfx-flow",
            }
        )
        if upstream.api_key is not None:
            self.headers["Authorization"] = f"Bearer {upstream.api_key.get_secret_value()}"
        self.timeout = aiohttp.ClientTimeout(total=None, connect=upstream.connect_timeout_s)
        self.timeout_streamed = aiohttp.ClientTimeout(total=None, connect=upstream.connect_timeout_stream_s)


class Answer:
    """A response whose headers are there and whose body is still coming."""

    def __init__(self, response: aiohttp.ClientResponse, model: str, patience: Patience) -> None:
        self._response = response
        self._model = model
        self._patience = patience

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        return self._response.headers

    @property
    def content_type(self) -> str:
        return self._response.content_type

    async def read_some(self) -> bytes:
        """What has come, at least one byte; ``b""`` at the end. Raises UpstreamError."""
        with _upstream_errors(self._model, self._patience):
            return await self._patience.wait(self._response.content.readany())

    async def read_all(self, max_bytes: int = MAX_BODY_BYTES) -> bytes:
        """Raises UpstreamFailed beyond ``max_bytes``, without having held more."""
        pieces, size = [], 0
        while piece := await self.read_some():
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise talked_rubbish(self._model, f"sent more than {max_bytes} bytes")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def refusal(self) -> UpstreamError:
        """What a status other than 200 means. Closes the answer."""
        try:
            body = await self.read_all(MAX_ERROR_BYTES)
        except UpstreamError:
            body = b""  # the status alone says enough
        finally:
            self.close()
        return error_of_response(self._response.status, body, self.headers, model=self._model)

    def close(self) -> None:
        """Gives the connection back if the body was read to its end, else cuts it at once."""
        self._patience.close()
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()


@contextmanager
def _upstream_errors(model: str, patience: Patience) -> Iterator[None]:
    try:
        yield
    except aiohttp.ConnectionTimeoutError:
        raise not_reached_in_time(model) from None
    except TimeoutError:
        raise timed_out(model, patience.limit_s) from None
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as error:
        raise unreachable(model) from error
    except (aiohttp.ClientError, aiohttp.http.HttpProcessingError) as error:
        raise talked_rubbish(model, "answered something that is not HTTP") from error
