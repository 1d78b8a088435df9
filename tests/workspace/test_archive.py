"""Uploaded archives: real ones come back whole, hostile ones are refused by name and in bounded memory."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from cfx_flow.errors import InvalidRequest
from cfx_flow.workspace.archive import pack, unpack
from cfx_flow.workspace.snapshot import EXECUTABLE, PLAIN, Snapshot, from_files

LONG = "/".join(["folder-with-a-long-name"] * 8) + "/file.py"
FILES = {
    "a.py": b"print()\n",
    "bin/run": b"#!/bin/sh\n",
    LONG: b"x",
    "\u00fc \u4e2d.txt": b"\xff\0",
    "e": b"",
}
MODES = {path: EXECUTABLE if path == "bin/run" else PLAIN for path in FILES}


def tar_of(*entries: tuple[tarfile.TarInfo, bytes], fmt: int = tarfile.PAX_FORMAT) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz", format=fmt) as tar:
        for info, content in entries:
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def entry(name: str, content: bytes = b"x", kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info, content


def test_what_is_packed_comes_back_and_is_the_same_bytes_each_time() -> None:
    snapshot = Snapshot(FILES, MODES)
    back = unpack(pack(snapshot))
    assert (back.files, back.modes, back.id) == (FILES, MODES, snapshot.id)
    assert pack(back) == pack(Snapshot(dict(reversed(FILES.items())), MODES))


@pytest.mark.parametrize("fmt", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_every_usual_tar_format_is_read(fmt: int) -> None:
    archive = tar_of(
        entry("folder/", b"", tarfile.DIRTYPE), entry("./folder/a", b"1"), entry(LONG, b"2"), fmt=fmt
    )
    assert unpack(archive).files == {"folder/a": b"1", LONG: b"2"}


def test_archives_of_git_and_of_tar_are_read(tmp_path: Path) -> None:
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "bin/run").chmod(0o755)

    def run(*argv: str) -> bytes:
        return subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, timeout=30).stdout

    plain = run("tar", "-czf", "-", *FILES)
    run("git", "init", "-q")
    run("git", "add", ".")
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    run("git", *who, "commit", "-qm", "x")
    committed = run("git", "archive", "--format=tar.gz", "HEAD")

    assert unpack(plain).id == unpack(committed).id == Snapshot(FILES, MODES).id


@pytest.mark.parametrize(
    ("name", "kind", "word"),
    [
        ("link", tarfile.SYMTYPE, "symbolic link"),
        ("hard", tarfile.LNKTYPE, "hard link"),
        ("dev", tarfile.CHRTYPE, "device"),
        ("disk", tarfile.BLKTYPE, "device"),
        ("pipe", tarfile.FIFOTYPE, "named pipe"),
        ("odd", b"Z", "unknown kind"),
        ("../out", tarfile.REGTYPE, "'..'"),
        ("/abs", tarfile.REGTYPE, "absolute"),
        (".git/hooks/post-commit", tarfile.REGTYPE, ".git"),
        ("back\\slash", tarfile.REGTYPE, "backslash"),
        ("../" + "x" * 300, tarfile.REGTYPE, "'..'"),
    ],
)
def test_what_could_escape_is_refused_by_name(name: str, kind: bytes, word: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        unpack(tar_of(entry("fine"), entry(name, kind=kind)))
    assert word in refusal.value.message
    assert name[:100] in refusal.value.message


@pytest.mark.parametrize(("off_by", "is_read"), [(0, True), (2 * 256, True), (1, False), (256, False)])
def test_checksum_may_be_that_of_an_old_tar_and_not_another(off_by: int, is_read: bool) -> None:
    """Old ones added up signed bytes, of which the two of an umlaut are negative."""
    header = bytearray(tarfile.TarInfo("\u00fc").tobuf(tarfile.USTAR_FORMAT))
    header[148:156] = b"%06o\0 " % (int(header[148:154], 8) - off_by)
    archive = gzip.compress(bytes(header) + bytes(1024))
    if is_read:
        assert unpack(archive).files == {"\u00fc": b""}
        return
    with pytest.raises(InvalidRequest, match="checksum"):
        unpack(archive)


def test_a_name_that_comes_twice_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'a' twice"):
        unpack(tar_of(entry("a", b"1"), entry("./a", b"2")))


def bomb(write: Callable[[IO[bytes]], object]) -> bytes:
    raw = io.BytesIO()
    with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1) as zipped:
        write(zipped)
    return raw.getvalue()


def zeros(count_mb: int) -> Callable[[IO[bytes]], object]:
    def write(out: IO[bytes]) -> None:
        header = tarfile.TarInfo("big")
        header.size = count_mb * 1024 * 1024
        out.write(header.tobuf())
        for _ in range(min(count_mb, 8)):
            out.write(bytes(1024 * 1024))

    return write


def huge_extended_header(out: IO[bytes]) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 64 * 1024 * 1024
    out.write(header.tobuf())
    for _ in range(64):
        out.write(b"x" * 1024 * 1024)


def many_entries(out: IO[bytes]) -> None:
    folder = tarfile.TarInfo("d")
    folder.type = tarfile.DIRTYPE
    out.write(folder.tobuf() * 100_000)


@pytest.mark.parametrize(
    "write", [zeros(300), zeros(8_000), huge_extended_header], ids=["300MB", "8GB", "header"]
)
def test_a_bomb_stops_at_the_limit_in_little_memory(write: Callable[[IO[bytes]], object]) -> None:
    archive = bomb(write)
    tracemalloc.start()
    with pytest.raises(InvalidRequest):
        unpack(archive)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


@pytest.mark.e2e  # slow: sixty thousand headers
def test_endless_folders_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="too many entries"):
        unpack(bomb(many_entries))


@pytest.mark.e2e  # slow: twenty thousand files
def test_more_files_than_allowed_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="20000 files"):
        unpack(tar_of(*(entry(f"f{n}", b"") for n in range(20_001))))


def pax(body: bytes) -> bytes:
    def write(out: IO[bytes]) -> None:
        header = tarfile.TarInfo("x")
        header.type, header.size = tarfile.XHDTYPE, len(body)
        out.write(header.tobuf() + body.ljust(512, b"\0") + tarfile.TarInfo("a").tobuf() + bytes(1024))

    return bomb(write)


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"not gzip at all",
        gzip.compress(b""),
        gzip.compress(b"too short"),
        gzip.compress(b"x" * 2048),
        pack(from_files({"a": "x" * 10_000}))[:-20],
        pack(from_files({"a": "x" * 10_000}))[:60],
        pax(b"nonsense"),
        pax(b"999 path=x\n"),
        pax(b"11 path=x\n"),
        pax(b"18 GNU.sparse.x=1\n"),
        pax(b"10 size=7\n"),
        pax(b"21 path=../../../../x\n"),
        pax(b"-5 path=x\n"),
        pax(b"6 a=b\n" * 8_192),
    ],
    ids=range(15),
)
def test_rubbish_is_the_callers_mistake(archive: bytes) -> None:
    with pytest.raises(InvalidRequest):
        unpack(archive)


def test_bit_flips_never_break_the_reader() -> None:
    good = pack(Snapshot(FILES, MODES))
    for at in range(0, len(good), 7):
        flipped = good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :]
        try:
            unpack(flipped)
        except InvalidRequest:
            continue
