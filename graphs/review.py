"""What REVIEW must answer, and how it is read: tolerant of form, never of an unclear verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

Verdict = Literal["approve", "revise", "reject"]
Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

MAX_FINDINGS = 200
MAX_REVIEW_CHARS = 1_000_000
MAX_TRIES = 500
"""places at which an object might begin; each try costs time in proportion to the text"""

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
_SEVERITIES: Mapping[str, Severity] = {
    "blocker": "critical",
    "fatal": "critical",
    "error": "high",
    "major": "high",
    "warning": "medium",
    "moderate": "medium",
    "minor": "low",
    "nit": "info",
    "note": "info",
    "suggestion": "info",
}


class UnreadableReviewError(ValueError):
    """Its text says exactly what is wrong, for the reviewer to mend."""


class Finding(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    severity: Severity = "medium"
    file: str | None = None
    line: int | None = None
    rule: str | None = None
    message: str

    @field_validator("severity", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        """A word of another scale is translated, an unknown one is medium: it must not hide a finding."""
        word = value.strip().lower() if isinstance(value, str) else ""
        return (
            word if word in ("critical", "high", "medium", "low", "info") else _SEVERITIES.get(word, "medium")
        )

    @field_validator("line", mode="before")
    @classmethod
    def _first_number(cls, value: object) -> int | None:
        found = re.search(r"\d{1,9}", str(value)) if isinstance(value, str | int) else None
        return int(found.group()) if found else None

    @field_validator("file", "rule", mode="before")
    @classmethod
    def _text(cls, value: object) -> str | None:
        return None if value is None else str(value)


class Review(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    summary: str = ""
    findings: tuple[Finding, ...] = Field((), max_length=MAX_FINDINGS)

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

    @field_validator("findings", mode="before")
    @classmethod
    def _a_list(cls, value: object) -> object:
        """None is no finding; a lone one, or plain sentences, are findings too."""
        items = [] if value is None else value if isinstance(value, list) else [value]
        return [{"message": item} if isinstance(item, str) else item for item in items]


def read_review(text: str) -> Review:
    """The one review in ``text``: fences, prose around it and trailing commas are forgiven.

    Raises UnreadableReviewError when there is none, or when two differ in their verdict: a reviewer
    that quotes an injected "approve" must not be taken at the quoted word.
    """
    if len(text) > MAX_REVIEW_CHARS:
        raise UnreadableReviewError(f"the answer is longer than {MAX_REVIEW_CHARS} characters")
    found = [_review(body) for body in _objects(text)]
    if not found:
        raise UnreadableReviewError('there is no complete JSON object with a "verdict" in the answer')
    if len({review.verdict for review in found}) > 1:
        raise UnreadableReviewError(
            "the answer holds several reviews whose verdicts differ; give exactly one"
        )
    return found[-1]


def _review(body: Mapping[str, Any]) -> Review:
    try:
        return Review.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise UnreadableReviewError(f"{where}: {said}") from None


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """Every outermost JSON object in the text that has a verdict, itself or one level down."""
    text = _without_trailing_commas(text)
    decoder = json.JSONDecoder(object_pairs_hook=_no_contradiction)
    end = tries = 0
    for brace in _OBJECT_START.finditer(text):
        if brace.start() < end:
            continue
        tries += 1
        if tries > MAX_TRIES:
            raise UnreadableReviewError("there are too many braces around the JSON object")
        try:
            value, end = decoder.raw_decode(text, brace.start())
        except (json.JSONDecodeError, RecursionError):
            continue
        yield from _with_verdict(value)


def _with_verdict(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "verdict" in value:
        yield value
        return
    yield from (item for item in value.values() if isinstance(item, dict) and "verdict" in item)


def _no_contradiction(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({str(value) for key, value in pairs if key == "verdict"}) > 1:
        raise UnreadableReviewError("the answer states two verdicts in one object")
    return dict(pairs)


_OBJECT_START = re.compile(r'\{(?=\s*")')
_STRING_OR_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)


def _without_trailing_commas(text: str) -> str:
    """Outside of strings only."""
    return _STRING_OR_COMMA.sub(lambda match: match.group(1) or "", text)


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
    }
    return {"name": "review", "strict": True, "schema": _closed(review)}


def _closed(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
