"""A plan's contract block: tolerant of form, never of two contracts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cfx_flow.answers import UnreadableAnswer, objects_and_rest, objects_in
from cfx_flow.contract.model import Contract, contract_of

MAX_PLAN_CHARS = 400_000

_MARKED = re.compile(
    r"^[ \t]*(?P<fence>`{3,}+|~{3,}+)(?>[^\n]*?cfx-plan)[^\n]*\n(?P<body>.*?)(?:^[ \t]*(?P=fence)|\Z)",
    re.M | re.S,
)
"""nothing is tried twice: a model that is stuck writes a whole answer of backticks"""
_OTHER_KEYS = {"tests", "dependencies", "risks", "out_of_scope"}


def read_contract(plan: str) -> Contract | None:
    """None: the plan has no such block. Raises UnreadableAnswer, which says what is wrong with it.

    The block is a fenced one marked ``cfx-plan``; failing that, a JSON object of a contract's shape.
    """
    if len(plan) > MAX_PLAN_CHARS:
        raise UnreadableAnswer(f"the plan is longer than {MAX_PLAN_CHARS} characters")
    marked = [match["body"] for match in _MARKED.finditer(plan)]
    bodies = [_marked_body(text) for text in marked] or list(_unmarked_bodies(plan))
    if not bodies:
        return None
    contracts = [_contract(body) for body in bodies]
    first, *others = contracts
    if any(other != first for other in others):
        raise UnreadableAnswer("there are several contract blocks and they differ: give exactly one")
    return first


def require_readable(plan: str | None) -> None:
    """A person's plan may do without a contract, but one that is there counts, and must be understood. Raises
    ValueError."""
    try:
        read_contract(plan or "")
    except UnreadableAnswer as error:
        raise ValueError(str(error)) from None


def without_blocks(plan: str) -> str:
    """The plan's text, for another block to follow it."""
    return _MARKED.sub("", plan).rstrip()


def contract_detail(plan: str) -> dict[str, Any]:
    """What the step of a plan keeps of it, frozen: the contract, or None and why there is none."""
    try:
        contract = read_contract(plan)
    except UnreadableAnswer as error:
        return {"contract": None, "contract_problem": str(error)}
    problem = None if contract else "the plan has no contract block"
    return {"contract": contract.to_json() if contract else None, "contract_problem": problem}


def frozen_contract(detail: Mapping[str, Any], plan: str) -> Contract | None:
    """That of a plan's step. Steps of earlier releases kept none: then the text is read."""
    kept = detail.get("contract")
    if not isinstance(kept, dict):
        kept = None if "contract_problem" in detail else contract_detail(plan)["contract"]
    return contract_of(kept) if kept else None


def _marked_body(text: str) -> Mapping[str, Any]:
    objects = objects_and_rest(text)
    found = _unwrapped(objects.found[0].value if objects.found else {})
    if "files" not in found and (not found or '"files"' in text):  # then it was cut, or its JSON is broken
        why = objects.fault_near(text.find("{") + 1)
        raise UnreadableAnswer(f"the block marked cfx-plan holds no complete JSON object{why}")
    return found


def _unmarked_bodies(plan: str) -> Iterator[Mapping[str, Any]]:
    if '"files"' in plan:
        yield from (body for body in map(_unwrapped, objects_in(plan)) if _looks_like_one(body))


def _unwrapped(value: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = value.get("cfx-plan")
    return inner if isinstance(inner, dict) else value


def _looks_like_one(body: Mapping[str, Any]) -> bool:
    """A package.json has ``files`` and ``dependencies`` too, but no list of paths with operations."""
    files = body.get("files")
    rows = isinstance(files, list) and all(isinstance(row, dict) and "path" in row for row in files)
    return rows and bool(_OTHER_KEYS & set(body) or any("operation" in row for row in files or ()))


def _contract(body: Mapping[str, Any]) -> Contract:
    if "files" not in body:
        raise UnreadableAnswer('the contract block has no "files"')
    try:
        return contract_of(body)
    except ValueError as error:
        raise UnreadableAnswer(f"the contract block: {error}") from None
