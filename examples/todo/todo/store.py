"""The list on the disk: one JSON file, replaced whole."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

from todo.items import Item, TodoError, TodoList


def load(path: Path) -> TodoList:
    """An absent file is an empty list; an unreadable one is an error, never an empty list."""
    try:
        rows = json.loads(path.read_text("utf-8"))
        return TodoList([_item(row) for row in rows])
    except FileNotFoundError:
        return TodoList()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TodoError(f"{path} cannot be read: {error}") from error


def save(path: Path, todo: TodoList) -> None:
    """Writes beside the file and swaps, so that a crash leaves the old list."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps([_row(item) for item in todo.items], indent=2) + "\n", "utf-8")
    fresh.replace(path)


def _item(row: dict[str, Any]) -> Item:
    due = date.fromisoformat(row["due"]) if row.get("due") else None
    return Item(row["title"], due, bool(row.get("done", False)))


def _row(item: Item) -> dict[str, Any]:
    due = item.due.isoformat() if item.due else None
    return {"title": item.title, "due": due, "done": item.done}
