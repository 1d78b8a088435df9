"""The demo's two processes: the scripted provider and the real server, started and stopped together."""

from __future__ import annotations

import ctypes
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from cfx_flow.errors import ConfigError
from cfx_flow.settings import HOUSE, Settings
from cfx_flow.stages.load import load_models
from cli.credentials import Credentials, read_credentials
from cli.demo.replies import rules

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
LOG_LINES = 12
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "SYSTEMROOT",
    "PYTHONDONTWRITEBYTECODE",
)


@dataclass(frozen=True, slots=True)
class Running:
    """Both processes answer."""

    credentials: Credentials
    log: Path
    first_start: bool
    """the key was made by this start"""
    processes: Mapping[str, subprocess.Popen[bytes]]

    @property
    def new_key(self) -> str | None:
        return self.credentials.key if self.first_start else None

    def must_be_alive(self) -> None:
        """Raises ConfigError when one of the processes has ended by itself."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise ConfigError(
                    f"{name} ended (exit code {process.returncode}).\n{_tail(self.log)}", file=self.log
                )


@contextmanager
def demo_house(
    settings: Settings, environ: Mapping[str, str], *, pace_s: float, cwd: Path
) -> Iterator[Running]:
    """Starts both, waits until both answer, and leaves nothing running whatever happens inside.

    Raises ConfigError with the end of the log when one of them does not come up.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    log = settings.data_dir / "server.log"
    first_start = read_credentials(settings.data_dir) is None
    models = load_models(settings.models_file, {})
    script = settings.data_dir / "demo-script.json"
    script.write_text(json.dumps(rules(models, pace_s)), "utf-8")
    provider_port = free_port()
    urls = dict.fromkeys(models.unset, f"http://127.0.0.1:{provider_port}/v1")
    url = f"http://{_reachable(settings.host)}:{settings.port}"
    _must_be_free(settings)
    with ExitStack() as stack, log.open("wb") as output:
        start = _starter(stack, output, cwd)
        # The last one is stopped first: flows that stop at a resumable point still have a provider.
        provider = start(
            ["cli.demo.provider", "--port", str(provider_port), "--script", str(script)], environ
        )
        server = start(["cli.main", "serve", "--with-worker"], {**environ, **urls})
        _import_what_comes_next()
        _wait(lambda: _answers(f"{url}/healthz"), server, "the server", log)
        _wait(lambda: _answers(f"http://127.0.0.1:{provider_port}/v1/models"), provider, "the provider", log)
        credentials = read_credentials(settings.data_dir)
        if credentials is None:
            raise ConfigError(
                "credentials.json is gone, and the key that it held cannot be read back. "
                "Set CFX_DATA_DIR to a new folder, or delete this one to start afresh.",
                file=settings.data_dir,
            )
        processes = {"the server": server, "the demo provider": provider}
        yield Running(Credentials(url, credentials.key), log, first_start, processes)


def child_environ(environ: Mapping[str, str], settings: Settings, *, inherit: bool) -> dict[str, str]:
    """An allow-listed environment. ``inherit``: with the operator's CFX settings, without provider keys."""
    passed = {name: environ[name] for name in PASSED_ON if name in environ}
    if inherit:
        passed |= {
            n: v
            for n, v in environ.items()
            if n.startswith("CFX_") and n not in ("CFX_API_URL", "CFX_API_KEY")
        }
        passed |= {"HASH_SALT": environ["HASH_SALT"]} if environ.get("HASH_SALT") else {}
    return passed | {
        "CFX_HOST": settings.host,
        "CFX_PORT": str(settings.port),
        "CFX_DATA_DIR": str(settings.data_dir.resolve()),
        "CFX_LITELLM_KEY": "demo",
        "PYTHONPATH": str(HOUSE),
        "PYTHONUNBUFFERED": "1",
    }


def free_port() -> int:
    """A port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _import_what_comes_next() -> None:
    """While the two come up: a second start is ready the sooner by what this takes (0.4 s)."""
    import cli.client
    import cli.watch  # noqa: F401


def _must_be_free(settings: Settings) -> None:
    """Another server there would answer our first question, and we would take it for ours."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ConfigError(
                f"{settings.host}:{settings.port} is not free ({error.strerror}). "
                "Stop what listens there, or choose another port: CFX_PORT=8001, or cfx demo --port 8001."
            ) from None


def _starter(
    stack: ExitStack, output: IO[bytes], cwd: Path
) -> Callable[[list[str], Mapping[str, str]], subprocess.Popen[bytes]]:
    def start(module: list[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", *module],
            env=environ,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is ours: we stop them in order
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads yet
        )
        stack.callback(_stop, process)
        return process

    return start


def _end_with_parent() -> None:
    """Even a kill -9 of the demo leaves nothing running. **Source**: prctl(2), PR_SET_PDEATHSIG."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """A second Ctrl-C must not leave the process behind, so it is held back meanwhile."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        signal.signal(signal.SIGINT, previous)


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready():
        if process.poll() is not None:
            raise ConfigError(
                f"{name} ended at once (exit code {process.returncode}).\n{_tail(log)}", file=log
            )
        if time.monotonic() > deadline:
            raise ConfigError(
                f"{name} did not answer within {START_TIMEOUT_S:.0f} s.\n{_tail(log)}", file=log
            )
        time.sleep(0.03)


def _answers(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def _reachable(host: str) -> str:
    """How a client on this machine calls an address that a server listens on."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _tail(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:])
