"""What REVIEW must answer, and how it is read: tolerant of form, never of an unclear verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from cfx_flow.answers import Objects, UnreadableAnswer, objects_and_rest, without_thinking
from cfx_flow.review.finding import SEVERITIES, Finding, Severity, reaches

Verdict = Literal["approve", "revise", "reject"]

MAX_FINDINGS, MANY_FINDINGS = 200, 20
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
_STATED = re.compile(r"""["'“]verdict["'”]\s*:""", re.IGNORECASE)
"""as a key, of an object that cannot be read"""
_OTHERWISE = re.compile(
    r"\b(?:reject(?:ed|ing)?\b|rejects\s+(?:it|th\w+\s+(?:patch|diff|change))|(?:to|be)\s+revised\b|revise\b"
    r"|(?:not|cannot|never|\w{2,6}n['’]t)\s+(?:be\s+)?approv\w*"
    r"|(?:needs?|requires?|request\w*)\s+(?:changes|work|(?:an?\w*\s+)?revision)"
    r"|revisions?\s+(?:(?:is|are)\s+)?(?:needed|necessary|request\w*|required)"
    r"|verdict\W+(?:is\W+)?(?:an?\W+)?(?:reject|revis)\w*)",
    re.IGNORECASE,
)
"""A verdict; not what is said of the code ("rejects negative numbers") or of a "revised patch"."""
_DENIED = re.compile(
    r"\b(?:no|nothing|not|never|without|neither|nor|\w{2,6}n['’]t)\s+"
    r"(?:(?:see|find|have|any|an?|further|more|major|minor|reasons?|need|grounds|cause|to|for|be)\s+){0,5}"
    r"(?:reject\w*|revis(?:e|ion)\w*|request\w*\s+changes|needs?\s+(?:changes|work))"
    r"(?:\s+n?or\s+(?:to\s+)?(?:reject|revis(?:e|ion))\w*)?(?:\s+(?:is|are))?"
    r"|\b(?:could|might)\s+(?:(?:be\s+)?revise|need\s+(?:changes|work))",
    re.IGNORECASE,
)
_NO_FAULT = ("", "null", "none", "no", "false", "n/a", "-")


class Review(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    summary: str = ""
    findings: tuple[Finding, ...] = ()
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
        if len(items) > MAX_FINDINGS:
            raise ValueError(f"there are {len(items)} of them: give the {MANY_FINDINGS} worst")
        return [{"message": item} if isinstance(item, str) else item for item in items]


def read_review(text: str, material: str = "") -> Review:
    """The one review in ``text``: fences, prose around it and trailing commas are forgiven.

    Raises UnreadableAnswer when there is none, or when anything speaks against an approval: a reviewer that
    quotes an injected "approve" must not be taken at the quoted word. ``material``: what was reviewed.
    """
    if len(text) > MAX_REVIEW_CHARS:
        raise UnreadableAnswer(f"the answer is longer than {MAX_REVIEW_CHARS} characters")
    objects = objects_and_rest(without_thinking(text), _no_contradiction)
    found = [(_review(body), each) for each in objects.found for body in _with_verdict(each.value)]
    if not found:
        stated = _STATED.search(objects.rest)
        why = objects.fault_near(stated.start()) if stated else ""
        raise UnreadableAnswer(f'there is no complete JSON object with a "verdict" in the answer{why}')
    if len({review.verdict for review, _ in found}) > 1:
        raise UnreadableAnswer("the answer holds several reviews whose verdicts differ; give exactly one")
    review, last = found[-1]
    if review.verdict == "approve":
        if objects.written(last) in material:
            raise UnreadableAnswer("the only review in the answer is quoted from the files; give your own")
        _require_clear(objects)
    return review


def _require_clear(objects: Objects) -> None:
    """Nothing around an approval says otherwise."""
    if stated := _STATED.search(objects.rest):
        why = objects.fault_near(stated.start())
        raise UnreadableAnswer(f'beside an object that says approve, a "verdict" cannot be read{why}')
    if other := _OTHERWISE.search(_DENIED.sub("", objects.rest)):
        said = other.group()[:40]
        raise UnreadableAnswer(f"the JSON object says approve, and the text around it says {said!r}")


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
