"""The demo provider: an OpenAI-compatible server that answers from a script. No model is behind it.

``cfx demo`` runs it so that a first start shows a whole flow without an account anywhere, and the
tests put it behind the real LiteLLM proxy, because it can also fail in every way that a provider
fails: errors, silence, torn connections, rubbish.

    python -m cli.demo.provider --port 0 --script rules.json --ready-file ready.json

``--control`` (tests only) adds ``PUT /__script``, ``GET /__calls`` and ``DELETE /__calls``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from cli.demo.script import Chosen, Reply, Script
from cli.demo.wire import Completion, error_body, sse

MAX_BODY_BYTES = 256 * 1024 * 1024
KEPT_CALLS = 10_000


@dataclass(slots=True)
class Call:
    """One request as it arrived, and how it ended. Times are Unix seconds."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    started_at: float
    rule: int | None = None
    reply: int = 0
    chunks: int = 0
    completed_at: float | None = None
    disconnected_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class DemoProvider:
    """The server's state: the script in force and, with ``control``, the calls that arrived."""

    script: Script
    control: bool = False
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=KEPT_CALLS))

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        for prefix in ("/v1", ""):
            app.router.add_post(f"{prefix}/chat/completions", self.chat)
            app.router.add_get(f"{prefix}/models", self.models)
        if self.control:
            app.router.add_put("/__script", self.set_script)
            app.router.add_get("/__calls", self.list_calls)
            app.router.add_delete("/__calls", self.forget_calls)
        return app

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = _json_or_text(await request.read())
        call = Call(request.method, request.path, _headers(request), body, time.time())
        if self.control:
            self.calls.append(call)
        if not (isinstance(body, dict) and isinstance(body.get("messages"), list)):
            return web.json_response(error_body(400, "We could not parse your request."), status=400)
        chosen = self.script.answer(body)
        call.rule, call.reply = chosen.rule, chosen.number
        return await self._watched(request, call, chosen)

    async def _watched(self, request: web.Request, call: Call, chosen: Chosen) -> web.StreamResponse:
        """Answers; a client that leaves cancels the handler (or fails a write), and that is noted."""
        try:
            response = await _answer(request, call, chosen.reply)
        except (asyncio.CancelledError, ConnectionError):
            call.disconnected_at = time.time()
            raise
        call.completed_at = time.time()
        return response

    async def models(self, request: web.Request) -> web.Response:
        names = sorted({rule.model for rule in self.script.rules if rule.model})
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "demo"} for name in names]
        return web.json_response({"object": "list", "data": data})

    async def set_script(self, request: web.Request) -> web.Response:
        try:
            self.script = Script.from_json(await request.read())
        except ValueError as error:
            return web.json_response(error_body(400, str(error)), status=400)
        return web.Response(status=204)

    async def list_calls(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [call.to_json() for call in self.calls]})

    async def forget_calls(self, request: web.Request) -> web.Response:
        self.calls.clear()
        return web.Response(status=204)


async def _answer(request: web.Request, call: Call, reply: Reply) -> web.StreamResponse:
    await asyncio.sleep(reply.delay_s)
    if reply.drop_after_chunks == 0:
        return _tear(request, web.Response())
    if reply.raw is not None:
        pieces = [reply.raw] if isinstance(reply.raw, str) else list(reply.raw)
        return await _send(
            request, call, reply, reply.content_type, [p.encode(reply.encoding) for p in pieces]
        )
    if reply.status >= 300:
        return await _send_error(request, call, reply)
    completion = Completion(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), call.body, reply)
    if call.body.get("stream") is True:
        frames = [sse(chunk) for chunk in completion.chunks()] + ([sse("[DONE]")] if reply.done else [])
        return await _send(request, call, reply, "text/event-stream", frames)
    text = json.dumps(completion.body()).encode()
    half = len(text) // 2
    return await _send(request, call, reply, "application/json", [text[:half], text[half:]])


async def _send_error(request: web.Request, call: Call, reply: Reply) -> web.StreamResponse:
    body = error_body(reply.status) if reply.body is None else reply.body
    if isinstance(body, str):
        return await _send(request, call, reply, "text/plain", [body.encode()])
    return await _send(request, call, reply, "application/json", [json.dumps(body).encode()])


async def _send(
    request: web.Request, call: Call, reply: Reply, content_type: str, pieces: list[bytes]
) -> web.StreamResponse:
    """Headers, then the pieces, with the reply's pauses and its tear.

    Every piece has a checkpoint, or the end of the connection would not be noticed on a fast stream.
    """
    headers = {"Content-Type": content_type, "x-request-id": f"req_{uuid.uuid4().hex}", **reply.headers}
    response = web.StreamResponse(status=reply.status, headers=headers)
    if content_type == "application/json":
        response.content_length = sum(map(len, pieces))
    await response.prepare(request)
    await asyncio.sleep(reply.first_byte_delay_s)
    for piece in pieces:
        if call.chunks == reply.drop_after_chunks:
            return _tear(request, response)
        await response.write(piece)
        call.chunks += 1
        await asyncio.sleep(reply.chunk_delay_s)
    await response.write_eof()
    return response


def _tear(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Ends the connection under the response: no final chunk, no goodbye."""
    if request.transport is not None:
        request.transport.abort()
    return response


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _json_or_text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


@asynccontextmanager
async def serving(provider: DemoProvider, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serves in this event loop; yields the base URL (it ends in ``/v1``). Port 0: a free one."""
    runner = web.AppRunner(provider.app(), handler_cancellation=True, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield f"http://{host}:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def _run(arguments: argparse.Namespace) -> None:
    script = Script.from_file(arguments.script) if arguments.script else Script()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    provider = DemoProvider(script, control=arguments.control)
    async with serving(provider, arguments.host, arguments.port) as url:
        _announce(url, arguments.ready_file)
        await stopped.wait()


def _announce(url: str, ready_file: Path | None) -> None:
    print(f"demo provider on {url} (scripted replies; no model is behind it)", flush=True)  # noqa: T201
    if ready_file is not None:
        unfinished = ready_file.with_suffix(".tmp")
        unfinished.write_text(json.dumps({"url": url}))
        unfinished.replace(ready_file)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cli.demo.provider", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--script", type=Path, help="the rules; without them every reply says so")
    parser.add_argument("--ready-file", type=Path, help='gets {"url"} once the server listens')
    parser.add_argument(
        "--control", action="store_true", help="let tests change the script and read the calls"
    )
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
