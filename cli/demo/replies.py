"""What the demo provider is told to say: one flow on examples/todo, and a word to whoever asks by chat.

The first CODE reply is slightly wrong on purpose: it removes a line that the file does not
have, so that the check refuses it with a true reason and the second reply mends it. The
rules look at the request only, so the demo can be run again and again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfx_flow.stages.model import Models, StageName

TEXTS = Path(__file__).resolve().parent / "texts"

TASK_MARK = "`todo done 0` marks the last item as done"
"""how a request that belongs to the demo's flow is told from any other"""
INVENTED_LINE = "item = self.items[number - 1].completed()"
"""only in the wrong diff: when CODE is shown it, that diff has been refused"""

CODE_NOTE = "Demo: this diff is scripted, no model is behind it."


def task() -> str:
    return text("task.md").strip()


def text(name: str) -> str:
    return (TEXTS / name).read_text("utf-8")


def rules(models: Models, pace_s: float) -> list[dict[str, Any]]:
    """The script, for whichever models models.yaml gives the stages. ``pace_s``: between two pieces."""
    return [
        *_rules(models, StageName.PLAN, text("plan.md"), pace_s, contains=TASK_MARK),
        *_rules(models, StageName.REVIEW, text("review.json"), pace_s, contains=TASK_MARK),
        *_rules(models, StageName.CODE, _diff("code.diff"), pace_s, contains=INVENTED_LINE),
        *_rules(models, StageName.CODE, _diff("code_first.diff"), pace_s, contains=TASK_MARK),
        *_rules(models, StageName.PLAN, text("chat_plan.md"), pace_s),
        *_rules(models, StageName.CODE, text("chat_code.md"), pace_s),
        *_rules(models, StageName.REVIEW, text("chat_review.md"), pace_s),
    ]


def _rules(
    models: Models, stage: StageName, content: str, pace_s: float, *, contains: str = ""
) -> Iterator[dict[str, Any]]:
    reply = {"content": content, "chunk_delay_s": pace_s}
    for target in models.stages[stage].targets:
        yield {"model": target.model, "contains": contains, "stateless": True, "replies": [reply]}


def _diff(name: str) -> str:
    return f"{CODE_NOTE}\n\n```diff\n{text(name)}```\n"
