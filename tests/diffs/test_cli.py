"""``cfx diff`` on a folder and on JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.diff import app

ANSWER = "Sure:\n```diff\n--- src/a.txt\n+++ src/a.txt\n@@ -1,9 +1,2 @@\n-one\n+ONE\n two\n```\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.txt").write_bytes(b"one\ntwo\n")
    (tmp_path / "crlf.txt").write_bytes(b"one\r\ntwo\r\n")
    (tmp_path / "latin.txt").write_bytes(b"\xe9\n")
    return tmp_path


def run(*arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=given)


def lines(*cases: Any) -> str:
    return "".join((case if isinstance(case, str) else json.dumps(case)) + "\n" for case in cases)


def test_apply_jsonl_answers_one_line_for_one_line() -> None:
    good = {"files_before": {"src/a.txt": "one\ntwo\n", "b": "b"}, "llm_output": ANSWER}
    bad = good | {"llm_output": "no"}
    done = run(
        "apply",
        "--jsonl",
        given=lines(good, bad, "{", [], {"files_before": {"x": 1}, "llm_output": ""}, good),
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert answers[0]["files_after"] == {"src/a.txt": "ONE\ntwo\n", "b": "b"}
    assert {"fence", "counts"} <= {repair["kind"] for repair in answers[0]["repairs"]}
    assert [answer.get("refuse") for answer in answers] == [
        None,
        "no_diff",
        "not_text",
        "not_text",
        "not_text",
        None,
    ]
    assert answers[1]["problems"][0]["code"] == "no_diff"


def test_check_writes_nothing_and_prints_the_canonical_diff(folder: Path) -> None:
    done = run("check", "--repo", str(folder), given=ANSWER)
    assert done.exit_code == 0
    assert done.stdout.startswith("diff --git a/src/a.txt b/src/a.txt\n--- a/src/a.txt\n")
    assert "mended" in done.stderr
    assert (folder / "src" / "a.txt").read_text() == "one\ntwo\n"


def test_apply_writes_and_reverse_takes_it_back(folder: Path) -> None:
    place = folder / "src" / "a.txt"
    applied = run("apply", "--repo", str(folder), "--json", given=ANSWER)
    assert json.loads(applied.stdout)["files"] == [{"path": "src/a.txt", "added": 1, "removed": 1}]
    assert place.read_bytes() == b"ONE\ntwo\n"
    back = run("reverse", given=json.loads(applied.stdout)["diff"]).stdout
    assert run("apply", "--repo", str(folder), given=back).exit_code == 0
    assert place.read_bytes() == b"one\ntwo\n"


def test_a_refusal_says_why_and_exits_with_one(folder: Path) -> None:
    wrong = ANSWER.replace("-one", "-uno")
    done = run("apply", "--repo", str(folder), given=wrong)
    assert done.exit_code == 1
    assert "removed_line_mismatch" in done.stderr
    assert "     1|one" in done.stderr
    assert json.loads(run("check", "--repo", str(folder), "--json", given=wrong).stdout)["refuse"]


def test_line_ends_of_a_file_on_disk_are_kept(folder: Path) -> None:
    answer = "--- a/crlf.txt\n+++ b/crlf.txt\n@@ -1,2 +1,2 @@\n-one\n+ONE\n two\n"
    assert run("apply", "--repo", str(folder), given=answer).exit_code == 0
    assert (folder / "crlf.txt").read_bytes() == b"ONE\r\ntwo\r\n"


def test_files_that_are_not_utf8_links_and_protected_paths_are_left_alone(folder: Path) -> None:
    (folder / "link.txt").symlink_to(folder / "src" / "a.txt")
    (folder / "linked").symlink_to(folder / "src")
    hunk = "@@ -1,2 +1,2 @@\n-one\n+ONE\n two\n"
    for path, code in (
        ("latin.txt", "binary"),
        ("link.txt", "missing_target"),
        ("linked/a.txt", "missing_target"),
    ):
        done = run("apply", "--repo", str(folder), "--json", given=f"--- a/{path}\n+++ b/{path}\n{hunk}")
        assert json.loads(done.stdout)["refuse"] == code
        assert path != "link.txt" or "is no plain file" in done.stdout
    done = run("apply", "--repo", str(folder), "--json", "--protect", "src/*", given=ANSWER)
    assert json.loads(done.stdout)["refuse"] == "protected_path"


@pytest.mark.parametrize("path", [".", "../secret.txt", "./..", "/etc/passwd"])
def test_nothing_outside_is_looked_at_whatever_a_refused_diff_names(folder: Path, path: str) -> None:
    (folder.parent / "secret.txt").write_text("secret line\n")
    answer = f"diff --git a/{path} b/x\nsimilarity index 100%\nrename from {path}\nrename to x\n"
    done = run("check", "--repo", str(folder), "--json", given=answer)
    assert (done.exit_code, json.loads(done.stdout)["refuse"]) == (1, "unsafe_path")
    assert "secret line" not in done.stdout


def test_a_missing_folder_or_file_is_said_in_one_line(tmp_path: Path) -> None:
    for arguments in (("check", "--repo", str(tmp_path / "no")), ("reverse", str(tmp_path / "no.diff"))):
        done = run(*arguments, given=ANSWER)
        assert done.exit_code == 2
        assert done.stderr.startswith("cfx: ")


def test_an_answer_that_is_not_utf8_is_not_text(folder: Path) -> None:
    done = run("check", "--repo", str(folder), "--json", given=b"--- a/x\n+++ b/x\n@@\n-\xff\n")
    assert json.loads(done.stdout)["refuse"] == "not_text"
    assert "a byte that is not UTF-8, first in its line 4" in done.stdout


MISSPELT = "--- a/src/a.txt\n+++ b/src/a.txt\n@@ -1,3 +1,3 @@\n first line\n-second line\n+2\n thrd line\n"


def test_each_judgement_can_be_switched_off_and_the_limits_set(folder: Path) -> None:
    (folder / "src" / "a.txt").write_text("first line\nsecond line\nthird line\n")

    def outcome(*options: str) -> str | None:
        done = run("check", "--repo", str(folder), "--json", *options, given=MISSPELT)
        return json.loads(done.stdout).get("refuse")

    assert outcome() is None
    assert outcome("--no-repair", "indentation", "--no-repair", "html_escaped") is None
    assert outcome("--no-repair", "context_typo") == "context_not_found"
    assert outcome("--no-repair", "judgement") == "context_not_found"
    assert outcome("--max-bytes", "20") == "oversize"
    assert outcome("--max-files", "1") is None
    wrong = run("check", "--repo", str(folder), "--no-repair", "guessing", given=MISSPELT)
    assert (wrong.exit_code, "context_typo" in wrong.stderr) == (2, True)
