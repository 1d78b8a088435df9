"""The request log as a spreadsheet reads it: CSV, written out page by page, never whole in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from cfx_flow.ledger.pages import SHOWN, Wanted, read_page
from cfx_flow.store.engine import Store

MOST_ROWS = 50_000
PAGE_ROWS = 1000
MOST_PAGES = 200
"""of those that look for a rare stage or model some are empty"""

COLUMNS = tuple(column.name for column in SHOWN)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""the last four are wide ones, which some spreadsheets take for theirs"""


async def log_csv(
    store: Store, user_id: str, wanted: Wanted, cursor: str | None = None, *, most_rows: int = MOST_ROWS
) -> AsyncIterator[str]:
    """At most ``most_rows`` rows, newest first, below a line of names. No transaction is held while the
    reader is slow. Raises InvalidRequest for a strange cursor, before the first line."""
    left = most_rows
    for number in range(MOST_PAGES):
        page = await read_page(store, user_id, wanted, limit=min(PAGE_ROWS, left), cursor=cursor)
        head = [COLUMNS] if number == 0 else []
        yield _lines(head, page.rows)
        left -= len(page.rows)
        cursor = page.next_cursor
        if cursor is None or left <= 0:
            return


def _lines(head: Iterable[Sequence[str]], rows: Sequence[Row[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows(head)
    writer.writerows(tuple(_cell(value) for value in row) for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    """What callers and models wrote must not become a formula. **Source**: OWASP, "CSV Injection"."""
    if isinstance(value, datetime):  # whole: `until` of the next table must leave none out
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value
