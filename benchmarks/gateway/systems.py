"""What is measured: CF-X servers on each store, the LiteLLM proxy, and the mock asked directly."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.gateway.load import BrokenError, Connection, Request, post
from benchmarks.gateway.ready import end_flow, wait_for_api, wait_for_runner
from benchmarks.gateway.usage import on_server_core
from tests.support.litellm import MASTER_KEY, PROGRAM, START_TIMEOUT_S, led_to
from tests.support.loopback import is_ready
from tests.support.postgres import as_app
from tests.support.processes import HOUSE, Running, child_environ, free_port, start, wait_ready

TEXT = "Add a --json option to the list command, and say in the manual what it prints."
SYSTEM = "You are an editor's assistant. You answer briefly, with code where it helps."


MOCK, DIRECT, LITELLM = "mock", "direct", "litellm"


@dataclass
class System:
    """A server that answers chat calls."""

    name: str
    port: int
    pid: int
    keys: list[str]
    model: str

    def request(self, wish: str = "", *, streamed: bool = False, key: int = 0) -> Request:
        """A short one, with a system message of its own, as editors send it; ``wish`` is for the mock."""
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TEXT + wish}]
        body = {"model": self.model, "messages": messages, "stream": streamed, "temperature": 0}
        text = json.dumps(body, separators=(",", ":")).encode()
        return post(self.port, "/v1/chat/completions", self.keys[key % len(self.keys)], text)

    def connect(
        self, count: int, wish: str = "", *, streamed: bool = False, users: int | None = None
    ) -> list[Connection]:
        """Shared out among ``users``; without it everyone has two, as many streams as a person may have."""
        users = users or -(-count // 2)
        return [Connection(self.request(wish, streamed=streamed, key=at % users)) for at in range(count)]


def mock() -> AbstractContextManager[System]:
    """What the others ask; asked itself, the time that they add is what they take longer."""
    return _upstream(MOCK, "benchmarks.gateway.mock")


def plain() -> AbstractContextManager[System]:
    """What is asked directly where the work for a request is compared."""
    return _upstream(DIRECT, "benchmarks.gateway.plain")


@contextmanager
def _upstream(name: str, module: str) -> Iterator[System]:
    process = subprocess.Popen([sys.executable, "-m", module], stdout=subprocess.PIPE, cwd=HOUSE)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield System(name, port, process.pid, ["mock"], "mock")
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def litellm(upstream: System, folder: Path) -> Iterator[System]:
    """The proxy with the configuration that we ship, every model answered by the mock."""
    config, port = folder / "litellm.yaml", free_port()
    shipped = yaml.safe_load((HOUSE / "config" / "litellm.yaml").read_text())
    config.write_text(yaml.safe_dump(led_to(shipped, f"http://127.0.0.1:{upstream.port}/v1")))
    argv = [str(PROGRAM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    env = child_environ(
        HOME=str(folder),
        LITELLM_MASTER_KEY=MASTER_KEY,
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        LITELLM_LOG="ERROR",
    )
    with on_server_core():
        process = start("litellm", argv, log=folder / "litellm.log", env=env)
    try:
        ready = f"http://127.0.0.1:{port}/health/readiness"
        wait_ready(process, lambda: is_ready(ready), timeout_s=START_TIMEOUT_S)
        yield System(LITELLM, port, process.pid, [MASTER_KEY], "gpt-4o-mini")
    finally:
        process.stop()


class Cfx:
    """An installed checkout with a database of its own: prepared once, started as often as you like."""

    def __init__(self, checkout: Path, folder: Path, upstream: System, users: int, **variables: str) -> None:
        """``CFX_DATABASE_URL`` is the owner's, who migrates."""
        self._checkout = checkout
        self.runs_flows = "CFX_DATABASE_URL" not in variables
        """on Postgres flows run in workers"""
        self._folder = folder
        self.env = child_environ(
            HOME=str(folder),
            CFX_HOST="127.0.0.1",
            CFX_DATA_DIR=str(folder / "data"),
            CFX_LITELLM_URL=f"http://127.0.0.1:{upstream.port}/v1",
            CFX_LITELLM_KEY="mock",
            CFX_HASH_SALT="of the benchmark",
            CFX_DAILY_LIMIT="1000000000",
            **variables,
        )
        (folder / "data").mkdir(parents=True)
        self._run("cfx", "migrate")
        if not self.runs_flows:  # served as people serve it: by a login that every policy holds
            self.env["CFX_DATABASE_URL"] = as_app(variables["CFX_DATABASE_URL"])
        maker = Path(__file__).with_name("make_keys.py")
        self.keys: list[str] = json.loads(self._run("python", "-P", str(maker), str(users)))

    @contextmanager
    def started(self, name: str) -> Iterator[System]:
        """Ready in all its parts: what it imports late would be counted as work."""
        with self.starting(name) as (process, system):
            wait_for_api(process, system)
            if self.runs_flows:
                end_flow(system, wait_for_runner(process, system))
            yield system

    @contextmanager
    def starting(self, name: str) -> Iterator[tuple[Running, System]]:
        """The moment it is started, long before it answers."""
        port = free_port()
        argv = [str(self._program("cfx")), "serve", "--port", str(port)]
        with on_server_core():
            process = start(name, argv, log=self._folder / "server.log", env=self.env, cwd=self._folder)
        try:
            yield process, System(name, port, process.pid, self.keys, "cfx-plan")
        except BrokenError as error:
            raise BrokenError(f"{name}: {error}\n{process.log_tail()}") from None
        finally:
            process.stop()

    def _program(self, name: str) -> Path:
        return self._checkout / ".venv" / "bin" / name

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._program(program)), *arguments],
            env=self.env, cwd=self._folder, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} {arguments}: {done.stdout}{done.stderr}"
        return done.stdout
