"""The pepper: from the environment, or a private file that is made once."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from cfx_flow.accounts import Accounts, load_pepper
from cfx_flow.clock import SystemClock
from cfx_flow.errors import ConfigError
from cfx_flow.settings import Settings
from cfx_flow.store.migrate import migrate
from tests.support.stores import opened


def settings(tmp_path: Path, **environ: str) -> Settings:
    return Settings.load({"CFX_DATA_DIR": str(tmp_path / "data"), **environ})


@pytest.mark.parametrize("name", ["CFX_HASH_SALT", "HASH_SALT"])
def test_pepper_comes_from_the_environment(tmp_path: Path, name: str) -> None:
    assert load_pepper(settings(tmp_path, **{name: "from outside"})).get_secret_value() == "from outside"
    assert not (tmp_path / "data").exists()


def test_pepper_is_made_once_and_private(tmp_path: Path) -> None:
    first = load_pepper(settings(tmp_path)).get_secret_value()
    assert load_pepper(settings(tmp_path)).get_secret_value() == first
    assert len(first) == 64
    file = tmp_path / "data" / "pepper"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in file.parent.iterdir()] == ["pepper"]


async def test_makers_at_once_agree(tmp_path: Path) -> None:
    made = await asyncio.gather(*(asyncio.to_thread(load_pepper, settings(tmp_path)) for _ in range(8)))
    assert len({pepper.get_secret_value() for pepper in made}) == 1


def test_postgres_needs_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"CFX_HASH_SALT.*openssl rand"):
        load_pepper(settings(tmp_path, CFX_DATABASE_URL="postgresql://localhost/cfx"))


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
def test_damaged_file_is_refused_not_replaced(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "data" / "pepper"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="pepper"):
        load_pepper(settings(tmp_path))
    assert file.read_bytes() == content


async def test_lost_pepper_is_not_replaced_while_keys_depend_on_it(tmp_path: Path) -> None:
    """A new one would refuse every key without anyone knowing why."""
    config = settings(tmp_path)
    pepper = load_pepper(config)
    await asyncio.to_thread(migrate, config.store_url)
    (tmp_path / "data" / "pepper").unlink()
    load_pepper(config)  # no keys yet: nothing is lost
    async with opened(config.store_url) as store:
        await Accounts(store, pepper, SystemClock(), 1000).create_key("ada")
    (tmp_path / "data" / "pepper").unlink()
    with pytest.raises(ConfigError, match="the pepper is gone"):
        load_pepper(config)
