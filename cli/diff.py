"""``cfx diff``: the diff check for the shell, on a folder or on JSON lines; no server needs to run."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer

from cfx_flow.diffs import (
    JUDGEMENT_REPAIRS,
    Code,
    Patch,
    Policy,
    Problem,
    Refusal,
    check,
    reverse,
    reverse_text,
)
from cfx_flow.workspace.edits import apply as write
from cfx_flow.workspace.edits import changes_of, recover
from cfx_flow.workspace.edits.files import Folder, Untouchable
from cfx_flow.workspace.working_tree import NEVER_READ
from cli.exits import CommandError, Exit, reported

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Check, apply or reverse a diff as a model wrote it: fences, prose and wrong counts are mended, "
    "a wrong place never is.",
)

Answer = Annotated[str, typer.Argument(metavar="[ANSWER]", help="File with the diff; - reads stdin.")]
Repo = Annotated[Path, typer.Option(metavar="PATH", help="The folder that the diff is for.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
AsLines = Annotated[
    bool,
    typer.Option(
        "--jsonl", help='Read {"files_before": {path: text}, "llm_output": text} per line of stdin.'
    ),
]
Protect = Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Paths to refuse; repeatable.")]
Only = Annotated[list[str] | None, typer.Option(metavar="GLOB", help="The only paths to accept; repeatable.")]
Without = Annotated[
    list[str] | None,
    typer.Option(
        "--no-repair",
        metavar="REPAIR",
        help="Refuse what needs this judgement; repeatable: "
        + ", ".join(sorted(JUDGEMENT_REPAIRS))
        + "; or `judgement` for all of them.",
    ),
]
_DEFAULT = Policy()
MaxBytes = Annotated[int, typer.Option(min=1, metavar="N", help="Refuse a longer answer (oversize).")]
MaxFiles = Annotated[int, typer.Option(min=1, metavar="N", help="Refuse more files (oversize).")]


@app.command("check")
def check_command(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command
    answer: Answer = "-",
    repo: Repo = Path(),
    protect: Protect = None,
    only: Only = None,
    no_repair: Without = None,
    max_bytes: MaxBytes = _DEFAULT.max_bytes,
    max_files: MaxFiles = _DEFAULT.max_files,
    as_lines: AsLines = False,
    as_json: AsJson = False,
) -> None:
    """Say whether the diff fits the folder; print the mended diff, or why it is refused. Writes nothing."""
    with reported():
        policy = _policy(protect, only, no_repair, max_bytes, max_files)
        if as_lines:
            _each_line(lambda text, files: _checked(check(text, files, policy)))
            return
        _clear_up(repo)
        result = check(_read(answer), Texts(repo), policy)
        _show(result, as_json=as_json)


@app.command("apply")
def apply_command(  # noqa: PLR0913, PLR0917
    answer: Answer = "-",
    repo: Repo = Path(),
    protect: Protect = None,
    only: Only = None,
    no_repair: Without = None,
    max_bytes: MaxBytes = _DEFAULT.max_bytes,
    max_files: MaxFiles = _DEFAULT.max_files,
    as_lines: AsLines = False,
    as_json: AsJson = False,
) -> None:
    """Write the diff into the folder, all of it or nothing. With --jsonl, answer with the files instead."""
    with reported():
        policy = _policy(protect, only, no_repair, max_bytes, max_files)
        if as_lines:
            _each_line(lambda text, files: _applied(check(text, files, policy), files))
            return
        _clear_up(repo)
        texts = Texts(repo)
        result = check(_read(answer), texts, policy)
        if isinstance(result, Patch):
            id = f"diff-{hashlib.sha256(result.diff.encode()).hexdigest()[:12]}"
            write(repo, id, changes_of(result, texts.read))
            typer.echo(f"written; to take it back: cfx rollback {id}", err=True)
        _show(result, as_json=as_json)


@app.command("reverse")
def reverse_command(answer: Answer = "-", as_lines: AsLines = False, as_json: AsJson = False) -> None:
    """Print the diff that undoes the given one; `cfx diff reverse P | cfx diff apply` takes P back."""
    with reported():
        if as_lines:
            _each_line(lambda text, files: _reversed(check(text, files)))
            return
        result = reverse_text(_read(answer))
        if isinstance(result, Refusal):
            _show(result, as_json=as_json)
        else:
            typer.echo(json.dumps({"diff": result}) if as_json else result, nl=as_json)


# -- JSON lines


def _each_line(answer: Callable[[str, Mapping[str, str]], dict[str, Any]]) -> None:
    """One line out for one line in, at once, so that a program can hold a conversation with us."""
    for number, line in enumerate(sys.stdin.buffer, 1):
        if line.strip():
            sys.stdout.write(json.dumps(_answer_line(line, number, answer)) + "\n")
            sys.stdout.flush()


def _answer_line(
    line: bytes, number: int, answer: Callable[[str, Mapping[str, str]], dict[str, Any]]
) -> dict[str, Any]:
    try:
        case = json.loads(line)
        files, text = case["files_before"], case["llm_output"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _not_a_case(number)
    sound = isinstance(files, dict) and isinstance(text, str)
    if not sound or not all(isinstance(content, str) for content in files.values()):
        return _not_a_case(number)
    return answer(text, files)


def _not_a_case(number: int) -> dict[str, Any]:
    message = f'line {number} is not {{"files_before": {{path: text}}, "llm_output": text}}'
    return Refusal(str(Code.NOT_TEXT), (Problem(Code.NOT_TEXT, message),)).to_dict()


def _applied(result: Patch | Refusal, files: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(result, Refusal):
        return result.to_dict()
    return {"files_after": result.files_after(files), "repairs": [item.to_dict() for item in result.repairs]}


def _checked(result: Patch | Refusal) -> dict[str, Any]:
    if isinstance(result, Refusal):
        return result.to_dict() | {"feedback": result.feedback()}
    return {
        "diff": result.diff,
        "files": [
            {"path": change.path, "added": change.added, "removed": change.removed}
            for change in result.changes
        ],
        "repairs": [item.to_dict() for item in result.repairs],
    }


def _reversed(result: Patch | Refusal) -> dict[str, Any]:
    return result.to_dict() if isinstance(result, Refusal) else {"diff": reverse(result)}


# -- a folder


class Texts(Mapping[str, str]):
    """The regular files below a folder, read when they are asked for; links are not followed."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise CommandError(f"{root} is not a folder. Give --repo the folder that the diff is for.")
        self.root = root
        self.read: dict[str, bytes] = {}

    def __contains__(self, path: object) -> bool:
        parts = PurePosixPath(path).parts if isinstance(path, str) else ()
        if not parts or parts[0] == "/" or ".." in parts:
            return False
        places = [self.root.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
        return places[-1].is_file() and not any(place.is_symlink() for place in places)

    def __getitem__(self, path: str) -> str:
        if path not in self:
            raise KeyError(path)
        try:
            file = Folder(self.root).read(path)
            if file is None:
                raise KeyError(path)
            self.read[path] = file.content
            return file.content.decode("utf-8")
        except UnicodeDecodeError:
            return "\0"  # what no text file holds: the check calls such a file binary
        except Untouchable as error:
            raise CommandError(f"{error}; it cannot be read.") from None

    def __iter__(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in NEVER_READ]
            yield from ((Path(folder) / name).relative_to(self.root).as_posix() for name in names)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _clear_up(repo: Path) -> None:
    if repo.is_dir():  # what it is otherwise is said where it is read
        for note in recover(repo):
            typer.echo(f"cfx: {note}.", err=True)


def _read(answer: str) -> str:
    try:
        content = sys.stdin.buffer.read() if answer == "-" else Path(answer).read_bytes()
    except OSError as error:
        raise CommandError(f"{answer} cannot be read ({error.strerror}).") from None
    return content.decode("utf-8", "surrogateescape")


def _policy(
    protect: Iterable[str] | None,
    only: Iterable[str] | None,
    no_repair: Iterable[str] | None,
    max_bytes: int,
    max_files: int,
) -> Policy:
    return Policy(
        max_bytes=max_bytes,
        max_files=max_files,
        allowed=tuple(only) if only else None,
        protected=tuple(protect or ()),
        judgement=JUDGEMENT_REPAIRS - _switched_off(no_repair or ()),
    )


def _switched_off(names: Iterable[str]) -> frozenset[str]:
    off = frozenset(names)
    if "judgement" in off:
        return JUDGEMENT_REPAIRS
    if unknown := sorted(off - JUDGEMENT_REPAIRS):
        known = ", ".join(sorted(JUDGEMENT_REPAIRS))
        raise CommandError(
            f"--no-repair {unknown[0]} is not known; there are {known}, and judgement for all."
        )
    return off


def _show(result: Patch | Refusal, *, as_json: bool) -> None:
    """The diff on stdout, remarks on stderr: `cfx diff check answer.md | git apply` works."""
    if as_json:
        typer.echo(json.dumps(_checked(result)))
    elif isinstance(result, Patch):
        typer.echo(result.diff, nl=False)
        for repair in result.repairs:
            typer.echo(f"mended: {repair.path + ': ' if repair.path else ''}{repair.message}", err=True)
    else:
        typer.echo(result.feedback(), err=True)
    if isinstance(result, Refusal):
        raise typer.Exit(Exit.REJECTED)
