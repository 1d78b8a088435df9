"""A flow's result in one file: the same bytes each time, and every change of it is noticed."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from cfx_flow.errors import InvalidRequest
from cfx_flow.workspace.archive import pack, unpack
from cfx_flow.workspace.bundle import (
    APPROVED,
    FORMAT,
    Evidence,
    canonical,
    make_bundle,
    sealed,
    sha256,
    verify,
)
from cfx_flow.workspace.snapshot import Snapshot
from tests.support.campaign import is_full

FILES = {"a.py": b"one\r\ntwo\r\nthree\r\n", "gone.py": b"gone", "other.py": b"other\n"}
PATCH = """\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@
 one\r
-two\r
+TWO\r
 three\r
diff --git a/gone.py b/gone.py
deleted file mode 100644
--- a/gone.py
+++ /dev/null
@@ -1,1 +0,0 @@
-gone
\\ No newline at end of file
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1,1 @@
+new
"""
SNAPSHOT = Snapshot(FILES, {"a.py": 0o755, "gone.py": 0o644, "other.py": 0o644})
EVIDENCE = Evidence(
    SNAPSHOT, PATCH, ["a.py", "gone.py", "new.py"], {"status": "not_run"}, {"review": {"verdict": "approve"}}
)
HASH = EVIDENCE.approval_hash


def bundle(approved: str | None = HASH, evidence: Evidence = EVIDENCE) -> bytes:
    return make_bundle(evidence, flow={"id": "f"}, plan="# Plan\n", contract=None, approved=approved)


def changed(**parts: bytes | None) -> bytes:
    """With other parts, named with ``__`` for ``.``; None takes one away. The manifest is put right."""
    files = dict(unpack(bundle()).files)
    manifest = json.loads(files["manifest.json"])
    for name, content in ((name.replace("__", "."), content) for name, content in parts.items()):
        if content is None:
            del files[name], manifest["parts"][name]
        else:
            files[name] = content
            manifest["parts"][name] = sha256(content)
    return packed(files | {"manifest.json": sealed(manifest)})


def packed(files: dict[str, bytes]) -> bytes:
    return pack(Snapshot(files, dict.fromkeys(files, 0o644)))


def with_manifest(**fields: Any) -> bytes:
    files = dict(unpack(bundle()).files)
    return packed(files | {"manifest.json": sealed(json.loads(files["manifest.json"]) | fields)})


def test_bundle_holds_together_and_gives_the_changes() -> None:
    verified = verify(bundle())
    assert verified.problems == ()
    assert verified.approval_hash == HASH
    assert {change.path: (change.before, change.after) for change in verified.changes} == {
        "a.py": (FILES["a.py"], b"one\r\nTWO\r\nthree\r\n"),
        "gone.py": (b"gone", None),
        "new.py": (None, b"new\n"),
    }


def test_same_flow_gives_the_same_bytes() -> None:
    assert bundle() == bundle()


def test_only_what_the_patch_touches_is_in_it() -> None:
    names = {name for name in unpack(bundle()).files if name.startswith("before/")}
    assert names == {"before/a.py", "before/gone.py"}


def test_unapproved_one_says_so_and_holds_together() -> None:
    verified = verify(bundle(None))
    assert (verified.problems, verified.approval_hash) == ((), None)


@pytest.mark.parametrize(
    "other",
    [
        {"patch": PATCH.replace("TWO", "SIX")},
        {"tests": {"status": "passed"}},
        {"findings": {"review": {"verdict": "reject"}}},
        {"snapshot": Snapshot(FILES, {**SNAPSHOT.modes, "a.py": 0o644})},
        {"snapshot": Snapshot({**FILES, "other.py": b"x"}, SNAPSHOT.modes)},
    ],
    ids=["patch", "tests", "findings", "mode", "snapshot"],
)
def test_approval_is_bound_to_pre_image_patch_tests_and_findings(other: dict[str, Any]) -> None:
    evidence = dataclasses.replace(EVIDENCE, **other)
    assert evidence.approval_hash != HASH
    problems = verify(bundle(evidence=evidence)).problems
    assert problems == (
        "the approval is not for this pre-image, patch, test log and findings: they make another hash",
    )


@pytest.mark.parametrize("name", ["patch.diff", "reverse.diff", "plan.md", "tests.json", "findings.json"])
def test_part_that_was_changed_is_named(name: str) -> None:
    files = dict(unpack(bundle()).files)
    told = verify(packed(files | {name: files[name] + b" "})).problems
    assert f"{name} is not what manifest.json says" in told


EVERY_BYTE = unpack(bundle()).files


@pytest.mark.e2e
@pytest.mark.campaign
@pytest.mark.parametrize("name", sorted(EVERY_BYTE))
def test_change_of_any_one_byte_of_any_part_is_noticed(name: str) -> None:
    content = EVERY_BYTE[name]
    for at in range(len(content)):
        for bit in range(8) if is_full() else [5 if at % 2 else 0]:
            changed = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
            assert not holds(packed({**EVERY_BYTE, name: changed})), (at, bit)
    for cut in (content[:-1], content[1:], content + b"\n"):
        assert not holds(packed({**EVERY_BYTE, name: cut}))


@pytest.mark.e2e
@pytest.mark.campaign
def test_change_of_any_one_byte_of_the_file_itself_is_noticed_or_changes_nothing() -> None:
    """gzip's header, and padding, say nothing about the parts."""
    archive = bundle()
    for at in range(0, len(archive), 1 if is_full() else 10):
        changed = archive[:at] + bytes([archive[at] ^ 0x20]) + archive[at + 1 :]
        assert not holds(changed) or unpack(changed).files == EVERY_BYTE, at


