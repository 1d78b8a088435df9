"""CFX_DATABASE_URL and the file behind it: refused at start, with a word on how to mend it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import psycopg
import pytest

from cfx_flow.errors import ConfigError
from cfx_flow.store.address import libpq_address, read_address, sqlite_file
from cfx_flow.store.engine import open_store


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_usual_postgres_schemes_are_accepted(scheme: str) -> None:
    address = read_address(f"{scheme}://user:p%40ss@host:5432/cfx?sslmode=require")
    assert address.drivername == "postgresql+psycopg"
    assert (address.password, address.query["sslmode"]) == ("p@ss", "require")


def test_sqlite_addresses_are_relative_or_absolute() -> None:
    assert sqlite_file("sqlite:///a/b.db") == Path("a/b.db")
    assert sqlite_file("sqlite:////a/b.db") == Path("/a/b.db")


@pytest.mark.parametrize(
    "url",
    ["", "cfx.db", "mysql://sesame@host/db", "sqlite://", "sqlite:///:memory:", "sqlite://host/a.db",
     "sqlite:///a.db?mode=ro", "postgresql://user:sesame@host:port/db"],
)  # fmt: skip
def test_wrong_address_is_refused_with_an_example_and_no_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_address(url)
    assert caught.value.key == "CFX_DATABASE_URL"
    assert "sqlite:///" in str(caught.value)
    assert "sesame" not in str(caught.value)


async def test_new_file_and_folder_are_private(tmp_path: Path) -> None:
    file = tmp_path / ".cfx" / "cfx.db"
    before = os.umask(0)
    try:
        await (await open_store(f"sqlite:///{file}")).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_missing_folder_above_is_not_invented(tmp_path: Path) -> None:
    """An unmounted volume must not be replaced by an empty database."""
    with pytest.raises(ConfigError, match=r"the folder .*volume does not exist"):
        await open_store(f"sqlite:///{tmp_path}/volume/.cfx/cfx.db")
    assert not (tmp_path / "volume").exists()


async def test_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a folder"):
        await open_store(f"sqlite:///{tmp_path}")


async def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("my shopping list\n" * 100)
    with pytest.raises(ConfigError, match="not a SQLite database"):
        await open_store(f"sqlite:///{file}")
    assert file.read_text() == "my shopping list\n" * 100


async def test_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError):
        await open_store(f"sqlite:///{tmp_path}/file/cfx.db")


def test_a_password_with_a_space_reaches_libpq_whole() -> None:
    conninfo = libpq_address("postgresql+psycopg://cfx:a%20b%2Fc@db/cfx")
    assert psycopg.conninfo.conninfo_to_dict(conninfo)["password"] == "a b/c"
