"""`cfx demo` as a process: what it shows, and that nothing is left of it."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.processes import child_environ, free_port, wait_for

pytestmark = pytest.mark.e2e
CFX = Path(sys.executable).with_name("cfx")
TIMEOUT_S = 90


@contextmanager
def demo(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    environ = child_environ(HOME=str(folder), TMPDIR=str(folder), PYTHONDONTWRITEBYTECODE="1")
    process = subprocess.Popen(
        [str(CFX), "demo", *options],
        cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def processes_of(folder: Path) -> list[str]:
    """Command lines of every process that was started for this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def gone(folder: Path) -> Callable[[], bool]:
    return lambda: not processes_of(folder)


def test_demo_keeps_serving_and_shows_the_flow_at_the_first_start_only(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    shown = []
    for _ in range(2):
        with demo(tmp_path, "--port", str(port)) as process:
            lines = _lines_until(process, "Ctrl-C stops it")
            assert is_up(url)
            key = json.loads((tmp_path / ".cfx" / "credentials.json").read_text())["key"]
            listed = httpx.get(f"{url}/v1/flows", headers={"Authorization": f"Bearer {key}"}, trust_env=False)
            assert [flow["status"] for flow in listed.json()["data"]] == ["approved"]
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 0
        shown.append("\n".join(lines))
        wait_for(gone(tmp_path), timeout_s=10, what="end of the demo's processes")
    assert "No model is behind this demo" in shown[0]
    assert "removed_line_mismatch" in shown[0]
    assert re.search(r"test .*(passed|skipped)", shown[0])
    assert f"export CFX_API_KEY={key}" in shown[0]
    assert "review" not in shown[1]
    assert key not in shown[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_signal_in_the_middle_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path, "--once") as process:
        _lines_until(process, "A flow on")
        process.send_signal(number)
        process.wait(TIMEOUT_S)
    wait_for(gone(tmp_path), timeout_s=15, what="end of the demo's processes")
    if number is not signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []


def test_signal_in_the_middle_leaves_a_flow_that_goes_on_at_the_next_start(tmp_path: Path) -> None:
    """The provider is there until the server has stopped: nothing fails for want of it."""
    with demo(tmp_path, "--port", str(free_port())) as process:
        _lines_until(process, "A flow on")
        wait_for(lambda: _statuses(tmp_path) == ["in_progress"], timeout_s=20, what="flow that runs")
        process.send_signal(signal.SIGTERM)
        process.wait(TIMEOUT_S)
    wait_for(gone(tmp_path), timeout_s=15, what="end of the demo's processes")
    assert _statuses(tmp_path) == ["in_progress"]


def _statuses(folder: Path) -> list[str]:
    with sqlite3.connect(f"file:{folder / '.cfx' / 'cfx.db'}?mode=ro", uri=True) as connection:
        return [status for (status,) in connection.execute("SELECT status FROM flows")]


def test_taken_port_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with demo(tmp_path, "--port", str(taken.getsockname()[1])) as process:
            _, stderr = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2
    assert "is not free" in stderr
    assert "Traceback" not in stderr
    assert gone(tmp_path)()


def test_demo_ignores_the_settings_of_the_folder_it_is_called_in(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "CFX_DATABASE_URL=postgresql://nobody@127.0.0.1:1/x\nCFX_LITELLM_URL=http://127.0.0.1:1\n"
    )
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__init__.py").write_text("raise SystemExit('the wrong cli')")
    with demo(tmp_path, "--once", "--json") as process:
        stdout, stderr = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["status"] == "approved"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "cli"]


def _lines_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """What has been printed, up to the line with these words."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if words in line:
            return lines
    pytest.fail(
        f"ended without {words!r}:\n" + "\n".join(lines) + (process.stderr.read() if process.stderr else "")
    )
