from __future__ import annotations

import pytest

from cfx_flow.aside import IN_LOOP_CHARS
from cfx_flow.chat.judge import holds_code, judge
from cfx_flow.stages.model import StageName

DIFF = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"


def fenced(language: str, lines: int) -> str:
    return f"Steps:\n```{language}\n" + "x = 1\n" * lines + "```\nDone.\n"


@pytest.mark.parametrize(
    ("text", "status"),
    [(DIFF, "valid"), (f"Here:\n```diff\n{DIFF}```\n", "repaired"), ("I would rather not.", "refused")],
)
async def test_a_code_reply_is_judged_by_its_form(text: str, status: str) -> None:
    cfx = await judge(StageName.CODE, text)
    assert cfx is not None
    assert (cfx["stage"], cfx["diff"]["status"], cfx["diff"]["checked"]) == ("code", status, "form")
    assert bool(cfx["diff"]["problems"]) is (status == "refused")
    assert bool(cfx["diff"]["repairs"]) is (status == "repaired")


async def test_a_diff_that_leaves_the_tree_is_refused() -> None:
    cfx = await judge(StageName.CODE, DIFF.replace("x.py", "../../etc/passwd"))
    assert cfx is not None
    assert cfx["diff"]["problems"][0]["code"] == "unsafe_path"


async def test_a_long_reply_is_judged_the_same_in_a_thread() -> None:
    cfx = await judge(StageName.CODE, "prose\n" * IN_LOOP_CHARS + DIFF)
    assert cfx is not None
    assert cfx["diff"]["status"] != "refused"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# Plan\n1. do it", False),
        (DIFF, True),
        ("diff --git a/x b/x\n", True),
        (fenced("python", 20), False),
        (fenced("python", 21), True),
        (fenced("", 21), True),
        (fenced("diff", 1), True),
        (fenced("json", 100), False),
        (fenced("python", 11) + fenced("go", 11), True),
        ("~~~~js\n" + "x\n" * 21 + "```\n~~~~\n", True),
        ("```python\n" + "x\n" * 30, True),
    ],
)
async def test_a_plan_that_holds_code_is_marked(text: str, found: bool) -> None:
    assert holds_code(text) is found
    cfx = await judge(StageName.PLAN, text)
    assert cfx == ({"stage": "plan", "plan": {"code_found": True}} if found else None)


@pytest.mark.parametrize("stage", [StageName.REVIEW, StageName.DIRECT])
async def test_other_stages_are_not_judged(stage: StageName) -> None:
    assert await judge(stage, DIFF) is None


@pytest.mark.parametrize("nothing", ["", None])
async def test_nothing_is_not_judged(nothing: str | None) -> None:
    assert await judge(StageName.CODE, nothing) is None
