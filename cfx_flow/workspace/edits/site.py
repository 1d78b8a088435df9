"""Where an act takes place: the tree, the journal that belongs to it, and its repository, if any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cfx_flow.errors import NotApplied, TreeBusy, WorkspaceUnreachable
from cfx_flow.workspace.edits.files import Folder, Untouchable
from cfx_flow.workspace.edits.git import Git, GitRefused, find_git
from cfx_flow.workspace.edits.journal import Busy, Journal

OWN_FOLDER = ".cfx"
"""no change leads there: journals without git, and a server's data, lie in it"""


@dataclass(frozen=True, slots=True)
class Site:
    """Paths are relative to ``top``; ``prefix`` leads from there to the folder that was named."""

    top: Path
    prefix: str
    journal: Journal
    git: Git | None

    @property
    def folder(self) -> Folder:
        return Folder(self.top)


def find_site(root: Path) -> Site:
    """Raises WorkspaceUnreachable."""
    try:
        here = root.resolve(strict=True)
    except (OSError, RuntimeError):
        raise WorkspaceUnreachable(f"{root} is not a folder that can be reached.") from None
    if not here.is_dir():
        raise WorkspaceUnreachable(f"{root} is not a folder.")
    try:
        git = find_git(here)
    except GitRefused as error:
        raise WorkspaceUnreachable(f"git does not work in {root}: {error}") from None
    if git is None:
        return Site(here, "", Journal(_own_folder(here)), None)
    top = git.top.resolve()
    prefix = "" if here == top else here.relative_to(top).as_posix() + "/"
    return Site(top, prefix, Journal(git.folder / "cfx"), git)


@contextmanager
def locked(site: Site) -> Iterator[Site]:
    """The site while nobody else changes it. Raises TreeBusy, NotApplied."""
    try:
        with site.journal.locked() as lock:
            yield replace(site, git=replace(site.git, lock=lock) if site.git else None)
    except Busy:
        raise TreeBusy(f"Another cfx is at work in {site.top}. Try again when it is done.") from None
    except GitRefused as error:
        raise NotApplied(f"git refuses: {error}. Nothing was written.") from None
    except Untouchable as error:
        raise NotApplied(f"{error}. Nothing was written.") from None
    except OSError as error:
        raise NotApplied(
            f"{site.journal.folder} cannot be used ({error.strerror}); the files are as they were."
        ) from None


def _own_folder(here: Path) -> Path:
    """Raises WorkspaceUnreachable for a link, which would have us write elsewhere."""
    for place in (here / OWN_FOLDER, here / OWN_FOLDER / "edits"):
        if place.is_symlink():
            raise WorkspaceUnreachable(f"{place} is a link; remove it, nothing is written through it.")
    return here / OWN_FOLDER / "edits"
