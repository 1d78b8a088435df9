"""The `todo` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from todo import store
from todo.items import Item, TodoError, TodoList

DEFAULT_FILE = Path("todo.json")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        todo = store.load(arguments.file)
        print(_run(arguments, todo))
        if arguments.command != "list":
            store.save(arguments.file, todo)
    except TodoError as error:
        print(f"todo: {error}", file=sys.stderr)
        return 1
    return 0


def _run(arguments: argparse.Namespace, todo: TodoList) -> str:
    match arguments.command:
        case "add":
            number = todo.add(arguments.title, arguments.due)
            return f"added {number}: {arguments.title}"
        case "done":
            return f"done: {todo.complete(arguments.number).title}"
        case "remove":
            return f"removed: {todo.remove(arguments.number).title}"
        case _:
            rows = todo.numbered() if arguments.all else todo.pending()
            return "\n".join(_line(number, item) for number, item in rows) or "nothing to do"


def _line(number: int, item: Item) -> str:
    mark = "x" if item.done else " "
    due = f"  (due {item.due.isoformat()})" if item.due else ""
    return f"{number:3} [{mark}] {item.title}{due}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="todo", description="A to-do list in one JSON file.")
    parser.add_argument("--file", type=Path, default=DEFAULT_FILE)
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="add an item")
    add.add_argument("title")
    add.add_argument("--due", type=date.fromisoformat, metavar="YYYY-MM-DD")
    for name, says in (("done", "mark an item as done"), ("remove", "take an item off the list")):
        command = commands.add_parser(name, help=says)
        command.add_argument("number", type=int)
    show = commands.add_parser("list", help="show what is left")
    show.add_argument("--all", action="store_true", help="also what is done")
    return parser