def holds(archive: bytes) -> bool:
    try:
        return not verify(archive).problems
    except InvalidRequest:
        return False


@pytest.mark.parametrize("name", ["patch.diff", "pre_image.json", "plan.md"])
def test_part_that_is_missing_is_named(name: str) -> None:
    assert f"{name} is missing" in verify(changed(**{name.replace(".", "__"): None})).problems


def test_change_of_a_part_with_its_hash_is_noticed_all_the_same() -> None:
    swapped = PATCH.replace("TWO", "SIX").encode()
    assert verify(changed(patch__diff=swapped)).problems[-2:] == (
        "reverse.diff does not undo patch.diff",
        "patch.diff makes other files than manifest.json says",
    )
    told = verify(changed(patch__diff=PATCH.replace("-two", "-2").encode())).problems
    assert any("does not fit" in problem for problem in told)
    assert verify(changed(reverse__diff=b"")).problems == ("reverse.diff does not undo patch.diff",)


def test_file_before_that_was_changed_added_or_taken_away_is_named() -> None:
    files = dict(unpack(bundle()).files)
    told = verify(packed(files | {"before/a.py": FILES["a.py"].replace(b"three", b"four")})).problems
    assert "before/a.py is not what pre_image.json says" in told
    assert (
        "before/x.py is not what pre_image.json says" in verify(packed(files | {"before/x.py": b""})).problems
    )
    del files["before/gone.py"]
    assert "before/gone.py is missing" in verify(packed(files)).problems


def test_stranger_among_the_parts_is_named() -> None:
    files = dict(unpack(bundle()).files)
    assert verify(packed(files | {"run.sh": b""})).problems == ("run.sh does not belong into a bundle",)


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"no archive",
        bundle()[:200],
        packed({"a": b""}),
        packed({"manifest.json": b"[" * 100_000}),
        packed({"manifest.json": b'{"format": "cfx-bundle/9"}'}),
        packed({"manifest.json": canonical({"format": FORMAT})}),
        with_manifest(parts=[]),
        with_manifest(flow=None),
        with_manifest(approval_hash=7),
        packed({"manifest.json": canonical({"format": FORMAT, "flow": {}, "parts": {}, "after": {}})}),
    ],
)
def test_what_is_no_bundle_is_refused(archive: bytes) -> None:
    with pytest.raises(InvalidRequest):
        verify(archive)


@pytest.mark.parametrize(
    "content", [b"7", b"{}", b'{"files": 7}', b'{"files": [7]}', b'{"files": [{}]}', b"\xff", b""]
)
def test_parts_that_say_nothing_are_problems_not_crashes(content: bytes) -> None:
    for name in (*APPROVED, "reverse.diff"):
        assert verify(changed(**{name.replace(".", "__"): content})).problems
