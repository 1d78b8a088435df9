"""The three models, in process: a plan, the same good diff each time, and an approval in the third round."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

from graphs.ask import Answer, Attempts, Progress, Question
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, verdict

ROUNDS = 3


class Answering:
    """In an Asker's place."""

    def __init__(self) -> None:
        self._reviews: Counter[str] = Counter()

    async def ask(self, question: Question, on_progress: Progress, attempts: Attempts) -> Answer:
        target = question.targets[0]
        return Answer(
            text=self._text(question),
            model=target.model,
            input_tokens=100,
            output_tokens=100,
            estimated=False,
            cost_usd=Decimal("0.001"),
            duration_ms=1,
            ttft_ms=1,
            attempts=1,
            finish_reason="stop",
        )

    async def close(self) -> None:
        return

    def _text(self, question: Question) -> str:
        if question.stage.name != "review":
            return PLAN_TEXT if question.stage.name == "plan" else GOOD_DIFF
        task = str(question.messages[-1].content).split("Greet ")[1][:36]
        self._reviews[task] += 1
        return json.dumps(_review(self._reviews[task]))


def _review(number: int) -> Any:
    """A new finding each time, so that the loop's guard sees no standstill."""
    if number == ROUNDS:
        return json.loads(verdict("approve")["content"])
    found = {
        "severity": "high",
        "file": "greet.py",
        "line": number,
        "rule": f"r{number}",
        "message": f"m{number}",
    }
    return {"verdict": "revise", "summary": "More.", "findings": [found]}
