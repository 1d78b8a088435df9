"""Imports without what they would take along for nothing: 9 MB of a server, and a fifth of its start."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType


def import_leanly() -> None:
    """Before anything else imports these two, in a process that is a server from its start.

    ``structlog.dev`` takes rich and its lexers along where they are installed, for tracebacks in colours that
    nobody here prints. ``sqlalchemy.ext.asyncio`` takes the ORM along for its sessions; the store is Core.
    """
    with _in_place_of({"rich": None}):
        import structlog  # noqa: F401
    asyncio_ = "sqlalchemy.ext.asyncio"
    with _in_place_of({name: _Nothing(name) for name in (f"{asyncio_}.scoping", f"{asyncio_}.session")}):
        import sqlalchemy.ext.asyncio  # noqa: F401


class _Nothing(ModuleType):
    """Whatever is asked of it is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


@contextmanager
def _in_place_of(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """``None``: to whoever imports it, it is not installed."""
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(before)
