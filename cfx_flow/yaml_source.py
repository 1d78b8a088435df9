"""A YAML file of the configuration: strict, and it remembers on which line each of its keys stands."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from cfx_flow.errors import ConfigError

Key = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)

_MEND = {
    "missing": "is missing: add it",
    "string_type": "takes text",
    "bool_type": "takes true or false",
    "int_type": "takes a whole number",
    "float_type": "takes a number",
    "is_instance_of": "takes a number",  # pydantic's word for a strict Decimal
    "list_type": "takes a list",
    "dict_type": "takes keys with values",
    "model_type": "takes keys with values",
    "model_attributes_type": "takes keys with values",
    "too_short": "must not be empty",
}
_SAYS_ALL = ("env_name", "prompt_name")
_MEND_PRICE = "is missing: add `price: {input: …, output: …}` in USD per million tokens, or `price: 0`"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, value: Any) -> Any:
        """As pydantic's ``extra=forbid``, but the message can say which keys there are."""
        for key in value if isinstance(value, dict) else ():
            if key not in cls.model_fields:
                told = {"key": str(key), "known": ", ".join(cls.model_fields)}
                raise PydanticCustomError("unknown_key", "unknown key; known here: {known}", told)
        return value


@dataclass(frozen=True, slots=True)
class Source:
    path: Path
    data: Any
    lines: dict[Key, int]
    """key path → line, counted from 1"""

    def error(self, key: Key, message: str) -> ConfigError:
        """Points at the key, or at the nearest section around it that stands in the file."""
        nearest = key
        while nearest and nearest not in self.lines:
            nearest = nearest[:-1]
        return ConfigError(message, file=self.path, line=self.lines.get(nearest, 1), key=_dotted(key))

    def unknown_name(self, key: Key, name: str, kind: str, known: Iterable[str]) -> ConfigError:
        known = list(known)
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
        return self.error(key, f"{name!r} is not {kind} in this file; {hint}")

    def validate(self, form: type[ModelT]) -> ModelT:
        try:
            return form.model_validate(self.data)
        except ValidationError as error:
            details = error.errors(include_url=False)
        raise min((self._told(detail) for detail in details), key=lambda told: told.line or 0)

    def _told(self, detail: ErrorDetails) -> ConfigError:
        key: Key = tuple(part for part in detail["loc"] if part != "[key]")
        if detail["type"] == "unknown_key":
            return self.error((*key, detail["ctx"]["key"]), detail["msg"])
        if detail["type"] == "missing" and key[-1:] == ("price",):
            return self.error(key, _MEND_PRICE)
        if detail["type"] == "missing":
            return self.error(key, _MEND["missing"])
        if detail["type"] in _SAYS_ALL:
            return self.error(key, detail["msg"])
        mend = _MEND.get(detail["type"], detail["msg"])
        return self.error(key, f"{mend} (it is {_short(detail['input'])})")


def read_source(path: Path) -> Source:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 (byte {error.start}): save it as UTF-8", file=path) from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise ConfigError(f"is not valid YAML: {error.problem}", file=path, line=line) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"is not valid YAML: {error}", file=path) from None
    if root is None:
        raise ConfigError("is empty: start from the one that the project ships", file=path, line=1)
    return _Reader(path).read(root)


class _Reader:
    """Nodes → plain values. PyYAML's own constructor would let the last of two equal keys win."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scalars = yaml.SafeLoader("")
        self._lines: dict[Key, int] = {}
        self._open: set[int] = set()

    def read(self, root: yaml.Node) -> Source:
        return Source(self._path, self._value(root, ()), self._lines)

    def _value(self, node: yaml.Node, key: Key) -> Any:
        self._lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, key)
        if id(node) in self._open:
            raise self._error(node, key, "an anchor must not contain itself")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self._value(item, (*key, position)) for position, item in enumerate(node.value)]
            return self._mapping(node, key)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, key: Key) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, key, "a key must be plain text")
            name = str(key_node.value)
            if name in values:
                first = self._lines[(*key, name)]
                raise self._error(
                    key_node, (*key, name), f"stands here twice (first on line {first}): remove one"
                )
            self._lines[(*key, name)] = key_node.start_mark.line + 1
            values[name] = self._value(value_node, (*key, name))
        return values

    def _scalar(self, node: yaml.ScalarNode, key: Key) -> Any:
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else error
            raise self._error(node, key, f"cannot be read: {problem}") from None

    def _error(self, node: yaml.Node, key: Key, message: str) -> ConfigError:
        return ConfigError(message, file=self._path, line=node.start_mark.line + 1, key=_dotted(key))


def _dotted(key: Key) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
