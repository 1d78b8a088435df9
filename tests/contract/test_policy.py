"""policy.yaml: strict, with file, line and key in every error; what is left out is as shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfx_flow.contract.load import load_policy
from cfx_flow.contract.policy import DEFAULT_PATHS, DEFAULT_RULES, Policy, Ruling
from cfx_flow.diffs import JUDGEMENT_REPAIRS
from cfx_flow.diffs import Policy as DiffPolicy
from cfx_flow.errors import ConfigError
from cfx_flow.review.convergence import Guard
from cfx_flow.settings import HOUSE

SHIPPED = HOUSE / "config" / "policy.yaml"


def written(folder: Path, text: str) -> Path:
    file = folder / "policy.yaml"
    file.write_text(text)
    return file


def test_the_shipped_file_says_what_holds_without_it() -> None:
    policy = load_policy(SHIPPED)
    assert policy.rules == DEFAULT_RULES
    assert policy.paths == DEFAULT_PATHS
    assert policy.guard == Guard()
    assert list(policy.rules) == list(DEFAULT_RULES)
    assert policy.diffs == DiffPolicy()


def test_every_rule_stands_in_the_shipped_file() -> None:
    text = SHIPPED.read_text("utf-8")
    assert [
        name for name in (*DEFAULT_RULES, *DEFAULT_PATHS, *JUDGEMENT_REPAIRS) if f"{name}:" not in text
    ] == []


def test_what_a_file_says_holds_and_the_rest_is_as_shipped(tmp_path: Path) -> None:
    text = "rules:\n  ci_file: {severity: low, action: note}\npaths:\n  ci: [build.sh]\nconvergence: {max_replans: 0}\n"
    policy = load_policy(written(tmp_path, text))
    assert policy.rules["ci_file"] == Ruling("low", "note")
    assert policy.rules["lock_file"] == DEFAULT_RULES["lock_file"]
    assert policy.is_("ci", "sub/build.sh")
    assert not policy.is_("ci", ".github/workflows/x.yml")
    assert policy.guard == Guard(max_replans=0)


def test_each_judgement_of_the_diff_check_can_be_switched_off_and_its_limits_set(tmp_path: Path) -> None:
    text = "diffs:\n  max_files: 3\n  protected: [infra/*]\n  judgement: {context_typo: false, indentation: true}\n"
    diffs = load_policy(written(tmp_path, text)).diffs
    assert diffs == DiffPolicy(
        max_files=3, protected=("infra/*",), judgement=JUDGEMENT_REPAIRS - {"context_typo"}
    )


@pytest.mark.parametrize(
    ("text", "line", "key", "said"),
    [
        ("diffs:\n  judgement:\n    guessing: false\n", 3, "diffs.judgement.guessing", "context_typo"),
        ("diffs:\n  max_files: 0\n", 2, "diffs.max_files", "greater"),
        ("rules:\n  cy_file: {severity: low, action: note}\n", 2, "rules.cy_file", "ci_file"),
        ("rules:\n  ci_file: {severity: low}\n", 2, "rules.ci_file.action", "is missing"),
        (
            "rules:\n  ci_file:\n    severity: bad\n    action: note\n",
            3,
            "rules.ci_file.severity",
            "critical",
        ),
        ("rules:\n  ci_file:\n    severity: low\n    action: shout\n", 4, "rules.ci_file.action", "reject"),
        ("rule: {}\n", 1, "rule", "known here: rules, paths, convergence, diffs"),
        ("paths:\n  ci: build.sh\n", 2, "paths.ci", "takes a list"),
        ("convergence:\n  plateau_rounds: 0\n", 2, "convergence.plateau_rounds", "greater than"),
        ("convergence:\n  severity_floor: 3\n", 2, "convergence.severity_floor", "critical"),
        ("# nothing\n", 1, "", "is empty"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_key(
    tmp_path: Path, text: str, line: int, key: str, said: str
) -> None:
    with pytest.raises(ConfigError) as wrong:
        load_policy(written(tmp_path, text))
    assert (wrong.value.line, wrong.value.key) == (line, key)
    assert said in str(wrong.value)


def test_a_pattern_without_a_slash_is_held_against_the_name_and_case_does_not_count() -> None:
    policy = Policy()
    assert policy.is_("secret", "deploy/ID_RSA.pub")
    assert policy.is_("secret", "a/.env.production")
    assert not policy.is_("secret", "a/.env.example")
    assert policy.is_("tests", "pkg/tests/data/x.json")
    assert not policy.is_("tests", "contest.py")
