"""A server whose dashboard cannot be built: no Node, and no network to get one."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.loopback import is_ready, loopback_client
from tests.support.processes import HOUSE, child_environ, free_port, start, wait_for, wait_ready

PACKAGES = ("api", "cfx_flow", "cli", "config", "graphs", "migrations", "prompts", "requirements")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A clone of ours that nobody has built yet."""
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HOUSE / name, tmp_path / "house" / name, ignore=ignored)
    (tmp_path / "house" / "dashboard").mkdir()
    shutil.copy(HOUSE / "dashboard" / "package-lock.json", tmp_path / "house" / "dashboard")
    return tmp_path / "house"


@pytest.mark.e2e
def test_without_node_and_without_a_network_the_api_answers_and_says_why_there_is_no_dashboard(
    house: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "git").symlink_to(str(shutil.which("git")))
    port = str(free_port())
    env = child_environ(
        HOME=str(tmp_path),
        PYTHONPATH=str(house),
        CFX_PORT=port,
        CFX_DATA_DIR=str(tmp_path / "data"),
        CFX_LITELLM_URL="http://127.0.0.1:9/v1",
    ) | {"PATH": str(bare), "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "uv")}
    argv = [sys.executable, "-P", "-c", "from cli.main import main; main()", "serve", "--build-dashboard"]
    server = start("cfx serve", argv, log=tmp_path / "server.log", env=env, cwd=tmp_path)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_ready(server, lambda: is_ready(f"{url}/healthz"), timeout_s=60)
        wait_for(lambda: "The API works without it" in server.log_tail(), timeout_s=60, what="the reason")
        assert "not built: Node could not be installed" in server.log_tail()
        with loopback_client(base_url=url) as client:
            page = client.get("/", headers={"accept": "text/html"})
            assert client.get("/v1/ui-config").status_code == 200
        assert (page.status_code, "make dashboard" in page.text) == (503, True)
    finally:
        server.stop()
    assert not os.path.lexists(house / "dashboard" / "site")
