"""``cfx`` against the real server: a git repository in, an edited git repository out."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.cases import Case, own_cases, shared_clean_cases, shared_data
from tests.support.flows import (
    FILES,
    GOOD_DIFF,
    Flows,
    finding,
    loop,
    plan_text,
    read_files,
    says,
    verdict,
    write_files,
)
from tests.support.processes import child_environ, wait_for
from tests.support.provider import CODE, Provider
from tests.support.sandboxes import BROKEN_DIFF
from tests.support.server import CFX, Server

UNITTEST = """\
import unittest
from greet import greet

class Greeting(unittest.TestCase):
    def test_says_hello(self):
        self.assertIn("Hello", greet("Ada"))
"""
REAL = [case for case in shared_clean_cases() if len(case.files_before) > 1][:1]
ABSENT = pytest.mark.skip(reason=f"no shared data in {shared_data()}: set CFX_TEST_DATA")


def git(folder: Path, *arguments: str) -> str:
    env = child_environ(
        GIT_CONFIG_GLOBAL="/dev/null",
        **{
            f"GIT_{who}_{what}": f"{who}@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    )
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True
    ).stdout


def repository(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    write_files(folder, files)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "before")
    return folder


@pytest.mark.parametrize(
    "case", REAL or [pytest.param(None, marks=ABSENT)], ids=lambda case: case.id if case else "absent"
)
def test_run_behind_litellm_makes_a_real_commit_s_change(
    litellm_server: Server, provider: Provider, tmp_path: Path, case: Case
) -> None:
    assert_run_applies(litellm_server, provider, case, tmp_path)


@pytest.mark.parametrize("case", own_cases()[1:4], ids=lambda case: case.id)
def test_run_with_apply_makes_our_own_change(
    server: Server, provider: Provider, tmp_path: Path, case: Case
) -> None:
    assert_run_applies(server, provider, case, tmp_path)


def assert_run_applies(server: Server, provider: Provider, case: Case, tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", case.files_before)
    (repo / "untracked.txt").write_text("not the server's business")
    provider.script(*loop([says(case.llm_output)], plan=[says(plan_text(*case.changes))]))
    printed = json.loads(server.cfx("run", "Do it", "--repo", str(repo), "--apply", "--json"))
    assert printed["status"] == "approved"
    after = read_files(repo)
    assert after.pop("untracked.txt") == "not the server's business"
    assert after == case.files_after
    assert "not the server's business" not in json.dumps(provider.calls())


def test_run_without_apply_prints_the_patch_and_touches_nothing(
    server: Server, provider: Provider, tmp_path: Path
) -> None:
    repo = repository(tmp_path / "repo", FILES)
    provider.script(*loop([says(GOOD_DIFF)]))
    printed = server.cfx("run", "Greet", "--repo", str(repo))
    assert 'f"Hello {name}!"' in printed
    assert read_files(repo) == FILES


@pytest.mark.usefixtures("bubblewrap")
def test_run_with_tests_shows_what_a_patch_breaks_and_prints_their_log(
    server: Server, provider: Provider, tmp_path: Path
) -> None:
    repo = repository(tmp_path / "repo", FILES | {"test_greet.py": UNITTEST})
    provider.script(*loop([says(BROKEN_DIFF), says(GOOD_DIFF)]))
    done = server.run("run", "Greet", "--repo", str(repo), "--tests", "unittest")
    assert (done.returncode, 'f"Hello {name}!"' in done.stdout) == (0, True)
    broken, good = (line for line in done.stderr.splitlines() if line[4:].startswith("test "))
    assert re.match(r"  ✗ test    unittest: failed, exit code 1  +\d", broken)
    assert re.match(r"  ✓ test    unittest: passed  +\d", good)
    flow_id = Flows(server.client).client.get("/v1/flows").json()["data"][0]["id"]
    log = server.run("flows", "tests", flow_id)
    assert "Ran 1 test" in log.stdout
    assert "tests     unittest: passed\nstep      7, round 1\n" in log.stderr
    assert json.loads(server.cfx("flows", "tests", flow_id, "--json"))["output"] == log.stdout
    assert "tests     unittest" in server.cfx("flows", "show", flow_id)


def test_run_with_tests_that_nobody_has_named_says_which_there_are(server: Server, tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", FILES)
    done = server.run("run", "Greet", "--repo", str(repo), "--tests", "nobody")
    assert done.returncode == 2
    assert "unittest" in done.stderr


def test_rejected_run_says_so_by_its_exit_code_and_applies_nothing(
    server: Server, provider: Provider, tmp_path: Path
) -> None:
    repo = repository(tmp_path / "repo", FILES)
    provider.script(*loop([says(GOOD_DIFF)], [verdict("revise", finding("No."))]))
    done = server.run("run", "Greet", "--repo", str(repo), "--apply", "--json")
    assert done.returncode != 0
    assert json.loads(done.stdout)["status"] == "rejected"
    assert read_files(repo) == FILES


def test_ctrl_c_cancels_the_flow(server: Server, provider: Provider, tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", FILES)
    provider.script(*loop([says(GOOD_DIFF, delay_s=60)]))
    env = server.env | {"CFX_API_URL": server.url, "CFX_API_KEY": server.key}
    with subprocess.Popen(
        [str(CFX), "run", "Greet", "--repo", str(repo)],
        cwd=server.folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        provider.wait_for_calls(1, CODE, timeout_s=30)
        process.send_signal(signal.SIGINT)
        shown = process.communicate(timeout=30)[0]
    assert "Traceback" not in shown
    newest = Flows(server.client).client.get("/v1/flows").json()["data"][0]
    wait_for(
        lambda: server.client.get(f"/v1/flows/{newest['id']}").json()["status"] == "cancelled",
        timeout_s=10,
        what="cancelled flow",
    )
    assert read_files(repo) == FILES


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "Greet", "--repo", "nowhere"),
        ("run", "", "--repo", "."),
        ("watch", "nothing"),
        ("flows", "show", ""),
        ("flows", "--status", "x"),
    ],
    ids=" ".join,
)
def test_mistake_on_the_command_line_is_told_in_words(server: Server, arguments: tuple[str, ...]) -> None:
    done = server.run(*arguments)
    assert done.returncode != 0
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr + done.stdout


def test_bytes_that_are_no_utf8_are_told_in_words_wherever_they_come_from(
    server: Server, tmp_path: Path
) -> None:
    repo = str(repository(tmp_path / "repo", FILES))
    latin1 = "Grüße".encode("latin-1")
    for arguments in (
        ["run", latin1, "--repo", repo],
        ["run", "-", "--repo", repo],
        ["flows", "--cursor", latin1],
    ):
        done = subprocess.run(
            [CFX, *arguments],
            cwd=tmp_path,
            env=server.env | {"CFX_API_URL": server.url, "CFX_API_KEY": server.key},
            input=latin1,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert done.stderr.splitlines()[-1].startswith(b"cfx: what was given holds bytes that are no UTF-8")
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", ["flows", "flows --json", "keys list"])
def test_reader_that_left_is_no_verdict(server: Server, arguments: str) -> None:
    """As in `cfx watch … | head`: 1 would read as rejected, 0 as approved."""
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as nobody:
        done = subprocess.run(
            [CFX, *arguments.split()],
            cwd=server.folder,
            env=server.env | {"CFX_API_URL": server.url, "CFX_API_KEY": server.key},
            stdout=nobody,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_watch_says_at_once_that_there_is_no_server(tmp_path: Path) -> None:
    nobody = {"CFX_API_URL": "http://127.0.0.1:9", "CFX_API_KEY": "cfx_x"}
    done = subprocess.run(
        [CFX, "watch", "f", "--json"],
        cwd=tmp_path,
        env=child_environ(**nobody),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, "no CF-X server answers" in done.stderr) == (5, True)


def test_flows_and_watch_show_what_ran(server: Server, provider: Provider) -> None:
    cached = {"prompt_tokens": 5000, "prompt_tokens_details": {"cached_tokens": 4096}}
    provider.script(*loop([says(GOOD_DIFF, usage=cached)]))
    flow_id = Flows(server.client).run()["id"]
    assert flow_id in server.cfx("flows", "--json")
    assert "tokens (4,096 cached)" in server.cfx("flows", "show", flow_id)
    watched = server.cfx("watch", flow_id, "--json")
    assert "flow.completed" in watched
    assert flow_id[:8] in server.cfx("flows")


def test_diff_apply_answers_a_line_for_a_line(server: Server, tmp_path: Path) -> None:
    cases = own_cases() + shared_clean_cases()
    lines = [json.dumps({"files_before": c.files_before, "llm_output": c.llm_output}) for c in cases]
    lines.append(json.dumps({"files_before": FILES, "llm_output": "no diff here"}))
    done = subprocess.run(
        [str(CFX), "diff", "apply", "--jsonl"],
        input="\n".join(lines) + "\n",
        env=server.env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("files_after") for answer in answers[:-1]] == [case.files_after for case in cases]
    assert answers[-1]["refuse"] == "no_diff"
    assert answers[-1]["problems"]


def test_demo_runs_once_and_leaves_nothing(tmp_path: Path) -> None:
    env = child_environ(HOME=str(tmp_path), TMPDIR=str(tmp_path))
    done = subprocess.run(
        [str(CFX), "demo", "--once", "--json"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(done.stdout)
    assert shown["status"] == "approved"
    assert shown["diff"].startswith("diff --git") or shown["diff"].startswith("---")
    assert shown["events"][-1]["type"] == "flow.completed"
    assert shown["cost_usd"] >= 0
    assert list(tmp_path.iterdir()) == []
