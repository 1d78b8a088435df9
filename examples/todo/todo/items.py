"""The list and what can be done with it. Nothing here reads or writes a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date


class TodoError(Exception):
    """Something the person at the terminal can mend; the text says what."""


@dataclass(frozen=True)
class Item:
    title: str
    due: date | None = None
    done: bool = False

    def overdue(self, today: date) -> bool:
        return not self.done and self.due is not None and self.due < today


@dataclass
class TodoList:
    """Items are numbered from 1, in the order in which they were added."""

    items: list[Item] = field(default_factory=list)

    def add(self, title: str, due: date | None = None) -> int:
        """Appends an item and returns its number."""
        if not title.strip():
            raise TodoError("an item needs a title")
        self.items.append(Item(title.strip(), due))
        return len(self.items)

    def complete(self, number: int) -> Item:
        """Marks an item as done and returns it."""
        item = replace(self.items[number - 1], done=True)
        self.items[number - 1] = item
        return item

    def remove(self, number: int) -> Item:
        """Takes an item off the list and returns it."""
        return self.items.pop(number - 1)

    def pending(self) -> Iterator[tuple[int, Item]]:
        return ((number, item) for number, item in self.numbered() if not item.done)

    def numbered(self) -> Iterator[tuple[int, Item]]:
        return enumerate(self.items, start=1)
