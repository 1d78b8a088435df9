"""Imports every module of the packages it is given and reports, as JSON, what that did besides.

Run in a fresh interpreter. The watch is kept by Python's audit hooks (files, processes, sockets), by an
``os.environ`` that notes who asks, and by counting threads.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import threading
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from types import FrameType
from typing import Any

HOUSE = str(Path(__file__).resolve().parents[2])
OURS = tuple(f"{HOUSE}/{name}/" for name in ("cfx_flow", "graphs", "api", "cli"))
STARTS = ("subprocess.Popen", "os.system", "os.fork", "socket.bind", "socket.connect", "sqlite3.connect")

did: list[str] = []


def culprit(frame: FrameType | None) -> str | None:
    """The module of ours that asked, itself or through the standard library; None when a package did."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(OURS):
            return f"{file.removeprefix(HOUSE + '/')}:{frame.f_lineno}"
        if "site-packages" in file or file == "<frozen importlib._bootstrap>":
            return None
        frame = frame.f_back
    return None


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" or event in STARTS:
        who = culprit(sys._getframe(1))
        if who is not None:
            did.append(f"{who}: {event} {arguments[0]!r}")


class Watched(MutableMapping[str, str]):
    """The environment, as ``os.environ``, which notes every reader of ours."""

    def __init__(self, real: MutableMapping[str, str]) -> None:
        self._real = real

    def _note(self, what: object) -> None:
        who = culprit(sys._getframe(2))
        if who is not None:
            did.append(f"{who}: reads the environment ({what})")

    def __getitem__(self, name: str) -> str:
        self._note(name)
        return self._real[name]

    def __iter__(self) -> Iterator[str]:
        self._note("all of it")
        return iter(self._real)

    def __len__(self) -> int:
        return len(self._real)

    def __setitem__(self, name: str, value: str) -> None:
        self._real[name] = value

    def __delitem__(self, name: str) -> None:
        del self._real[name]


def modules_of(package: str) -> Iterator[str]:
    yield package
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            yield module.name


def main() -> None:
    sys.addaudithook(watch)
    os.environ = Watched(os.environ)  # type: ignore[assignment]  # noqa: B003 - it is watched, not cleared
    names = [name for package in sys.argv[1:] for name in modules_of(package)]
    for name in names:
        importlib.import_module(name)
    loaded = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps({"modules": names, "loaded": loaded, "did": did, "threads": threading.active_count()}))


main()
