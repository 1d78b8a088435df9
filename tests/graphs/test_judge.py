"""The machine's verdict on CODE's answer, by the operator's policy."""

from __future__ import annotations

import pytest

from cfx_flow.contract.policy import Policy
from cfx_flow.diffs import JUDGEMENT_REPAIRS
from cfx_flow.diffs import Policy as DiffPolicy
from cfx_flow.flows.model import FlowFailed
from cfx_flow.workspace.snapshot import PLAIN, Snapshot, from_files
from graphs.judge import Judged, Terms, judge
from graphs.testing import patched

FILES = {"x": "first line\nsecond line\nthird line\n"}
MISSPELT = "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n first line\n-second line\n+2\n thrd line\n"


def judged(diffs: DiffPolicy) -> Judged:
    return judge(MISSPELT, from_files(FILES), Terms(None, False, Policy(diffs=diffs), 10_000))


def test_a_judgement_is_taken_unless_the_operator_switched_it_off() -> None:
    assert judged(DiffPolicy()).accepted
    strict = judged(DiffPolicy(judgement=JUDGEMENT_REPAIRS - {"context_typo"}))
    assert (strict.code, "     3|third line" in strict.text) == ("context_not_found", True)


def test_a_patch_that_fits_no_longer_is_not_tested_as_if_it_were_none() -> None:
    with pytest.raises(FlowFailed, match="does not fit the files any more"):
        patched(MISSPELT.replace("first line", "no such line"), from_files(FILES))
    assert patched(MISSPELT, from_files(FILES)).texts["x"].splitlines()[1] == "2"


def test_protected_paths_and_limits_are_the_operators() -> None:
    assert judged(DiffPolicy(protected=("x",))).code == "protected_path"
    assert judged(DiffPolicy(max_bytes=10)).code == "oversize"


@pytest.mark.parametrize("answer", [MISSPELT, "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+2\n"])
def test_of_a_file_in_another_encoding_nobody_is_told_that_it_is_not_there(answer: str) -> None:
    """Or CODE makes it anew, as told, and is refused again."""
    latin = Snapshot({"x": "première ligne\n".encode("latin-1")}, {"x": PLAIN})
    result = judge(answer, latin, Terms(None, False, Policy(), 10_000))
    assert (result.code, "no UTF-8 text" in result.text) == ("binary", True)
