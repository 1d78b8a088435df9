"""The HTTP API, as the commands use it: a few typed calls, and errors that say what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from cfx_flow.flows.model import ENDS_OF_STREAMS
from cli.credentials import Credentials, is_loopback
from cli.exits import CommandError, Exit

READ_TIMEOUT_S = 60.0
SILENCE_TIMEOUT_S = 45.0
"""an event stream pings every 15 s: after three missed pings it is dead"""
RECONNECT_FOR_S = 30.0
"""without hearing anything, before we call the server gone"""
NOT_UTF8 = "what was given holds bytes that are no UTF-8. Give it as UTF-8."
"""python keeps such bytes of the command line as halves of characters, which JSON cannot hold"""


class ApiError(CommandError):
    """The server refused, or there is none; ``status`` and ``code`` are the server's."""

    def __init__(
        self, message: str, *, exit: Exit, code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, exit)
        self.code, self.status = code, status


@dataclass(frozen=True, slots=True)
class Event:
    """One row of a flow's timeline; fields that do not apply are None."""

    seq: int
    type: str
    at: str
    round: int | None = None
    step: int | None = None
    stage: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    duration_ms: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """as received, for ``--json``"""

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Event:
        known = {name: body.get(name) for name in _EVENT_FIELDS}
        return cls(seq=int(body["seq"]), type=str(body["type"]), at=str(body["at"]), **known,
                   data=body.get("data") or {}, raw=body)  # fmt: skip


_EVENT_FIELDS = (
    "round",
    "step",
    "stage",
    "model",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "duration_ms",
)


