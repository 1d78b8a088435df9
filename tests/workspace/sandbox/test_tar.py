"""The tar stream, read by others."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from cfx_flow.workspace.sandbox.tar import PIECE_BYTES, tar, tar_size
from tests.support.browser import absent

ODD = {
    "a": b"",
    "a b/c": b"x" * 511,
    "block": b"x" * 512,
    "é" * 49 + "a": b"1",
    "n" * 99: b"99",
    "n" * 100: b"100",
    "d" * 255 + "/" + "é" * 100: b"long",
    "e/" * 500 + "end": b"deep",
    "big": bytes(range(256)) * 4096,
}


def test_its_size_is_known_beforehand() -> None:
    for files in ({}, ODD, {"n" * n: b"x" * n for n in range(90, 110)}):
        assert sum(map(len, tar(files, dict.fromkeys(files, 0o644)))) == tar_size(files)


def test_it_comes_in_pieces_of_a_bounded_size() -> None:
    files = {"big": bytes(5 * PIECE_BYTES + 1), **{f"{n}": bytes(5000) for n in range(200)}}
    pieces = [len(piece) for piece in tar(files, dict.fromkeys(files, 0o644))]
    assert max(pieces) <= 2 * PIECE_BYTES
    assert len(pieces) > 5


def test_python_reads_the_same_files() -> None:
    modes = dict.fromkeys(ODD, 0o644) | {"a": 0o755}
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar(ODD, modes)))) as read:
        members = {member.name: member for member in read.getmembers()}
        found = {name: (member.mode, _content(read, member)) for name, member in members.items()}
    assert found == {name: (modes[name], content) for name, content in ODD.items()}


@pytest.mark.parametrize("program", [["tar"], ["busybox", "tar"]])
def test_tars_read_the_same_files(program: list[str], tmp_path: Path) -> None:
    if program[0] == "busybox" and not Path("/bin/busybox").exists():
        absent("busybox-static is not installed")
    stream = b"".join(tar(ODD, dict.fromkeys(ODD, 0o644)))
    subprocess.run([*program, "-x", "-m", "-f", "-"], input=stream, cwd=tmp_path, check=True)
    found = {
        str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert found == ODD


def _content(read: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = read.extractfile(member)
    assert opened is not None
    return opened.read()
