"""A finding, and by what it is known again in the next round."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, field_validator

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""the worst first"""

_OTHER_SCALES: Mapping[str, Severity] = {
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


class Finding(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    severity: Severity = "medium"
    file: str | None = None
    line: int | None = None
    """in the new version"""
    rule: str | None = None
    message: str

    @field_validator("severity", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        """A word of another scale is translated, an unknown one is medium: it must not hide a finding."""
        word = value.strip().lower() if isinstance(value, str) else ""
        return word if word in SEVERITIES else _OTHER_SCALES.get(word, "medium")

    @field_validator("line", mode="before")
    @classmethod
    def _first_number(cls, value: object) -> int | None:
        found = re.search(r"\d{1,9}", str(value)) if isinstance(value, str | int) else None
        return int(found.group()) if found else None

    @field_validator("file", "rule", mode="before")
    @classmethod
    def _text(cls, value: object) -> str | None:
        return None if value is None else str(value)


def reaches(severity: str, floor: str) -> bool:
    """Whether it is as bad as ``floor``, or worse."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(floor)


def with_fingerprints(findings: Iterable[Finding], files: Mapping[str, str]) -> list[dict[str, Any]]:
    """As JSON, each with its ``fingerprint``. ``files``: as the patch leaves them.

    It is made of file, rule and the text of the line, not of its number: lines move from round to
    round. Where no line is named, or no rule, the message's words stand in. The second of two equal
    ones in the same review gets another fingerprint than the first.
    """
    findings = list(findings)
    named = {finding.file or "" for finding in findings} & files.keys()
    lines = {path: files[path].splitlines() for path in named}
    seen: dict[str, int] = {}
    shown = []
    for finding in findings:
        known_by = _known_by(finding, lines)
        seen[known_by] = seen.get(known_by, 0) + 1
        digest = hashlib.sha256(f"{known_by}\0{seen[known_by]}".encode("utf-8", "replace")).hexdigest()
        shown.append(finding.model_dump(mode="json") | {"fingerprint": digest[:16]})
    return shown


def _known_by(finding: Finding, lines: Mapping[str, Sequence[str]]) -> str:
    rule = "-".join(_words(finding.rule or ""))
    line = _line(finding, lines)
    said = [] if rule and line else sorted(set(_words(finding.message)))
    return "\0".join([finding.file or "", rule, line, *said])


def _line(finding: Finding, lines: Mapping[str, Sequence[str]]) -> str:
    """Its text, without what an editor may change; empty when there is no such line."""
    of_file = lines.get(finding.file or "", ())
    if finding.line is None or not 1 <= finding.line <= len(of_file):
        return ""
    return " ".join(of_file[finding.line - 1].split())


def _words(text: str) -> Sequence[str]:
    """Without numbers: those of lines are among them."""
    return re.findall(r"[^\W\d_]+", text.lower())
