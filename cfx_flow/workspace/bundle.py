"""A flow's result in one file, for whoever wants to check it, or apply it, without the server.

    manifest.json    format, the flow, its approval, hashes of the files after, of every part, and of itself
    pre_image.json   the snapshot's id; path, mode and hash of each file that the patch touches
    before/…         those files
    patch.diff, reverse.diff, plan.md, contract.json, tests.json, findings.json

The approval is bound to ``pre_image.json``, ``patch.diff``, ``tests.json`` and ``findings.json``: its hash is
the SHA-256 of one line of JSON that gives the SHA-256 of each. Nothing is signed: who trusts nobody compares
the hash with the one that the flow shows.

**Source**: SPEC section 6, Rollback.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cfx_flow.diffs import Patch, Policy, Refusal, check, reverse
from cfx_flow.errors import InvalidRequest
from cfx_flow.workspace.archive import pack, unpack
from cfx_flow.workspace.edits.change import Change, changes_of
from cfx_flow.workspace.snapshot import PLAIN, Snapshot

FORMAT = "cfx-bundle/1"
MAX_ARCHIVE_BYTES = 64 * 1024 * 1024
APPROVED = ("pre_image.json", "patch.diff", "tests.json", "findings.json")
_PARTS = (*APPROVED, "reverse.diff", "plan.md", "contract.json")
_BEFORE = "before/"
_STRICT = Policy(judgement=frozenset())


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def canonical(value: Any) -> bytes:
    return _CANONICAL.encode(value).encode() + b"\n"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an approval is about."""

    snapshot: Snapshot
    patch: str
    paths: Sequence[str]
    """that the patch touches"""
    tests: Mapping[str, Any]
    findings: Mapping[str, Any]

    def parts(self) -> dict[str, bytes]:
        return {
            "pre_image.json": canonical({"snapshot_id": self.snapshot.id, "files": self._pre_image()}),
            "patch.diff": self.patch.encode(),
            "tests.json": canonical(self.tests),
            "findings.json": canonical(self.findings),
        }

    @property
    def approval_hash(self) -> str:
        return approval_hash(self.parts())

    def before(self) -> dict[str, bytes]:
        files = self.snapshot.files
        return {path: files[path] for path in self.paths if path in files}

    def _pre_image(self) -> list[dict[str, Any]]:
        before = self.before()
        return [
            {"path": path, "mode": f"{self.snapshot.modes[path]:o}", "sha256": sha256(before[path])}
            if path in before
            else {"path": path, "mode": None, "sha256": None}
            for path in sorted(self.paths)
        ]


def approval_hash(parts: Mapping[str, bytes]) -> str:
    return "sha256:" + sha256(canonical({name: sha256(parts[name]) for name in APPROVED}))


def make_bundle(
    evidence: Evidence, *, flow: Mapping[str, Any], plan: str, contract: Any, approved: str | None
) -> bytes:
    """A tar.gz; the same flow gives the same bytes. ``approved``: the hash that the flow's row has."""
    before = evidence.before()
    patch = _placed(evidence.patch, before)
    parts = evidence.parts() | {
        "reverse.diff": reverse(patch).encode(),
        "plan.md": plan.encode(),
        "contract.json": canonical(contract),
    }
    manifest = {
        "format": FORMAT,
        "flow": dict(flow),
        "approval_hash": approved,
        "parts": {name: sha256(content) for name, content in parts.items()},
        "after": _after(patch),
    }
    parts["manifest.json"] = sealed(manifest)
    files = parts | {_BEFORE + path: content for path, content in before.items()}
    return pack(Snapshot(files, dict.fromkeys(files, PLAIN)))


def sealed(manifest: Mapping[str, Any]) -> bytes:
    """With a hash of itself: what the hash of no part covers, such as the task, is covered too."""
    bare = {name: value for name, value in manifest.items() if name != "seal"}
    whole = bare | {"seal": sha256(canonical(bare))}
    return json.dumps(whole, sort_keys=True, indent=1).encode() + b"\n"


def _after(patch: Patch) -> dict[str, str | None]:
    return {
        change.path: None if change.after is None else sha256(change.after.encode())
        for change in patch.changes
    }


