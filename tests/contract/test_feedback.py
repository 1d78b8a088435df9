"""Feedback that converges where nothing has to be copied: who leaves out what the refusal names gets the rest
through."""

from __future__ import annotations

import re

import pytest

from cfx_flow.contract.compare import breaches
from cfx_flow.contract.feedback import breach_feedback
from cfx_flow.contract.model import Contract
from cfx_flow.contract.policy import Policy
from cfx_flow.diffs import Patch, Refusal, check

FILES = {
    "app.py": "a = 1\nb = 2\n",
    "other.py": "x = 1\n",
    "tests/test_app.py": "def test_a():\n    assert a == 1\n",
}
GOOD = "diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n-a = 1\n+a = 3\n b = 2\n"
DONE = FILES | {"app.py": "a = 3\nb = 2\n"}


def section(path: str, body: str, *, head: str = "") -> str:
    return f"diff --git a/{path} b/{path}\n{head}--- a/{path}\n+++ b/{path}\n{body}"


def without_what_is_named(diff: str, feedback: str) -> str:
    """Each section of the diff whose path stands in a line of the refusal is left out."""
    lines = [line for line in feedback.splitlines() if line.startswith("- [")]
    named = {word.strip("'").rstrip("'.,:;") for line in lines for word in line.split()}
    parts = re.split(r"(?=^diff --git )", diff, flags=re.M)
    return "".join(part for part in parts if not named & names_of(part))


def names_of(part: str) -> set[str]:
    """Of its first line, with and without git's prefixes."""
    raw = part.partition("\n")[0].split()[2:]
    return {*raw, *(name[2:] for name in raw)}


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("unsafe_path", section("../../etc/passwd", "@@ -1 +1 @@\n-a\n+b\n")),
        (
            "mode_change",
            section("other.py", "@@ -1 +1 @@\n-x = 1\n+x = 2\n", head="old mode 100644\nnew mode 100755\n"),
        ),
        ("symlink", section("link", "@@ -0,0 +1 @@\n+/etc\n", head="new file mode 120000\n")),
        ("binary", "diff --git a/logo.png b/logo.png\nBinary files a/logo.png and b/logo.png differ\n"),
        ("already_applied", section("other.py", "@@ -1 +1 @@\n-x = 0\n+x = 1\n")),
        ("missing_target", section("nowhere.py", "@@ -1 +1 @@\n-q\n+r\n")),
    ],
)
def test_leaving_out_the_file_that_is_named_succeeds_in_the_next_round(code: str, wrong: str) -> None:
    refused = check(GOOD + wrong, FILES)
    assert isinstance(refused, Refusal)
    assert refused.code == code
    result = check(without_what_is_named(GOOD + wrong, refused.feedback()), FILES)
    assert isinstance(result, Patch)
    assert result.files_after(FILES) == DONE


@pytest.mark.parametrize(
    "wrong",
    [
        section("other.py", "@@ -1 +1 @@\n-x = 1\n+x = 2\n"),
        section("tests/test_app.py", "@@ -1,2 +1 @@\n-def test_a():\n-    assert a == 1\n+# later\n"),
        "diff --git a/.env b/.env\n--- /dev/null\n+++ b/.env\n@@ -0,0 +1 @@\n+KEY=1\n",
    ],
    ids=["a file outside", "a test that is gone", "a secret file"],
)
def test_leaving_out_what_breaks_the_contract_does_too(wrong: str) -> None:
    contract = Contract.model_validate({"files": ["app.py"]})
    patch = check(GOOD + wrong, FILES)
    assert isinstance(patch, Patch)
    rejecting = [
        breach
        for breach in breaches(contract, patch.changes, Policy(), approved_by_person=False)
        if breach.action == "reject"
    ]
    assert rejecting
    again = check(without_what_is_named(GOOD + wrong, breach_feedback(rejecting, contract)), FILES)
    assert isinstance(again, Patch)
    assert again.files_after(FILES) == DONE
    assert breaches(contract, again.changes, Policy(), approved_by_person=False) == ()
