"""Migrations, policies and Supabase's shape on the Postgres of the system's packages (15 on Debian 12).

The suite is run once more, by itself, against a server of that kind; the wheel brings a newer one.
"""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.processes import HOUSE, child_environ, free_port, start, wait_ready

pytestmark = pytest.mark.e2e

SETTINGS = "fsync=off\nfull_page_writes=off\nsynchronous_commit=off\nmax_connections=100\n"
SUITE = [
    f"tests/store/test_{name}.py" for name in ("migrate", "row_security", "supabase", "plain_owner", "login")
]


def binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        reason = "no Postgres of the system's packages (apt-get install postgresql; .ci/run does it)"
        if os.environ.get("CFX_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found[0].parent


@pytest.fixture
def debian_url() -> Iterator[str]:
    programs, port = binaries(), free_port()
    user = "postgres" if os.getuid() == 0 else getpass.getuser()  # it refuses to run as root
    with tempfile.TemporaryDirectory(prefix="cfx-test-debian-", ignore_cleanup_errors=True) as name:
        data = Path(name) / "data"
        data.mkdir(mode=0o700)
        if os.getuid() == 0:
            Path(name).chmod(0o755)
            os.chown(data, *_ids_of(user))
        make = [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"]
        subprocess.run(_as(user, make), check=True, capture_output=True, timeout=120, cwd="/")
        with (data / "postgresql.conf").open("a") as stream:
            stream.write(f"{SETTINGS}listen_addresses='127.0.0.1'\nport={port}\nunix_socket_directories=''\n")
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        command = _as(user, [str(programs / "postgres"), "-D", str(data)])
        server = start("postgres", command, log=Path(name) / "log", env=child_environ(), cwd=data.parent)
        try:
            wait_ready(server, lambda: _answers(url), timeout_s=30)
            yield url
        finally:
            server.stop()


def _as(user: str, command: list[str]) -> list[str]:
    return (
        ["setpriv", f"--reuid={user}", "--regid", user, "--init-groups", *command]
        if os.getuid() == 0
        else command
    )


def _ids_of(user: str) -> tuple[int, int]:
    import pwd

    found = pwd.getpwnam(user)
    return found.pw_uid, found.pw_gid


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True


def test_migrations_and_policies_hold_on_the_system_s_postgres(debian_url: str) -> None:
    environ = child_environ(CFX_TEST_DATABASE_URL=debian_url)
    suite = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "e2e", *SUITE]
    done = subprocess.run(
        suite, check=False, cwd=HOUSE, env=environ, timeout=300, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-6000:]
