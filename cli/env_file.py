"""``.env`` of the working directory: our own settings and nothing else.

The folder may be a stranger's repository in which somebody runs ``cfx run``. So no other variable is
taken from it (``LD_PRELOAD`` or ``GIT_EXTERNAL_DIFF`` would run code in our children), it cannot send a
key that stands in the real environment to an address of its own, and the server that it names is one on
this machine.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

from cfx_flow.errors import ConfigError
from cli.credentials import is_loopback

OURS = ("CFX_", "SUPABASE_")
ALSO_OURS = frozenset({"HASH_SALT"})


def load_env_file(file: Path, environ: MutableMapping[str, str]) -> None:
    """What ``environ`` says already wins. Raises ConfigError for a file that cannot be read."""
    if not file.is_file():
        return
    from dotenv import dotenv_values

    try:
        values = dotenv_values(file, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", file=file) from None
    if environ.get("CFX_API_KEY"):
        values.pop("CFX_API_URL", None)
    address = values.get("CFX_API_URL")
    if address and not environ.get("CFX_API_URL") and not is_loopback(address):
        raise ConfigError(
            f"names a server on another machine ({address}), which a file in a folder may not choose. "
            "If you trust it, set it in the environment.",
            file=file,
            key="CFX_API_URL",
        )
    for name, value in values.items():
        if value is not None and (name.startswith(OURS) or name in ALSO_OURS):
            environ.setdefault(name, value)
