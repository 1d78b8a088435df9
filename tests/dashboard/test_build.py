"""When the dashboard is built anew, and with which Node."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.dashboard.build import fingerprint
from tests.support.processes import HOUSE, child_environ, wait_for


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for name in ("package-lock.json", "src/page.tsx", "node_modules/x.js", "site/index.html"):
        path = tmp_path / "dashboard" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "dashboard"


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("src/page.tsx", True),
        ("package-lock.json", True),
        ("src/new.ts", True),
        ("src/page.test.tsx", False),
        ("node_modules/x.js", False),
        ("site/index.html", False),
        (".next/cache", False),
        ("tsconfig.tsbuildinfo", False),
    ],
)
def test_build_is_as_good_as_its_sources_and_its_lock(sources: Path, name: str, matters: bool) -> None:
    before = fingerprint(sources)
    (sources / name).parent.mkdir(exist_ok=True)
    (sources / name).write_text("changed")
    assert (fingerprint(sources) != before) is matters


def test_renamed_source_is_another_one(sources: Path) -> None:
    before = fingerprint(sources)
    (sources / "src" / "page.tsx").rename(sources / "src" / "other.tsx")
    assert fingerprint(sources) != before


def _node_folder(path: str, home: Path) -> str:
    program = (
        "import pathlib; from cli.dashboard.node import node_folder as n; print(n(pathlib.Path('venv')))"
    )
    env = child_environ(HOME=str(home), PYTHONPATH=str(HOUSE)) | {
        "PATH": path,
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(home),
    }
    argv = [sys.executable, "-P", "-c", program]
    done = subprocess.run(argv, cwd=home, env=env, capture_output=True, text=True, timeout=60, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def _fake_node(folder: Path, version: str) -> Path:
    folder.mkdir()
    for name in ("node", "npm"):
        (folder / name).write_text(f"#!/bin/sh\necho {version}\n")
        (folder / name).chmod(0o755)
    return folder


def test_node_of_the_system_is_taken_where_it_is_new_enough(tmp_path: Path) -> None:
    folder = _fake_node(tmp_path / "new", "v22.1.0")
    assert _node_folder(f"{folder}{os.pathsep}{os.environ['PATH']}", tmp_path) == str(folder)


@pytest.mark.parametrize("version", ["v20.8.1", "v18.20.0", "no version at all"])
def test_without_node_and_without_a_network_the_reason_is_told(tmp_path: Path, version: str) -> None:
    """uv is kept from the network and from its cache, as on a machine without either."""
    folder = _fake_node(tmp_path / "old", version)
    assert "NoNode: Node could not be installed" in _node_folder(str(folder), tmp_path)


def _with_npm(npm: Path, home: Path, sources: Path, step: str) -> tuple[list[str], dict[str, str]]:
    """How a step of the build is run with this npm, and its environment."""
    program = (
        "import pathlib, sys; from cli.dashboard import build; build.SOURCES = pathlib.Path(sys.argv[1])"
    )
    argv = [sys.executable, "-P", "-c", f"{program}; build.{step}", str(sources)]
    path = f"{npm.parent}{os.pathsep}{os.environ['PATH']}"
    return argv, child_environ(HOME=str(home), PYTHONPATH=str(HOUSE)) | {"PATH": path}


def test_packages_are_installed_by_one_process_at_a_time(tmp_path: Path, sources: Path) -> None:
    """npm empties the folder first. A second one, of `make test` beside `make run`, would find half of it."""
    npm = _fake_node(tmp_path / "new", "v22.1.0") / "npm"
    npm.write_text("#!/bin/sh\nflock -n .building true && echo nobody waits || echo others wait\n")
    argv, env = _with_npm(npm, tmp_path, sources, "install()")
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert "others wait" in done.stdout


def test_build_that_is_ended_beside_a_server_takes_npm_s_own_processes_with_it(
    tmp_path: Path, sources: Path
) -> None:
    """A killed server ends its build by SIGTERM, of which npm, and what npm has started, hear nothing."""
    pid = tmp_path / "pid"
    npm = _fake_node(tmp_path / "new", "v22.1.0") / "npm"
    npm.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {pid}.new\nmv {pid}.new {pid}\nwait\n")
    argv, env = _with_npm(npm, tmp_path, sources, "main(['install'])")
    process = subprocess.Popen(argv, env=env, start_new_session=True)
    try:
        wait_for(pid.exists, timeout_s=30, what="npm's child")
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM
        wait_for(lambda: not Path("/proc", pid.read_text().strip()).exists(), timeout_s=10, what="its end")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


BUILD = "import pathlib, sys; from cli.dashboard import build; folder = pathlib.Path(sys.argv[1]); " + (
    "build.SOURCES, build.SITE, build.BUILT_FROM = folder, folder / 'site', folder / '.built-from'; "
    "build.is_current.__globals__['fingerprint'].__defaults__ = (folder,); print(build.build())"
)


@pytest.fixture
def node(tmp_path: Path, sources: Path) -> Path:
    """A Node whose build stops half way where the file `pause` is, and an npm that has nothing to do."""
    (sources / "package-lock.json").write_text("{}")
    folder = _fake_node(tmp_path / "new", "v22.1.0")
    (folder / "node").write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo v22.1.0 && exit\n'
        '[ "$2" = build ] || exit 0\n'
        f"echo x >> {tmp_path}/builds\nmkdir out && cp src/page.tsx out/index.html\n"
        f"[ ! -e {tmp_path}/pause ] || sleep 60\n"
    )
    return folder


def _build(node: Path, sources: Path) -> subprocess.Popen[str]:
    env = child_environ(HOME=str(sources.parent), PYTHONPATH=str(HOUSE))
    env["PATH"] = f"{node}{os.pathsep}{os.environ['PATH']}"
    argv = [sys.executable, "-P", "-c", BUILD, str(sources)]
    return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)


def _built(node: Path, sources: Path) -> str:
    """What the last line says: whether there was anything to do."""
    with _build(node, sources) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said.strip().splitlines()[-1]


@pytest.mark.e2e
def test_build_is_made_once_for_each_state_of_its_sources(node: Path, sources: Path) -> None:
    builds = sources.parent / "builds"
    assert [_built(node, sources), _built(node, sources)] == ["True", "False"]
    assert builds.read_text().count("x") == 1
    (sources / "src" / "page.tsx").write_text("changed")
    assert _built(node, sources) == "True"
    assert (sources / "site" / "index.html").read_text() == "changed"


@pytest.mark.e2e
def test_build_that_is_killed_leaves_the_last_one_and_the_next_is_whole(node: Path, sources: Path) -> None:
    _built(node, sources)
    before = (sources / "site" / "index.html").read_text()
    (sources / "src" / "page.tsx").write_text("changed")
    (sources.parent / "pause").touch()
    with _build(node, sources) as process:
        wait_for((sources / "out" / "index.html").exists, timeout_s=30, what="half a build")
        os.killpg(process.pid, signal.SIGKILL)
    assert (sources / "site" / "index.html").read_text() == before
    (sources.parent / "pause").unlink()
    assert _built(node, sources) == "True"
    assert (sources / "site" / "index.html").read_text() == "changed"
