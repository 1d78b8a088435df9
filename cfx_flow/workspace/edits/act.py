"""Apply, rollback, recover: plan, seal the journal, write, finish; or put everything back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cfx_flow.errors import InvalidRequest, NotApplied
from cfx_flow.workspace.edits import commit as commits
from cfx_flow.workspace.edits.change import Change
from cfx_flow.workspace.edits.commit import CommitWish
from cfx_flow.workspace.edits.files import File, Untouchable
from cfx_flow.workspace.edits.git import Git, GitRefused
from cfx_flow.workspace.edits.journal import (
    APPLY,
    ROLLBACK,
    Act,
    Journal,
    Step,
    Unreadable,
    digest,
    discard,
    is_id,
)
from cfx_flow.workspace.edits.plan import Draft, drafts_of, folders_for, stage, trees_of
from cfx_flow.workspace.edits.site import Site, find_site, locked


@dataclass(frozen=True, slots=True)
class Done:
    """What an act has done. Paths are relative to the folder that was named."""

    id: str
    written: tuple[str, ...]
    carried: tuple[str, ...] = ()
    """of these, files that had been edited elsewhere since: the edits are kept"""
    commit: str | None = None
    branch: str | None = None
    trees: tuple[str, str] | None = None
    """in git: before and after, as ``refs/cfx/<id>/before`` and ``…/after`` name them"""
    notes: tuple[str, ...] = ()
    """what had to be cleared up first"""


def apply(root: Path, id: str, changes: Sequence[Change], wish: CommitWish | None = None) -> Done:
    """Writes the changes into ``root``, all of them or none, under the name ``id`` for a later rollback.

    A file that was edited since takes its change if every hunk still has its place. Raises NotApplied,
    TreeBusy, WorkspaceUnreachable, InvalidRequest; nothing is written then.
    """
    site = find_site(root)
    changes = [replace(change, path=site.prefix + change.path) for change in changes]
    with locked(site) as site:
        notes = _recover(site)
        _must_be_new(site, id)
        act, drafts = _planned(site, Act(APPLY, id, ()), changes, wish)
        if not drafts and act.commit is None:
            raise NotApplied("The files have this change already.", code="already_applied")
        _carry_out(site, act)
        return _done(site, act, drafts, notes)


def rollback(root: Path, id: str, wish: CommitWish | None = None) -> Done:
    """Takes back exactly what ``apply`` has written under this name; later edits elsewhere are kept.

    Raises as ``apply`` does.
    """
    site = find_site(root)
    with locked(site) as site:
        notes = _recover(site)
        record = _record(site, id)
        changes = [_back(site, record, step) for step in record.steps]
        act, drafts = _planned(site, Act(ROLLBACK, id, (), emptied=record.folders), changes, wish)
        _carry_out(site, act)
        return _done(site, act, drafts, notes)


def recover(root: Path) -> tuple[str, ...]:
    """Finishes or undoes what a process that died had begun in this tree; says what, in sentences.

    Costs next to nothing where nothing was. Raises TreeBusy, NotApplied, WorkspaceUnreachable.
    """
    site = find_site(root)
    if site.journal.at_rest:
        return ()
    with locked(site) as site:
        return _recover(site)


# -- planning


def _must_be_new(site: Site, id: str) -> None:
    if not is_id(id):
        raise InvalidRequest(f"{id!r} cannot name a change.")
    if not site.journal.record_of(id).exists():
        return
    record = _record(site, id)
    if any(_now(site, step.path) == step.after for step in record.steps):
        raise NotApplied(f"{id} is applied here already. Take it back first.", code="already_applied")


def _record(site: Site, id: str) -> Act:
    place = site.journal.record_of(id)
    if not is_id(id) or not place.exists():
        raise NotApplied(f"There is no record here that {id} was applied.", code="not_on_record")
    try:
        return site.journal.read(place)
    except Unreadable as error:
        raise _unreadable(place, error) from None


def _back(site: Site, record: Act, step: Step) -> Change:
    place, content = site.journal.record_of(record.id), site.journal.content
    try:
        before = content(place, "before", step.path, step.before)
        after = content(place, "after", step.path, step.after)
    except Unreadable as error:
        raise _unreadable(place, error) from None
    return Change(step.path, after, before, step.mode_before)


def _planned(
    site: Site, act: Act, changes: Sequence[Change], wish: CommitWish | None
) -> tuple[Act, list[Draft]]:
    """Raises NotApplied, InvalidRequest, GitRefused, OSError; nothing has been touched then."""
    drafts = drafts_of(site, changes)
    if wish is not None and site.git is None:
        raise NotApplied("A commit needs git, and this folder is in no repository. Nothing was written.")
    act = replace(act, steps=stage(site.journal, drafts), folders=folders_for(site, drafts))
    if site.git is None:
        return act, drafts
    commit = commits.plan_commit(site.git, site.journal, changes, wish) if wish else None
    return replace(act, trees=trees_of(site.git, site.journal, drafts), commit=commit), drafts


# -- writing


def _carry_out(site: Site, act: Act) -> None:
    """With HEAD on its commit, or the journal finished, it is done, whatever fails thereafter."""
    site.journal.seal(act)
    try:
        _write(site, act)
        if act.commit is None:
            site.journal.finish()
    except (OSError, Untouchable, Unreadable, GitRefused) as error:
        _put_back(site, act, error)
    except BaseException:  # Ctrl-C, and our bugs
        if not _is_done(site, act):
            _undo(site, act)
        raise
    with suppress(OSError, Untouchable, Unreadable, GitRefused):  # who comes next finds it, and files it
        if site.journal.pending.exists():
            site.journal.finish()
        _file(site)


def _is_done(site: Site, act: Act) -> bool:
    if site.git is not None and act.commit is not None:
        return commits.is_taken(site.git, act.commit)
    return not site.journal.pending.exists()


def _write(site: Site, act: Act) -> None:
    """First everything that needs room on the disk, beside its place; then names change, one by one."""
    folder, pending = site.folder, site.journal.pending
    for path in act.folders:
        folder.make_folder(path)
    for step in act.steps:
        content = site.journal.content(pending, "after", step.path, step.after)
        if content is not None:
            folder.write_beside(step.path, step.beside, File(content, step.mode_after, step.owner))
    for step in act.steps:
        if _now(site, step.path) != step.before:
            raise Untouchable(step.path, "it was edited this very moment")
        if step.after is None:
            folder.remove(step.path)
        else:
            folder.take_place(step.path, step.beside)
    if site.git is not None:
        _keep_trees(site.git, act)
        if act.commit is not None:
            commits.take(site.git, act.commit)


def _keep_trees(git: Git, act: Act) -> None:
    if act.trees is not None and act.kind == APPLY:
        for side, tree in zip(("before", "after"), act.trees, strict=True):
            git.run("update-ref", f"refs/cfx/{act.id}/{side}", tree)


def _put_back(site: Site, act: Act, error: Exception) -> None:
    """Raises NotApplied, unless it is done."""
    why = ((error.strerror if isinstance(error, OSError) else None) or str(error)).rstrip(".")
    try:
        if _is_done(site, act):
            return
        left = _undo(site, act)
    except (OSError, Untouchable, Unreadable, GitRefused) as trouble:
        raise NotApplied(
            f"{why}. Not everything could be put back ({trouble}); the next cfx command on this folder "
            "tries again."
        ) from None
    raise NotApplied(f"{why}. Everything was put back{_but(left)}.")


def _undo(site: Site, act: Act) -> list[str]:
    """Puts back every file that is as the act left it; returns those that somebody has edited since.

    May be cut off anywhere, and done again.
    """
    if site.git is not None and act.commit is not None:
        commits.give_back(site.git, act.commit)
    left = [step.path for step in reversed(act.steps) if not _undone(site, step)]
    for path in reversed(act.folders):
        site.folder.remove_folder(path)
    if act.kind == APPLY:
        _drop_trees(site, [act.id])
    discard(site.journal.pending)
    return left


def _undone(site: Site, step: Step) -> bool:
    folder = site.folder
    folder.remove(step.path, step.beside)
    now = _now(site, step.path)
    if now == step.before:
        return True
    if now != step.after:
        return False
    content = site.journal.content(site.journal.pending, "before", step.path, step.before)
    if content is None:
        folder.remove(step.path)
    else:
        for missing in folder.missing_folders(step.path):
            folder.make_folder(missing)
        folder.write_beside(step.path, step.beside, File(content, step.mode_before, step.owner))
        folder.take_place(step.path, step.beside)
    return True


def _now(site: Site, path: str) -> str | None:
    found = site.folder.read(path)
    return None if found is None else digest(found.content)


# -- after the tree is done


def _file(site: Site) -> None:
    act = site.journal.read(site.journal.finished)
    for path in reversed(act.emptied):
        site.folder.remove_folder(path)
    if act.kind == ROLLBACK:
        _drop_trees(site, [act.id])
    _drop_trees(site, site.journal.file(act))


def _drop_trees(site: Site, ids: Sequence[str]) -> None:
    """A ref that stays is in nobody's way; one that another working tree's record has, too, must stay."""
    if site.git is None:
        return
    others = [Journal(folder / "cfx") for folder in site.git.linked]
    for id in ids:
        if any(journal.record_of(id).exists() for journal in others):
            continue
        for side in ("before", "after"):
            site.git.asked("update-ref", "-d", f"refs/cfx/{id}/{side}")


def _done(site: Site, act: Act, drafts: Sequence[Draft], notes: Sequence[str]) -> Done:
    bare = {draft.path: draft.path.removeprefix(site.prefix) for draft in drafts}
    return Done(
        act.id,
        tuple(bare.values()),
        tuple(bare[draft.path] for draft in drafts if draft.drifted),
        act.commit.new if act.commit else None,
        act.commit.branch if act.commit else None,
        act.trees,
        tuple(notes),
    )


# -- after a crash


def _recover(site: Site) -> tuple[str, ...]:
    journal = site.journal
    notes: list[str] = []
    try:
        discard(journal.next)
        if journal.finished.exists():
            notes.append(_told(journal.read(journal.finished), "finished"))
            _file(site)
        if journal.pending.exists():
            notes.append(_cleared_up(site, journal.read(journal.pending)))
    except (Untouchable, GitRefused, OSError) as error:
        raise NotApplied(f"What was cut off in {site.top} cannot be cleared up yet: {error}.") from None
    except Unreadable as error:
        raise _unreadable(journal.pending, error) from None
    return tuple(notes)


def _cleared_up(site: Site, act: Act) -> str:
    """Finished if HEAD is on its commit already, else undone."""
    if _is_done(site, act):
        site.journal.finish()
        _file(site)
        return _told(act, "finished")
    return _told(act, "undone") + _but(_undo(site, act))


def _told(act: Act, how: str) -> str:
    what = "An apply" if act.kind == APPLY else "A rollback"
    return f"{what} of {act.id} had been cut off; it was {how}"


def _but(left: Sequence[str]) -> str:
    if not left:
        return ""
    return f", but for {', '.join(left)}, which somebody has edited since"


def _unreadable(place: Path, error: Exception) -> NotApplied:
    return NotApplied(
        f"The journal {place} cannot be read ({error}). Look at the files that it names, then remove it."
    )
