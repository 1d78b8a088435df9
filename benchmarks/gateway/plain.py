"""The mock's fixed reply from a plain ASGI app on uvicorn: the least that a Python web server does for a
request, and what ours is held against. (The mock itself is a bare protocol, so as not to be what is
measured: four times as fast as any web server.)

``python -m benchmarks.gateway.plain`` prints its port and serves until SIGTERM.
"""

from __future__ import annotations

import socket
from typing import Any

import uvicorn

from benchmarks.gateway.mock import REPLY

HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(REPLY))]


async def app(_scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": REPLY})


def main() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