class Client:
    """One server, one key. Not for several threads. Close it, or use it in ``with``."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        sleep: Callable[[float], None] = time.sleep,
        reconnect_for_s: float = RECONNECT_FOR_S,
    ) -> None:
        self.url = credentials.url
        self._sleep = sleep
        self._reconnect_for_s = reconnect_for_s
        self._http = httpx.Client(
            base_url=credentials.url,
            headers={"authorization": f"Bearer {credentials.key}", "user-agent": "cfx-cli"},
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=5.0),
            trust_env=not is_loopback(credentials.url),  # a proxy of the network has no way to our loopback
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    # -- flows

    def create_flow(self, task: str, snapshot_id: str, **options: Any) -> dict[str, Any]:
        """Queues a flow: ``{"id", "status", "links"}``. ``options`` are the request's other fields."""
        body = {"task": task, "workspace": {"snapshot_id": snapshot_id}, **options}
        return self._json("POST", "/v1/flows", json=body)

    def stages(self) -> dict[str, Any]:
        return self._json("GET", "/v1/stages")

    def flow(self, flow_id: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/flows/{_part(flow_id)}")

    def flows(self, **wanted: Any) -> dict[str, Any]:
        """One page, newest first: ``{"data": [flow…], "next_cursor"}``. What is None is not asked for."""
        query = {name: value for name, value in wanted.items() if value is not None}
        return self._json("GET", "/v1/flows", params=query)

    def cancel(self, flow_id: str) -> dict[str, Any]:
        return self._json("POST", f"/v1/flows/{_part(flow_id)}/cancel")

    def decide(self, flow: Mapping[str, Any], decision: str, said: dict[str, Any]) -> dict[str, Any]:
        """At the gate where ``flow``, as it was looked at, waits. ``said``: comment, plan, or nothing."""
        gate = flow["gate"] or "plan"  # where it waits for nothing the server says so
        body = {"gate": gate, "version": flow["version"], "decision": decision, **said}
        return self._json("POST", f"/v1/flows/{_part(str(flow['id']))}/decision", json=body)

    def resume(self, flow_id: str, wishes: dict[str, Any]) -> dict[str, Any]:
        """``wishes``: the body, ``{"max_rounds": 5, "budget": {"usd": 2.0}}`` or less."""
        return self._json("POST", f"/v1/flows/{_part(flow_id)}/resume", json=wishes)

    def fork(self, flow_id: str, wishes: dict[str, Any]) -> dict[str, Any]:
        """A new flow: ``{"id", "status", "links"}``. ``wishes``: the body, ``{"step": 1}`` or more."""
        return self._json("POST", f"/v1/flows/{_part(flow_id)}/fork", json=wishes)

    def report(self, flow_id: str) -> str:
        return self._text(f"/v1/flows/{_part(flow_id)}/report")

    def diff(self, flow_id: str, *, reverse: bool = False) -> str:
        return self._text(f"/v1/flows/{_part(flow_id)}/diff" + ("?reverse=true" if reverse else ""))

    def bundle(self, flow_id: str) -> bytes:
        """A tar.gz; ``cfx_flow.workspace.bundle`` reads it."""
        return self._bytes(f"/v1/flows/{_part(flow_id)}/bundle")

    def plan(self, flow_id: str) -> dict[str, Any]:
        """``plan`` is its text, ``contract`` what a machine reads of it."""
        path = f"/v1/flows/{_part(flow_id)}/plan"
        return self._json("GET", path, headers={"accept": "application/json"})

    def step(self, flow_id: str, n: int) -> dict[str, Any]:
        return self._json("GET", f"/v1/flows/{_part(flow_id)}/steps/{n}")

    def tests(self, flow_id: str) -> dict[str, Any]:
        """What the newest tests said, ``output`` is their log; ``{"status": "not_run", "reason"}``."""
        return self._json("GET", f"/v1/flows/{_part(flow_id)}/tests")

    def upload(self, archive: bytes) -> dict[str, Any]:
        """A tar.gz of a folder: ``{"id": "sha256:…", "file_count", "total_bytes"}``."""
        return self._json(
            "POST", "/v1/snapshots", content=archive, headers={"content-type": "application/gzip"}
        )

    def events(self, flow_id: str, after: int = 0) -> Iterator[Event]:
        """Every event once and in order, from ``after`` until the flow has ended.

        A lost connection is taken up again where it broke; after 30 s without hearing
        anything the server counts as gone (ApiError).
        """
        last, failures, silent_since, ended = after, 0, time.monotonic(), False
        while True:
            lost: Exception | None = None
            try:
                for event in self._stream(flow_id, last):
                    failures, silent_since = 0, time.monotonic()
                    if event is None or event.seq <= last:
                        continue
                    last, ended = event.seq, event.type in ENDS_OF_STREAMS
                    yield event
            except (httpx.TransportError, _TryAgainError) as error:
                lost = error
                if time.monotonic() - silent_since > self._reconnect_for_s:
                    raise self._given_up(lost) from None
            if ended:  # and not resumed: the stream would have gone on
                return
            failures += 1
            self._sleep(min(0.2 * 2 ** min(failures, 5), 3.0))
            if time.monotonic() - silent_since > self._reconnect_for_s:
                raise self._given_up(lost)

    # -- below: one request, one error

    def _stream(self, flow_id: str, after: int) -> Iterator[Event | None]:
        """Events of one connection; None for a ping."""
        headers = {"accept": "text/event-stream", "last-event-id": str(after)}
        timeout = httpx.Timeout(SILENCE_TIMEOUT_S, connect=5.0)
        path = f"/v1/flows/{_part(flow_id)}/events"
        with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
            if response.status_code != 200:
                response.read()
                refused = self._refused(response)
                may_pass = response.status_code >= 500 or response.status_code == 429
                raise _TryAgainError(str(refused), refused) if may_pass else refused
            for data in sse_data(response.iter_bytes()):
                yield None if data is None else _event(data)

    def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        with self._clear_errors():
            response = self._http.request(method, path, **request)
        if not response.is_success:
            raise self._refused(response)
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise self._not_ours(response)
        return body

    def _text(self, path: str) -> str:
        return self._bytes(path).decode("utf-8", "replace")

    def _bytes(self, path: str) -> bytes:
        with self._clear_errors():
            response = self._http.get(path)
        if not response.is_success:
            raise self._refused(response)
        return response.content

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            raise ApiError(f"{self.url} took too long to answer. Try again.", exit=Exit.UNREACHABLE) from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from None
        except UnicodeEncodeError:
            raise CommandError(NOT_UTF8) from None

    def _given_up(self, lost: Exception | None) -> ApiError:
        """What the server said last, if it said anything; never as if the flow had failed."""
        refused = lost.refused if isinstance(lost, _TryAgainError) else None
        if refused is None:
            return self._unreachable(lost)
        refused.exit = Exit.UNREACHABLE if refused.exit is Exit.FAILED else refused.exit
        return refused

    def _unreachable(self, error: Exception | None) -> ApiError:
        why = f" ({error})" if error else ""
        return ApiError(
            f"no CF-X server answers at {self.url}{why}. Start one with `cfx serve`, or set CFX_API_URL.",
            exit=Exit.UNREACHABLE,
        )

    def _refused(self, response: httpx.Response) -> ApiError:
        """The server's own sentence; it is written for people."""
        try:
            error = response.json()["error"]
            message, code = str(error["message"]), error.get("code")
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._not_ours(response)
        if response.status_code == 401:
            message += (
                " Check CFX_API_KEY; `cfx keys create --user NAME`, run where the server runs, makes a key."
            )
        exit_code = Exit.FAILED if response.status_code >= 500 else Exit.USAGE
        return ApiError(message, exit=exit_code, code=code, status=response.status_code)

    def _not_ours(self, response: httpx.Response) -> ApiError:
        return ApiError(
            f"{self.url} answered HTTP {response.status_code} with something that is not a CF-X reply. "
            "Is CFX_API_URL right?",
            exit=Exit.UNREACHABLE,
            status=response.status_code,
        )


class _TryAgainError(Exception):
    """The server answered, but not with the stream yet; ``refused``: what it said instead."""

    def __init__(self, message: str, refused: ApiError | None = None) -> None:
        super().__init__(message)
        self.refused = refused


def sse_data(chunks: Iterator[bytes]) -> Iterator[bytes | None]:
    """The ``data`` of each frame; None for a comment (a ping).

    Split on newline bytes only: text decoders also break lines at U+2028, which
    JSON may hold unescaped. An unfinished frame at the end is dropped, as it must be.
    """
    pending, data = b"", list[bytes]()
    for chunk in chunks:
        *lines, pending = (pending + chunk).split(b"\n")
        for line in (line.removesuffix(b"\r") for line in lines):
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif line.startswith(b":"):
                yield None
            elif not line and data:
                yield b"\n".join(data)
                data = []


def _event(data: bytes) -> Event | None:
    """None for the server's wish that we come back: it closes the stream by itself."""
    try:
        body = json.loads(data)
        return None if body["type"] == "stream.reconnect" else Event.from_json(body)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _TryAgainError("an unreadable event") from None


def _part(value: str) -> str:
    """A path segment; what a person typed must not become another path. Raises CommandError for what would
    leave none: ``cfx flows show "$ID"``, where nothing set it, would read the list."""
    if not value.strip(".") or not value.isprintable():
        raise CommandError(f"{value!r} is no flow's id: `cfx flows list` shows them.")
    return quote(value, safe="")