def _placed(patch: str, before: Mapping[str, bytes]) -> Patch:
    """Raises InvalidRequest where the patch does not fit."""
    result = check(
        patch, {path: content.decode("utf-8", "replace") for path, content in before.items()}, _STRICT
    )
    if isinstance(result, Refusal):
        raise InvalidRequest(f"The patch does not fit the files that it was made for: {result.code}.")
    return result


# -- reading one that somebody has brought


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle, and everything in it that does not match; nothing of it is to be used then."""

    flow: Mapping[str, Any]
    approval_hash: str | None
    problems: tuple[str, ...]
    patch: Patch | None = None
    changes: tuple[Change, ...] = ()


def verify(archive: bytes) -> Verified:
    """Raises InvalidRequest for what is no bundle at all, hostile or too large."""
    if len(archive) > MAX_ARCHIVE_BYTES:
        raise InvalidRequest(f"A bundle is not larger than {MAX_ARCHIVE_BYTES} bytes.")
    files = unpack(archive).files
    manifest = _manifest(files)
    before = {name.removeprefix(_BEFORE): files[name] for name in files if name.startswith(_BEFORE)}
    problems = list(_mismatches(files, manifest))
    patch, changes = None, []
    if not any(name not in files for name in _PARTS):
        try:
            problems += _pre_image_problems(files["pre_image.json"], before, manifest["after"])
            patch = _placed(files["patch.diff"].decode("utf-8", "replace"), before)
            changes = changes_of(patch, before)
            problems += _patch_problems(files, patch, manifest["after"])
        except InvalidRequest as error:
            problems.append(error.message)
    return Verified(manifest["flow"], manifest["approval_hash"], tuple(problems), patch, tuple(changes))


def _manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    found = _json(files.get("manifest.json", b""))
    shape = {"format": str, "flow": dict, "parts": dict, "after": dict, "approval_hash": str | None}
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InvalidRequest(f"This is not a bundle: its manifest.json does not say {FORMAT}.")
    for name, kind in shape.items():
        if name not in found or not isinstance(found[name], kind):
            raise InvalidRequest(f"This is not a bundle: its manifest.json has no {name} that can be read.")
    return found


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _mismatches(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Iterator[str]:
    known = {"manifest.json", *_PARTS}
    for name in sorted(known - files.keys()):
        yield f"{name} is missing"
    for name in sorted(name for name in files if name not in known and not name.startswith(_BEFORE)):
        yield f"{name} does not belong into a bundle"
    if sealed(manifest) != files["manifest.json"]:
        yield "manifest.json is not as it was sealed"
    for name in _PARTS:
        if name in files and manifest["parts"].get(name) != sha256(files[name]):
            yield f"{name} is not what manifest.json says"
    stated = manifest["approval_hash"]
    if stated is not None and files.keys() >= set(APPROVED) and approval_hash(files) != stated:
        yield "the approval is not for this pre-image, patch, test log and findings: they make another hash"


def _pre_image_problems(
    content: bytes, before: Mapping[str, bytes], after: Mapping[str, Any]
) -> Iterator[str]:
    stated = _json(content)
    rows = stated.get("files") if isinstance(stated, dict) else None
    if not isinstance(rows, list) or not all(_names_a_file(row) for row in rows):
        yield "pre_image.json cannot be read"
        return
    hashes = {row.get("path"): row.get("sha256") for row in rows}
    if hashes.keys() != after.keys():
        yield "pre_image.json and manifest.json name different files"
    for path in sorted({*before, *(path for path, known in hashes.items() if known is not None)}):
        if path not in before:
            yield f"before/{path} is missing"
        elif hashes.get(path) != sha256(before[path]):
            yield f"before/{path} is not what pre_image.json says"


def _names_a_file(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("path"), str)


def _patch_problems(files: Mapping[str, bytes], patch: Patch, after: Mapping[str, Any]) -> Iterator[str]:
    if patch.diff.encode() != files["patch.diff"]:
        yield "patch.diff is not in the form in which it was approved"
    if reverse(patch).encode() != files["reverse.diff"]:
        yield "reverse.diff does not undo patch.diff"
    if _after(patch) != dict(after):
        yield "patch.diff makes other files than manifest.json says"
