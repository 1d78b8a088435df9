"""A finding, and by what it is known again in the next round."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, field_validator

from cfx_flow.stages.wording import fold

MAX_SEVERITY_CHARS, MAX_DIGITS = 100, 10

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""the worst first"""

_WORDS: Mapping[Severity, str] = {
    "critical": "critical blocker fatal catastrophic p0 kritisch kritik critico critica critique критический "
    "критическая критично 致命 重大",
    "high": "high error major severe serious urgent p1 hoch schwer yüksek ciddi élevé élevée haute alto alta "
    "grave высокий высокая серьёзная 严重 高",
    "medium": "medium warning moderate p2",
    "low": "low minor p3 niedrig gering düşük faible bajo baja basso bassa baixa низкий низкая 低",
    "info": "info nit note suggestion hinweis bilgi",
}
"""of other scales and languages: a reviewer may keep to that of the task"""
_SEVERITY_OF: Mapping[str, Severity] = {
    fold(word): severity for severity, words in _WORDS.items() for word in words.split()
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
        """The worst of the words that are known, whatever stands around them; unknown ones are medium: they
        must not hide a finding."""
        words = re.findall(r"[^\W_]+", fold(value[:MAX_SEVERITY_CHARS])) if isinstance(value, str) else []
        known = [_SEVERITY_OF[word] for word in words if word in _SEVERITY_OF]
        return min(known, key=SEVERITIES.index, default="medium")

    @field_validator("line", mode="before")
    @classmethod
    def _first_number(cls, value: object) -> int | None:
        """Of a file that could be one: a number of ten digits is none."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        found = re.search(r"\d+", str(value)) if isinstance(value, str | int | float) else None
        return int(found.group()) if found and len(found.group()) < MAX_DIGITS else None

    @field_validator("file", "rule", mode="before")
    @classmethod
    def _text(cls, value: object) -> str | None:
        return None if value is None else str(value)


def reaches(severity: str, floor: str) -> bool:
    """Whether it is as bad as ``floor``, or worse."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(floor)


def worst_first(findings: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Of findings as JSON."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding["severity"]))


def with_fingerprints(findings: Iterable[Finding], files: Mapping[str, str]) -> list[dict[str, Any]]:
    """As JSON, each with its ``fingerprint``. ``files``: as the patch leaves them.

    It is made of file, rule and the text of the line, not of its number: lines move from round to
    round. Where no line is named, or no rule, the message's words stand in. The second of two equal
    ones in the same review gets another fingerprint than the first.
    """
    findings = [_at_home(finding, files) for finding in findings]
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


def _at_home(finding: Finding, files: Mapping[str, str]) -> Finding:
    """With the file's own name, where it was named as diffs and prose do: ``b/cart.py``, ```./cart.py```."""
    named = (finding.file or "").strip().strip("`")
    plain = re.sub(r"^(?:[ab]|\.)/", "", named)
    if finding.file in files or plain not in files:
        return finding
    return finding.model_copy(update={"file": plain})


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
