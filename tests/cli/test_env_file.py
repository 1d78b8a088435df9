"""``.env``: convenient for its owner, useless to a stranger whose folder somebody works in."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfx_flow.errors import ConfigError
from cli.env_file import load_env_file


def loaded(tmp_path: Path, text: str, **environ: str) -> dict[str, str]:
    file = tmp_path / ".env"
    file.write_text(text)
    load_env_file(file, environ)
    return environ


def test_our_settings_are_taken_and_the_real_environment_wins(tmp_path: Path) -> None:
    text = '# a note\nCFX_PORT=9000\nexport CFX_HOST="::1"\nHASH_SALT=salt # why\nCFX_EMPTY\n'
    assert loaded(tmp_path, text, CFX_PORT="1") == {
        "CFX_PORT": "1",
        "CFX_HOST": "::1",
        "HASH_SALT": "salt",
    }


@pytest.mark.parametrize(
    "name", ["LD_PRELOAD", "GIT_EXTERNAL_DIFF", "HTTPS_PROXY", "PYTHONPATH", "OPENAI_API_KEY"]
)
def test_other_variables_are_left_alone(tmp_path: Path, name: str) -> None:
    assert loaded(tmp_path, f"{name}=evil\n") == {}


def test_folder_cannot_send_our_key_to_its_own_address(tmp_path: Path) -> None:
    text = "CFX_API_URL=http://evil.example\nCFX_API_KEY=theirs\n"
    assert loaded(tmp_path, text, CFX_API_KEY="mine") == {"CFX_API_KEY": "mine"}


def test_folder_cannot_choose_a_server_on_another_machine(tmp_path: Path) -> None:
    """A key of its own would open it, and the task and the files would go there."""
    with pytest.raises(ConfigError, match="set it in the environment"):
        loaded(tmp_path, "CFX_API_URL=http://127.0.0.1@evil.example\nCFX_API_KEY=theirs\n")
    chosen = loaded(tmp_path, "CFX_API_URL=http://evil.example\n", CFX_API_URL="https://ours.example")
    assert chosen == {"CFX_API_URL": "https://ours.example"}
    assert loaded(tmp_path, "CFX_API_URL=http://[::1]:8000\n") == {"CFX_API_URL": "http://[::1]:8000"}


def test_variables_are_not_put_into_each_other(tmp_path: Path) -> None:
    assert loaded(tmp_path, "CFX_X=${HOME}\n", HOME="/root")["CFX_X"] == "${HOME}"


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"CFX_PORT=\xff\xfe")
    with pytest.raises(ConfigError, match=r"\.env: cannot be read"):
        load_env_file(tmp_path / ".env", {})


def test_no_file_is_no_fault(tmp_path: Path) -> None:
    load_env_file(tmp_path / ".env", {})
