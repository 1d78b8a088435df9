"""The plan's contract. **Source**: SPEC section 6; its form is what prompts/plan.md asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cfx_flow.diffs.paths import why_unsafe

Operation = Literal["create", "modify", "delete"]

MAX_FILES = 2_000
MAX_ITEMS = 200
MAX_TEXT = 2_000

_OPERATIONS: Mapping[str, Operation] = {
    "create": "create",
    "add": "create",
    "new": "create",
    "modify": "modify",
    "change": "modify",
    "edit": "modify",
    "extend": "modify",
    "update": "modify",
    "delete": "delete",
    "remove": "delete",
}


class PlannedFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    path: str
    operation: Operation = "modify"
    purpose: str = ""

    @field_validator("path")
    @classmethod
    def _one_file(cls, value: str) -> str:
        path = value.strip().strip("`")
        while path.startswith("./"):
            path = path[2:]
        if reason := why_unsafe(path):
            raise ValueError(f"the path {path[:200]!r} {reason}")
        if path.endswith("/") or re.search(r"[*?]", path):
            raise ValueError(f"{path[:200]!r} is no file: name each file by itself")
        return path

    @field_validator("operation", mode="before")
    @classmethod
    def _known(cls, value: object) -> Operation:
        word = value.strip().lower() if isinstance(value, str) else ""
        if word in ("rename", "move"):
            raise ValueError("a file is not renamed: delete the old one and create the new one")
        if word not in _OPERATIONS:
            raise ValueError(f"operation must be create, modify or delete, not {str(value)[:60]!r}")
        return _OPERATIONS[word]

    @field_validator("purpose", mode="before")
    @classmethod
    def _some_text(cls, value: object) -> str:
        return "" if value is None else str(value)[:MAX_TEXT]


class Contract(BaseModel):
    """Frozen once the plan is approved. Lists are empty where the plan says nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    files: tuple[PlannedFile, ...] = Field(max_length=MAX_FILES)
    tests: tuple[str, ...] = Field((), max_length=MAX_ITEMS)
    """to add or to run, in words"""
    dependencies: tuple[str, ...] = Field((), max_length=MAX_ITEMS)
    """new ones"""
    risks: tuple[str, ...] = Field((), max_length=MAX_ITEMS)
    out_of_scope: tuple[str, ...] = Field((), max_length=MAX_ITEMS)

    @field_validator("files", mode="before")
    @classmethod
    def _a_list_of_files(cls, value: object) -> object:
        """Also as path → purpose or purposes, as operation → paths, or as plain paths."""
        if isinstance(value, dict):
            value = [row for name, more in value.items() for row in _rows(name, more)]
        items = value if isinstance(value, list | tuple) else [] if value is None else [value]
        return [{"path": item} if isinstance(item, str) else item for item in items]

    @field_validator("tests", "dependencies", "risks", "out_of_scope", mode="before")
    @classmethod
    def _a_list_of_texts(cls, value: object) -> object:
        items = [] if value is None else value if isinstance(value, list | tuple) else [value]
        return [_sentence(item)[:MAX_TEXT] for item in items]

    @model_validator(mode="after")
    def _one_operation_a_file(self) -> Contract:
        operations: dict[str, str] = {}
        for file in self.files:
            if operations.setdefault(file.path, file.operation) != file.operation:
                raise ValueError(f"{file.path} stands in it twice, with two operations")
        return self

    def planned(self, path: str) -> PlannedFile | None:
        return next((file for file in self.files if file.path == path), None)

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def block(self) -> str:
        """As it stands at the end of a plan."""
        return f"```json cfx-plan\n{json.dumps(self.to_json(), indent=2, ensure_ascii=False)}\n```"


def contract_of(body: Mapping[str, Any]) -> Contract:
    """Raises ValueError, which says what is wrong and where."""
    try:
        return Contract.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{where}: {said}" if where else said) from None


def _rows(name: str, more: object) -> Iterator[Mapping[str, Any]]:
    """Of an entry of an object of files. What has a dot or a slash is no operation, but a path."""
    if isinstance(more, list) and re.search(r"[./]", name):
        more = "; ".join(map(_sentence, more))
    if not isinstance(more, list):
        yield {"path": name, **(more if isinstance(more, dict) else {"purpose": more})}
        return
    for item in more:
        yield {"operation": name, **(item if isinstance(item, dict) else {"path": item})}


def _sentence(item: object) -> str:
    """``{"name": "x", "reason": "y"}`` is "x: y"."""
    if isinstance(item, dict):
        return ": ".join(str(value) for value in item.values() if value not in (None, ""))
    return str(item)
