"""The pepper: the one secret without which the stored hashes of keys are useless.

From CFX_HASH_SALT, or a file beside an SQLite store, made once. Losing it voids every key.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from pydantic import SecretStr

from cfx_flow.errors import ConfigError
from cfx_flow.settings import Settings
from cfx_flow.store.address import sqlite_file

KEY = "CFX_HASH_SALT"
FILE_NAME = "pepper"


def load_pepper(settings: Settings) -> SecretStr:
    """Raises ConfigError: on Postgres without CFX_HASH_SALT (several machines must share it), or when the
    file is gone although keys were made with it."""
    if (given := given_pepper(settings)) is not None:
        return given
    database = sqlite_file(settings.store_url)
    if database is None:
        raise ConfigError(
            "set it to a long random secret (openssl rand -hex 32), the same on every machine; "
            "the hashes of the keys depend on it",
            key=KEY,
        )
    return SecretStr(_read_or_make(database.parent / FILE_NAME, database))


def given_pepper(settings: Settings) -> SecretStr | None:
    """As the variable says; None: it says nothing."""
    salt = settings.hash_salt
    return salt if salt is not None and salt.get_secret_value().strip() else None


def former_peppers(settings: Settings) -> tuple[SecretStr, ...]:
    """Under which keys may still be hashed: each is hashed anew when it is used."""
    former = settings.hash_salt_previous
    texts = (text.strip() for text in former.get_secret_value().split(",")) if former else ()
    return tuple(SecretStr(text) for text in texts if text)


def _read_or_make(file: Path, database: Path) -> str:
    try:
        if not file.exists():
            _refuse_orphans(file, database)
            _make(file)
        pepper = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the pepper cannot be read or made ({error})", file=file, key=KEY) from None
    if len(pepper) < 32:
        raise ConfigError("the pepper is damaged: restore this file from a backup", file=file, key=KEY)
    return pepper


def _make(file: Path) -> None:
    """Complete or not at all, and by one process only: written aside, then linked into place."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return  # another process was first; its pepper is the one
    finally:
        draft.unlink(missing_ok=True)


def _refuse_orphans(file: Path, database: Path) -> None:
    """A new pepper would silently void every key that is already there."""
    if _has_keys(database):
        raise ConfigError(
            f"the pepper is gone, and {database.name} holds keys that only it can check. Restore the file "
            f"from a backup, or set {KEY} to what it was; to start over, remove {database.name} too",
            file=file,
            key=KEY,
        )


def _has_keys(database: Path) -> bool:
    if not database.is_file() or database.stat().st_size == 0:
        return False
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute("SELECT 1 FROM api_keys LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return False  # no such table yet, or a file that open_store will refuse with a better message
