"""Flows by the words of their task, and by how their id begins.

The text is folded here and kept beside the flow, so that both databases find alike, Turkish words too:
SQLite's ``lower`` knows ASCII, Postgres' what its locale knows. No index answers: under row level security
Postgres asks none about LIKE or ``@@`` before it knows whose a row is (docs/adr/0050).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_

from cfx_flow.flows.model import Flow
from cfx_flow.store.tables import SEARCHED_CHARS, flow_search

_HEX = re.compile("[0-9a-f]{1,32}")


def folded(text: str) -> str:
    """As it is compared: no case, no dots that tell i from ı, one blank for any white space."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(plain.replace("\u0307", "").replace("ı", "i").split())


def search_row(flow: Flow) -> dict[str, Any]:
    return {
        "flow_id": flow.id,
        "user_id": flow.user_id,
        "created_at": flow.created_at,
        "words": folded(flow.task[:SEARCHED_CHARS])[:SEARCHED_CHARS],
    }


def is_meant(wanted: str, dialect: str) -> ColumnElement[bool]:
    """``wanted``: folded. It stands in the task, or the id begins with it."""
    position = func.instr if dialect == "sqlite" else func.strpos
    stands: ColumnElement[bool] = position(flow_search.c.words, wanted) > 0
    between = _ids_that_begin(wanted)
    return stands if between is None else or_(stands, flow_search.c.flow_id.between(*between))


def _ids_that_begin(start: str) -> tuple[str, str] | None:
    """The first and the last possible one."""
    digits = start.replace("-", "")
    if not _HEX.fullmatch(digits):
        return None
    first, last = str(UUID(digits.ljust(32, "0"))), str(UUID(digits.ljust(32, "f")))
    return (first, last) if start in (digits, first[: len(start)]) else None
