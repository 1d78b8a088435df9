"""What REVIEW must answer, and how it is read: tolerant of form, never of an unclear verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cfx_flow.answers import UnreadableAnswer, objects_in
from cfx_flow.review.finding import SEVERITIES, Finding, Severity, reaches

Verdict = Literal["approve", "revise", "reject"]

MAX_FINDINGS = 200
MAX_REVIEW_CHARS = 1_000_000

_VERDICTS: Mapping[str, Verdict] = {
    "approve": "approve",
    "approved": "approve",
    "accept": "approve",
    "accepted": "approve",
    "lgtm": "approve",
    "revise": "revise",
    "revision": "revise",
    "request_changes": "revise",
    "changes_requested": "revise",
    "needs_changes": "revise",
    "needs_work": "revise",
    "reject": "reject",
    "rejected": "reject",
}
_NO_FAULT = ("", "null", "none", "no", "false", "n/a", "-")


class Review(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    summary: str = ""
    findings: tuple[Finding, ...] = Field((), max_length=MAX_FINDINGS)
    plan_fault: str | None = None
    """what is wrong with the plan, so that no diff that follows it could be right"""
    overruled: bool = False
    """it said approve, and its own findings forbid that"""

    @field_validator("verdict", mode="before")
    @classmethod
    def _unambiguous(cls, value: object) -> object:
        word = (
            re.sub(r"[\s-]+", "_", value.strip().strip(".!*`'\"").lower()) if isinstance(value, str) else ""
        )
        if word not in _VERDICTS:
            raise ValueError(f"verdict must be approve, revise or reject, not {str(value)[:60]!r}")
        return _VERDICTS[word]

    @field_validator("summary", mode="before")
    @classmethod
    def _some_text(cls, value: object) -> str:
        return "" if value is None else str(value)

    @field_validator("plan_fault", mode="before")
    @classmethod
    def _a_fault_or_none(cls, value: object) -> str | None:
        said = value.strip() if isinstance(value, str) else ""
        if value is True:
            said = "The reviewer says that the plan is wrong, and not in what."
        return None if said.lower().strip(".") in _NO_FAULT else said

    @field_validator("findings", mode="before")
    @classmethod
    def _a_list(cls, value: object) -> object:
        """None is no finding; a lone one, or plain sentences, are findings too."""
        items = [] if value is None else value if isinstance(value, list) else [value]
        return [{"message": item} if isinstance(item, str) else item for item in items]


def read_review(text: str) -> Review:
    """The one review in ``text``: fences, prose around it and trailing commas are forgiven.

    Raises UnreadableAnswer when there is none, or when two differ in their verdict: a reviewer
    that quotes an injected "approve" must not be taken at the quoted word.
    """
    if len(text) > MAX_REVIEW_CHARS:
        raise UnreadableAnswer(f"the answer is longer than {MAX_REVIEW_CHARS} characters")
    objects = objects_in(text, build=_no_contradiction)
    found = [_review(body) for value in objects for body in _with_verdict(value)]
    if not found:
        raise UnreadableAnswer('there is no complete JSON object with a "verdict" in the answer')
    if len({review.verdict for review in found}) > 1:
        raise UnreadableAnswer("the answer holds several reviews whose verdicts differ; give exactly one")
    return found[-1]


def held_to_its_findings(review: Review, blocks_approval: Severity) -> Review:
    """An approval with a finding of this severity, or a worse one, is none: it becomes ``revise``."""
    if review.verdict != "approve":
        return review
    severe = any(reaches(finding.severity, blocks_approval) for finding in review.findings)
    return review.model_copy(update={"verdict": "revise", "overruled": True}) if severe else review


def _review(body: Mapping[str, Any]) -> Review:
    try:
        return Review.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise UnreadableAnswer(f"{where}: {said}") from None


def _with_verdict(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "verdict" in value:
        yield value
        return
    yield from (item for item in value.values() if isinstance(item, dict) and "verdict" in item)


def _no_contradiction(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({str(value) for key, value in pairs if key == "verdict"}) > 1:
        raise UnreadableAnswer("the answer states two verdicts in one object")
    return dict(pairs)


@cache
def json_schema() -> Mapping[str, Any]:
    """For ``response_format``: every field required and nothing else allowed, as strict mode wants it."""
    text, maybe = {"type": "string"}, {"type": ["string", "null"]}
    finding = {
        "severity": {"type": "string", "enum": list(SEVERITIES)},
        "file": maybe,
        "line": {"type": ["integer", "null"]},
        "rule": maybe,
        "message": text,
    }
    review = {
        "verdict": {"type": "string", "enum": list(get_args(Verdict))},
        "summary": text,
        "findings": {"type": "array", "items": _closed(finding)},
        "plan_fault": maybe,
    }
    return {"name": "review", "strict": True, "schema": _closed(review)}


def _closed(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
