"""The three models: a plan, the same good diff each time, and an approval in the third round."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from graphs.ask import Answer, Attempts, Progress, Question
from tests.support.answers import answer
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, verdict
from tests.support.provider import CODE, PLAN

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Script:
    """What the models answer."""

    plan: str
    diff: str
    path: str
    """of the file that the reviewer speaks of, another line of it each time"""


SMALL = Script(PLAN_TEXT, GOOD_DIFF, "greet.py")


class Answers:
    def __init__(self, script: Script = SMALL) -> None:
        self._script = script
        self._reviews: Counter[str] = Counter()

    def of_model(self, model: str, asked: str) -> str:
        if PLAN in model:
            return self._script.plan
        return self._script.diff if CODE in model else self.review(asked)

    def review(self, asked: str) -> str:
        """The next one of the task that ``asked`` names."""
        begins = asked.index("Greet ") + len("Greet ")
        task = asked[begins : begins + 36]
        self._reviews[task] += 1
        return json.dumps(self._review(self._reviews[task]))

    def _review(self, number: int) -> Any:
        """A new finding each time, so that the loop's guard sees no standstill."""
        if number == ROUNDS:
            return json.loads(verdict("approve")["content"])
        found = {
            "severity": "high",
            "file": self._script.path,
            "line": number,
            "rule": f"r{number}",
            "message": f"m{number}",
        }
        return {"verdict": "revise", "summary": "More.", "findings": [found]}


class Answering:
    """In an Asker's place: in process, without delay."""

    def __init__(self, script: Script = SMALL) -> None:
        self._answers = Answers(script)

    async def ask(self, question: Question, on_progress: Progress, attempts: Attempts) -> Answer:
        target = question.targets[0]
        return answer(self._answers.of_model(target.model, str(question.messages[-1].content)), target.model)
