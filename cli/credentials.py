"""Where the server is and which key opens it: the environment, else the file that `cfx serve` wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cfx_flow.errors import ConfigError

FILE_NAME = "credentials.json"
DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Credentials:
    url: str
    """without a trailing slash and without ``/v1``"""
    key: str

    def __repr__(self) -> str:
        return f"Credentials(url={self.url!r}, key=…)"


def data_dir(environ: Mapping[str, str]) -> Path:
    """``CFX_DATA_DIR``, as in Settings, which costs a client more start-up time than the rest of it."""
    return Path(environ.get("CFX_DATA_DIR") or ".cfx")


def load_credentials(environ: Mapping[str, str]) -> Credentials:
    """``CFX_API_URL`` and ``CFX_API_KEY``, each else from the file.

    The file's key goes to the file's server only: another URL needs a key of its own. And the file's
    server is on this machine: the file lies in the working directory, which may be a stranger's
    repository, and must not choose who is sent the task and the files.
    Raises ConfigError that says how to mend it.
    """
    folder = data_dir(environ)
    stored = read_credentials(folder)
    if stored and not environ.get("CFX_API_URL") and not is_loopback(stored.url):
        raise ConfigError(
            f"names a server on another machine ({stored.url}), which a file in a folder may not choose. "
            "If you trust it, set CFX_API_URL and CFX_API_KEY in the environment.",
            file=folder / FILE_NAME,
        )
    url = _clean(environ.get("CFX_API_URL") or (stored.url if stored else DEFAULT_URL))
    key = environ.get("CFX_API_KEY") or (stored.key if stored and stored.url == url else "")
    if not key:
        raise ConfigError(
            f"no key for {url}. Set CFX_API_KEY, or run this where `cfx serve` was first started "
            f"(it leaves a key in {data_dir(environ) / FILE_NAME}). "
            "`cfx keys create --user NAME`, run where the server runs, makes a new one."
        )
    if not key.isascii() or not key.isprintable():
        raise ConfigError("CFX_API_KEY holds characters that no key has; copy it again.")
    return Credentials(url, key)


def read_credentials(folder: Path) -> Credentials | None:
    """The stored ones, or None when there is no file. Raises ConfigError when it cannot be read."""
    path = folder / FILE_NAME
    try:
        stored = json.loads(path.read_text("utf-8"))
        return Credentials(_clean(stored["url"]), str(stored["key"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"cannot be read ({error}). Delete it and set CFX_API_URL and CFX_API_KEY instead.", file=path
        ) from None


def save_credentials(folder: Path, credentials: Credentials) -> Path:
    """Written whole or not at all, readable by its owner only. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    fresh = folder / f".{FILE_NAME}.{os.getpid()}"
    text = json.dumps({"url": credentials.url, "key": credentials.key}, indent=2) + "\n"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
    return path


def is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _clean(url: object) -> str:
    """``http://host:8000/`` and ``http://host:8000/v1`` mean the same server."""
    text = str(url).strip().rstrip("/").removesuffix("/v1").rstrip("/")
    try:
        parts = urlsplit(text)
        _ = parts.port, (parts.hostname or "").encode("idna")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or not text.isprintable() or " " in text or parts.query or parts.fragment:
        shown = "" if "@" in text else f" (it is {text!r})"
        raise ConfigError(
            "CFX_API_URL must be an address like http://127.0.0.1:8000 or https://cfx.example.com, without "
            f"user, query or fragment{shown}"
        )
    return text
