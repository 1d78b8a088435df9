"""What the machine finds in a stage's reply, without knowing the files it is about."""

from __future__ import annotations

import re
from typing import Any

from cfx_flow.aside import aside
from cfx_flow.diffs import check_form
from cfx_flow.stages.model import StageName

MAX_FENCED_LINES = 20
"""a plan may quote a signature; more than this is an implementation"""

_DIFF = re.compile(r"^(?:diff --git |--- [^\n]+\n\+\+\+ [^\n]+\n@@ )", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]*)", re.MULTILINE)
_NOT_CODE = frozenset({"json", "yaml", "yml", "text", "txt", "markdown", "md", "mermaid"})
"""the plan contract and its drawings are fenced too, and are what was asked for"""


async def judge(stage: StageName, text: str | None) -> dict[str, Any] | None:
    """The ``cfx`` object of a checked reply; None if there is nothing to say."""
    if not text or stage not in (StageName.CODE, StageName.PLAN):
        return None
    return await aside(len(text), _judge, stage, text)


def _judge(stage: StageName, text: str) -> dict[str, Any] | None:
    if stage is StageName.PLAN:
        return {"stage": stage.value, "plan": {"code_found": True}} if holds_code(text) else None
    report = check_form(text)
    diff = {
        "status": str(report.status),
        "checked": "form",
        "repairs": [repair.to_dict() for repair in report.repairs],
        "problems": [problem.to_dict() for problem in report.problems],
    }
    return {"stage": stage.value, "diff": diff}


def holds_code(text: str) -> bool:
    """A diff, or more than 20 lines of fenced code."""
    return bool(_DIFF.search(text)) or _fenced_lines(text) > MAX_FENCED_LINES


def _fenced_lines(text: str) -> int:
    lines, fence, language = 0, "", ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if not fence and mark:
            fence, language = mark[1], mark[2].lower()
            if language == "diff":
                return MAX_FENCED_LINES + 1
        elif fence and mark and mark[1].startswith(fence) and not mark[2]:
            fence = ""
        elif fence and language not in _NOT_CODE:
            lines += 1
    return lines
