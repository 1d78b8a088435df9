"""A journal that came with a stranger's folder: it must not reach anything outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cfx_flow.errors import NotApplied
from cfx_flow.workspace.edits import Change, apply, recover, rollback
from cfx_flow.workspace.edits.journal import digest
from tests.workspace.trees import contents, write

SECRET = b"secret\n"
STEP = {
    "path": "a.txt",
    "before": digest(SECRET),
    "after": digest(b"a\n"),
    "mode_before": 0o644,
    "mode_after": 0o644,
    "owner": None,
    "beside": ".cfx-00000000-0",
}
ACT = {"kind": "apply", "id": "f", "folders": [], "emptied": [], "trees": None, "commit": None, "version": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"victim": SECRET})
    return write(tmp_path / "folder", {"a.txt": b"a\n"})


def forge(folder: Path, place: str, act: dict[str, Any], **step: Any) -> None:
    forged = json.dumps(ACT | {"steps": [STEP | step]} | act)
    write(folder / ".cfx" / "edits" / place, {"act.json": forged.encode()})


@pytest.mark.parametrize(
    ("act", "step"),
    [
        ({}, {"beside": "../victim"}),
        ({}, {"beside": "victim"}),
        ({}, {"path": "../victim", "before": None, "after": digest(SECRET)}),
        ({"id": "../../../victim"}, {}),
        ({"kind": "erase"}, {}),
        ({"version": 2}, {}),
        ({"steps": 7}, {}),
        ({"commit": {"new": "x"}}, {}),
    ],
)
@pytest.mark.parametrize("place", ["pending", "finished"])
def test_forged_journal_reaches_nothing_outside(
    folder: Path, place: str, act: dict[str, Any], step: dict[str, Any]
) -> None:
    forge(folder, place, act, **step)
    if place == "pending" or step.get("path") is None:
        with pytest.raises(NotApplied):
            recover(folder)
    assert (folder.parent / "victim").read_bytes() == SECRET
    assert {item.name for item in folder.parent.iterdir()} == {"victim", "folder"}
    assert contents(folder) == {"a.txt": b"a\n"}


def test_forged_journal_does_not_copy_what_a_link_leads_to(folder: Path) -> None:
    forge(folder, "pending", {})
    (folder / ".cfx/edits/pending/before").mkdir()
    (folder / ".cfx/edits/pending/before/a.txt").symlink_to(folder.parent / "victim")
    with pytest.raises(NotApplied):
        recover(folder)
    assert contents(folder) == {"a.txt": b"a\n"}


def test_record_that_was_changed_is_not_rolled_back(folder: Path) -> None:
    apply(folder, "f", [Change("a.txt", b"a\n", b"b\n")])
    (folder / ".cfx/edits/applied/f/before/a.txt").write_bytes(b"other\n")
    with pytest.raises(NotApplied, match="is not what was kept there"):
        rollback(folder, "f")
    assert contents(folder) == {"a.txt": b"b\n"}
