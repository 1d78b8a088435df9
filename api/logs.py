"""One structured line per fact, on stderr: JSON for machines, columns on a terminal."""

from __future__ import annotations

import asyncio
import atexit
import io
import json
import logging
import sys
import threading
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, TextIO, TypeAlias

import msgspec
import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
NOISY = ("uvicorn", "httpx", "httpx2", "openai", "alembic")
"""libraries that tell what we tell already, or with details that do not belong in a log"""
LATE_S = 0.02


class Served(msgspec.Struct, kw_only=True, gc=False):
    """The access log's line about one request: the one line that is written for every one of them."""

    event: str = "request.served"
    request_id: str
    method: str
    path: str
    status: int
    error: str | None
    duration_ms: float
    user_id: str | None
    api_key_id: str | None
    stage: str | None
    stage_source: str | None
    model_used: str | None
    level: str = "info"
    timestamp: str = ""


WriteServed: TypeAlias = Callable[[Served], None]


def tell_served(served: Served) -> None:
    """As every other line is told."""
    told = msgspec.structs.asdict(served)
    del told["timestamp"]
    write = structlog.get_logger("cfx.http")
    getattr(write, told.pop("level"))(told.pop("event"), **told)


def configure_logs(level: str, stream: TextIO | None = None) -> WriteServed:
    """Ours and the libraries' records take the same way out. Called once, by whoever starts the process.

    Returns how the access log is written: for machines without structlog, whose way takes 25 µs a line.
    """
    stream = stream or sys.stderr
    lines = LineWriter(stream)
    atexit.register(lines.flush)
    structlog.configure(
        processors=[_stamp, *_rendering(stream)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _stamp],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(stream)],
        )
    )
    logging.root.handlers = [handler]
    logging.root.setLevel(max(LEVELS[level], logging.INFO))
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    return tell_served if stream.isatty() else partial(_write_served, lines, LEVELS[level])


def _write_served(lines: LineWriter, least: int, served: Served) -> None:
    if LEVELS[served.level] < least:
        return
    served.timestamp = _now()
    try:
        lines.info(_LINE.encode(served).decode())
    except UnicodeEncodeError:  # half a character in a path
        tell_served(served)


_LINE = msgspec.json.Encoder()


class LineWriter:
    """Where both kinds of record end. What is said in passing waits for up to ``LATE_S``, so that a busy
    server writes once for many requests; a warning, and what comes from a thread or before the loop runs,
    goes out at once and takes along what waits."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._lock = threading.Lock()

    def info(self, line: str) -> None:
        if self._add(line + "\n") > 1:
            return
        try:
            asyncio.get_running_loop().call_later(LATE_S, self.flush)
        except RuntimeError:
            self.flush()

    debug = info

    def warning(self, line: str) -> None:
        self._add(line + "\n")
        self.flush()

    error = critical = warning

    def write(self, text: str) -> None:
        """Of the libraries' records, by a handler that flushes."""
        self._add(text)

    def flush(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            if waiting:
                self._stream.write("".join(waiting))
                self._stream.flush()

    def _add(self, text: str) -> int:
        with self._lock:
            self._waiting.append(text)
            return len(self._waiting)


def _stamp(_logger: Any, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["level"] = level
    event["timestamp"] = _now()
    return event


def _now() -> str:
    return datetime.now(UTC).isoformat().removesuffix("+00:00") + "Z"


def _json(event: MutableMapping[str, Any], **_options: Any) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=str).decode()
    except (UnicodeEncodeError, TypeError):  # half a character of a file's name, or a key that is no text
        return json.dumps(event, default=str, skipkeys=True)


def _visible(text: str) -> str:
    """A terminal obeys what it is sent: a path that anybody asks for must not clear it, or name it anew."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in text)


def _all_visible(_logger: Any, _level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: _visible(said) if isinstance(said, str) else said for name, said in event.items()}


def _visible_traceback(stream: TextIO, exc_info: Any) -> None:
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    stream.write(_visible(text.getvalue()))


def _rendering(stream: TextIO) -> list[Any]:
    if stream.isatty():
        return [_all_visible, structlog.dev.ConsoleRenderer(exception_formatter=_visible_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
