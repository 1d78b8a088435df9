from __future__ import annotations

from pathlib import Path

import pytest

from cfx_flow.errors import ConfigError
from cli.credentials import Credentials, load_credentials, read_credentials, save_credentials

STORED = Credentials("http://127.0.0.1:8000", "cfx_stored")


def environ(folder: Path, **variables: str) -> dict[str, str]:
    return {"CFX_DATA_DIR": str(folder), **variables}


def test_saved_credentials_are_read_back_and_private(tmp_path: Path) -> None:
    path = save_credentials(tmp_path / "new", STORED)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_credentials(environ(tmp_path / "new")) == STORED
    assert [place.name for place in path.parent.iterdir()] == ["credentials.json"]


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    save_credentials(tmp_path, STORED)
    found = load_credentials(
        environ(tmp_path, CFX_API_URL="https://cfx.example/v1/", CFX_API_KEY="cfx_other")
    )
    assert found == Credentials("https://cfx.example", "cfx_other")


def test_stored_key_is_never_sent_to_another_server(tmp_path: Path) -> None:
    save_credentials(tmp_path, STORED)
    with pytest.raises(ConfigError, match=r"no key for https://elsewhere\.example"):
        load_credentials(environ(tmp_path, CFX_API_URL="https://elsewhere.example"))


def test_file_cannot_choose_a_server_on_another_machine(tmp_path: Path) -> None:
    """The working directory may be a stranger's repository with a .cfx of its own."""
    save_credentials(tmp_path, Credentials("https://evil.example", "cfx_theirs"))
    with pytest.raises(ConfigError, match=r"https://evil\.example.*CFX_API_URL"):
        load_credentials(environ(tmp_path))
    chosen = environ(tmp_path, CFX_API_URL="https://ours.example", CFX_API_KEY="cfx_ours")
    assert load_credentials(chosen) == Credentials("https://ours.example", "cfx_ours")


def test_no_key_anywhere_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cfx keys create"):
        load_credentials(environ(tmp_path))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"url": "ftp://x", "key": "k"}', '{"url": 1}'])
def test_unreadable_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "credentials.json").write_text(text)
    with pytest.raises(ConfigError, match=r"credentials\.json|CFX_API_URL"):
        read_credentials(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://host",
        "http://",
        "http:///x",
        "http://[::1",
        "http://host:abc",
        "http://host:99999",
        "http://a b",
        "http://a..b",
        f"http://{'a' * 64}.example",
        "http://host?x=1",
        "http://host#x",
        "http://me:secret@host",
    ],
)
def test_url_that_is_none_is_refused_before_anything_is_sent(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="must be an address like http://") as caught:
        load_credentials(environ(tmp_path, CFX_API_URL=url, CFX_API_KEY="k"))
    assert "secret" not in str(caught.value)


def test_key_with_a_line_end_is_refused_before_it_becomes_a_header(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="characters"):
        load_credentials(environ(tmp_path, CFX_API_KEY="cfx_a\r\nx: y"))


def test_key_does_not_show_in_a_traceback() -> None:
    assert "cfx_stored" not in repr(STORED)
