"""``cfx apply``, ``rollback``, ``verify``, ``flows bundle``: a flow into a person's tree and back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cfx_flow.settings import HOUSE
from cfx_flow.workspace.archive import pack, unpack
from cfx_flow.workspace.snapshot import Snapshot
from tests.support.flows import FILES, FILES_AFTER, GOOD_DIFF, Flows, loop, says, verdict
from tests.support.provider import Provider
from tests.support.server import CFX, Server
from tests.workspace.trees import contents, git, make_folder, make_repo, write

pytestmark = pytest.mark.e2e
BEFORE = {path: text.encode() for path, text in FILES.items()}
AFTER = {path: text.encode() for path, text in FILES_AFTER.items()}


@pytest.fixture
def flow_id(server: Server, provider: Provider) -> str:
    provider.script(*loop([says(GOOD_DIFF)]))
    flows = Flows(server.client)
    flow_id = flows.start()
    assert flows.finish(flow_id)["status"] == "approved"
    return flow_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "folder", BEFORE)


def test_flow_is_applied_and_taken_back_without_git(server: Server, flow_id: str, folder: Path) -> None:
    done = server.run("apply", flow_id, cwd=folder)
    assert (done.returncode, done.stdout) == (0, "written: greet.py\n")
    assert f"cfx rollback {flow_id}" in done.stderr
    assert contents(folder) == AFTER
    again = server.run("apply", flow_id, cwd=folder)
    assert again.returncode == 6
    assert "applied here already" in again.stderr
    assert server.run("rollback", flow_id, cwd=folder).returncode == 0
    assert contents(folder) == BEFORE


def test_commit_on_a_branch_amid_own_work(server: Server, flow_id: str, tmp_path: Path) -> None:
    repo = make_repo(write(tmp_path / "repo", BEFORE))
    write(repo, {"README.md": b"# Mine\n"})
    git(repo, "add", "README.md")
    told = json.loads(server.cfx("apply", flow_id, "--repo", str(repo), "--branch", "flow", "--json"))
    assert told["commit"] == git(repo, "rev-parse", "flow").strip()
    assert git(repo, "show", "--format=%s", "--name-only", "flow").split("\n\n") == [
        "Greet with an exclamation mark",
        "greet.py\n",
    ]
    assert git(repo, "status", "--porcelain") == "M  README.md\n"
    server.cfx("rollback", flow_id, "--repo", str(repo), "--commit")
    assert git(repo, "diff", "main", "flow") == ""


def test_drift_names_the_hunk_and_exits_with_six(server: Server, flow_id: str, folder: Path) -> None:
    write(folder, {"greet.py": b"def greet(name):\n    return name\n"})
    done = server.run("apply", flow_id, cwd=folder)
    assert done.returncode == 6
    assert "the hunk at line 2" in done.stderr
    assert "there is '    return name'" in done.stderr


def test_bundle_is_verified_and_applied_with_no_server(server: Server, flow_id: str, folder: Path) -> None:
    file = server.folder / "bundle.tar.gz"
    server.cfx("flows", "bundle", flow_id, "-o", str(file))
    approved = Flows(server.client).get(flow_id)["approval_hash"]
    offline = server.env | {"CFX_API_URL": "http://127.0.0.1:9", "CFX_API_KEY": "none"}

    def cfx(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [str(CFX), *arguments]
        return subprocess.run(
            argv, cwd=folder, env=offline, capture_output=True, text=True, timeout=60, check=False
        )

    assert cfx("verify", str(file), "--approval", approved).returncode == 0
    assert "not under sha256:x" in cfx("verify", str(file), "--approval", "sha256:x").stderr
    assert cfx("apply", str(file)).returncode == 0
    assert contents(folder) == AFTER
    assert cfx("rollback", flow_id).returncode == 0

    files = dict(unpack(file.read_bytes()).files)
    files["patch.diff"] = files["patch.diff"].replace(b"Hello", b"Goodbye")
    file.write_bytes(pack(Snapshot(files, dict.fromkeys(files, 0o644))))
    done = cfx("verify", str(file), "--json")
    assert done.returncode == 1
    assert "patch.diff is not what manifest.json says" in json.loads(done.stdout)["problems"]
    refused = cfx("apply", str(file))
    assert (refused.returncode, contents(folder)) == (2, BEFORE)
    assert "does not hold together" in refused.stderr
    file.write_bytes(b"nothing")
    assert cfx("verify", str(file)).returncode == 2


def test_only_an_approved_flow_is_applied(server: Server, provider: Provider, folder: Path) -> None:
    provider.script(*loop([says(GOOD_DIFF)], review=[verdict("reject")]))
    flows = Flows(server.client)
    flow_id = flows.start()
    flows.finish(flow_id)
    done = server.run("apply", flow_id, cwd=folder)
    assert done.returncode == 2
    assert "Only an approved flow" in done.stderr
    assert contents(folder) == BEFORE
    assert server.cfx("flows", "diff", flow_id, "--reverse").startswith("diff --git")


def test_next_command_says_what_it_cleared_up(server: Server, tmp_path: Path) -> None:
    tree = make_folder(tmp_path / "tree")
    before, at = contents(tree), 0
    while contents(tree) == before:  # killed ever later, until the first file has been changed
        at += 5
        order = {"root": str(tree), "act": "apply", "commit": False, "at": at, "how": "kill", "after_s": None}
        argv = [sys.executable, "-m", "tests.workspace.dying"]
        subprocess.run(argv, cwd=HOUSE, input=json.dumps(order), text=True, check=True, timeout=60)
    done = server.run("diff", "check", "--repo", str(tree))
    assert "An apply of flow had been cut off; it was undone." in done.stderr
    assert contents(tree) == before
