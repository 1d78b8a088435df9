"""The demo's scripted replies against the project that they change."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cfx_flow.diffs import Patch, Refusal, check
from cfx_flow.settings import HOUSE
from cfx_flow.stages.load import load_models
from cfx_flow.workspace.working_tree import read_folder
from cli.demo.replies import INVENTED_LINE, TASK_MARK, TEXTS, rules, task, text
from cli.demo.script import Script

EXAMPLE = HOUSE / "examples" / "todo"
MODELS = HOUSE / "config" / "models.yaml"


def scripted() -> Script:
    return Script.from_json(json.dumps(rules(load_models(MODELS, {}), 0)))


def says(model: str, message: str) -> str:
    reply = scripted().answer({"model": model, "messages": [{"role": "user", "content": message}]}).reply
    return reply.content or ""


def run_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-m", "unittest"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLE, tmp_path / "todo", ignore=shutil.ignore_patterns("__pycache__"))


def patch(project: Path) -> Patch:
    checked = check(says("deepseek-v3", f"{TASK_MARK}\n{INVENTED_LINE}"), read_folder(project).snapshot.texts)
    assert isinstance(checked, Patch)
    return checked


def test_first_diff_is_refused_and_the_reason_leads_to_the_second() -> None:
    refused = check(says("deepseek-v3", task()), read_folder(EXAMPLE).snapshot.texts)
    assert isinstance(refused, Refusal)
    assert refused.code == "removed_line_mismatch"
    assert INVENTED_LINE in refused.feedback()


def test_example_has_the_bug_and_the_second_diff_mends_it(project: Path) -> None:
    assert run_tests(project).returncode == 0
    for change in patch(project).changes:
        (project / change.path).write_text(change.after or "")
    done = run_tests(project)
    assert done.returncode == 0, done.stderr


def test_its_new_tests_fail_on_the_old_code(project: Path) -> None:
    for change in patch(project).changes:
        if change.path.startswith("tests/"):
            (project / change.path).write_text(change.after or "")
    done = run_tests(project)
    assert "FAILED (failures=2" in done.stderr


def test_findings_point_at_lines_of_the_patched_files(project: Path) -> None:
    after = patch(project).files_after(read_folder(project).snapshot.texts)
    review = json.loads(text("review.json"))
    lines = {
        finding["file"]: after[finding["file"]].splitlines()[finding["line"] - 1]
        for finding in review["findings"]
    }
    assert "the list has" in lines["todo/items.py"]
    assert "test_wrong_number" in lines["tests/test_cli.py"]
    assert review["verdict"] == "approve"


def test_plan_s_contract_names_exactly_the_files_that_change(project: Path) -> None:
    contract = json.loads(text("plan.md").partition("```json cfx-plan\n")[2].partition("```")[0])
    assert sorted(row["path"] for row in contract["files"]) == sorted(c.path for c in patch(project).changes)
    assert all(row["purpose"] for row in contract["files"])


@pytest.mark.parametrize("message", ["Hi", f"{TASK_MARK}", f"{TASK_MARK} {INVENTED_LINE}"])
@pytest.mark.parametrize(
    "model", ["claude-sonnet-4-5", "gpt-4.1", "deepseek-v3", "gpt-4o-mini", "anything-else"]
)
def test_every_reply_says_that_no_model_is_behind_it(model: str, message: str) -> None:
    assert "no model" in says(model, message).lower()


def test_script_can_be_played_again_and_again() -> None:
    script = scripted()
    request = {"model": "deepseek-v3", "messages": [{"role": "user", "content": task()}]}
    assert script.answer(request).reply == script.answer(request).reply


def test_every_text_is_used() -> None:
    spoken = json.dumps(rules(load_models(MODELS, {}), 0))
    unused = [path.name for path in TEXTS.iterdir() if json.dumps(path.read_text())[1:-1] not in spoken]
    assert unused == ["task.md"]
