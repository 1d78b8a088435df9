"""An act worked out in full, and kept in the journal, before anything of the tree is touched."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cfx_flow.errors import InvalidRequest, NotApplied
from cfx_flow.workspace.edits.carry import carry, is_edited
from cfx_flow.workspace.edits.change import Change, Drifted
from cfx_flow.workspace.edits.files import File, Folder, Untouchable
from cfx_flow.workspace.edits.git import Git
from cfx_flow.workspace.edits.journal import Journal, Step, digest, discard
from cfx_flow.workspace.edits.site import OWN_FOLDER, Site
from cfx_flow.workspace.paths import check_path

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Draft:
    """One file to be written: what lies there, and what comes."""

    path: str
    found: File | None
    content: bytes | None
    mode: int | None
    """of the file to come"""
    drifted: bool
    """it was edited since the change was made, elsewhere"""

    @property
    def now(self) -> bytes | None:
        return None if self.found is None else self.found.content

    def step(self, beside: str) -> Step:
        found = self.found or File(b"")
        return Step(
            self.path, digest(self.now), digest(self.content), found.mode, self.mode, found.owner, beside
        )


def drafts_of(site: Site, changes: Sequence[Change]) -> list[Draft]:
    """Without the files that are already as they are to be. Raises NotApplied naming what is in the way."""
    drafts, problems = [], []
    for change in changes:
        try:
            _check_path(site, change.path)
            drafts.append(_draft(site.folder, change))
        except Drifted as drifted:
            problems.append(f"{change.path} {drifted.why}")
        except (Untouchable, InvalidRequest) as error:
            problems.append(str(error).rstrip("."))
    if problems:
        more = f"; and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
        raise NotApplied(f"{'; '.join(problems[:MOST_NAMED])}{more}. Nothing was written.")
    return [draft for draft in drafts if draft.content != draft.now]


def _draft(folder: Folder, change: Change) -> Draft:
    found = folder.read(change.path)
    now = None if found is None else found.content
    mode = change.mode if found is None else found.mode
    content = carry(change.before, change.after, now)
    return Draft(change.path, found, content, mode, is_edited(change.before, change.after, now))


def _check_path(site: Site, path: str) -> None:
    """Raises InvalidRequest, Untouchable."""
    check_path(path)
    parts = path.split("/")
    if any(part.casefold() == OWN_FOLDER for part in parts):
        raise Untouchable(path, f"it lies in {OWN_FOLDER}, which is ours")
    parents = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
    if site.git and any((site.top / parent / ".git").exists() for parent in parents):
        raise Untouchable(path, "it lies in another repository, or in a submodule")


def stage(journal: Journal, drafts: Sequence[Draft]) -> tuple[Step, ...]:
    """Both sides of every file, kept. Raises OSError."""
    discard(journal.next)
    for side in ("before", "after"):
        (journal.next / side).mkdir(parents=True)
    token = secrets.token_hex(4)
    for draft in drafts:
        if draft.found is not None:
            journal.stage("before", draft.path, draft.found.content, draft.found.mode)
        if draft.content is not None:
            journal.stage("after", draft.path, draft.content, draft.mode)
    return tuple(draft.step(f".cfx-{token}-{number}") for number, draft in enumerate(drafts))


def folders_for(site: Site, drafts: Sequence[Draft]) -> tuple[str, ...]:
    """That are not there yet, outermost first."""
    wanted = [draft.path for draft in drafts if draft.content is not None]
    return tuple(dict.fromkeys(folder for path in wanted for folder in site.folder.missing_folders(path)))


def trees_of(git: Git, journal: Journal, drafts: Sequence[Draft]) -> tuple[str, str]:
    """HEAD's tree with the files as they were, and as they will be. Raises GitRefused."""
    paths, head = [draft.path for draft in drafts], git.head()
    before, after = (
        git.tree_of_files(head, journal.next / side, paths, journal.index) for side in ("before", "after")
    )
    return before, after
