"""PgBouncer in transaction mode, from the system's packages, in front of a Postgres of the tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.support.processes import child_environ, free_port, start, wait_ready

SESSIONS = 4
"""that all its clients share"""


def require_pgbouncer() -> str:
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        reason = "PgBouncer is not installed (apt-get install pgbouncer; .ci/run does it)"
        if os.environ.get("CFX_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """The address of the same database, with the same login, through it."""
    program, address, port = require_pgbouncer(), make_url(url), free_port()
    host = str(address.query.get("host") or address.host)
    pooled = address.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
    with tempfile.TemporaryDirectory(prefix="cfx-test-pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "users.txt").write_text(f'"{address.username}" "{address.password}"\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={host} port={address.port or 5432}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = plain\nauth_file = {folder / 'users.txt'}\n"
            f"pool_mode = transaction\ndefault_pool_size = {SESSIONS}\nmax_client_conn = 200\n"
        )
        command = [program, *_not_as_root(host), str(folder / "pgbouncer.ini")]
        environ = child_environ()
        process = start("pgbouncer", command, log=folder / "pgbouncer.log", env=environ, cwd=folder)
        try:
            wait_ready(process, lambda: _answers(pooled), timeout_s=10)
            yield pooled
        finally:
            process.kill()


def _not_as_root(host: str) -> list[str]:
    """It refuses to run as root; whoever runs Postgres reaches its socket."""
    if os.getuid() != 0:
        return []
    return ["-u", Path(host).owner() if host.startswith("/") else "nobody"]


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=1, autocommit=True) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
