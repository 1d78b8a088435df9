"""A snapshot as tar.gz: strict when read, canonical when written.

The reader knows the few kinds of entry that a source tree needs and refuses the rest by
name. It counts bytes as they come out of the decompressor, so that a bomb stops at the
limit, and it bounds the extended headers, which Python's ``tarfile`` reads whole.

**Source**: POSIX.1-2001 pax and GNU tar's long names; ``git archive`` writes a global pax header.
"""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zlib
from collections.abc import Iterator

import msgspec

from cfx_flow.errors import InvalidRequest
from cfx_flow.workspace.snapshot import (
    EXECUTABLE,
    MAX_FILES,
    MAX_UNPACKED_BYTES,
    PLAIN,
    Snapshot,
    checked,
)

BLOCK = tarfile.BLOCKSIZE
CHUNK_BYTES = 64 * 1024
MAX_HEADER_BYTES = 64 * 1024
MAX_RECORDS = 100
"""of such a header; there may be thousands of headers, and each record takes time"""
MAX_ENTRIES = 3 * MAX_FILES
"""folders and extended headers are entries too"""

_HEADER = struct.Struct("100s8s16x12s12x8ss188x155s12x")
"""name, mode, size, checksum, kind and what stands before the name; neither owners nor times"""
_FILE = (tarfile.REGTYPE, tarfile.AREGTYPE)
_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
}


def unpack(archive: bytes) -> Snapshot:
    """Raises InvalidRequest for what is broken, unsafe or too much; it names the entry."""
    files: dict[str, bytes] = {}
    modes: dict[str, int] = {}
    for path, mode, content in _entries(_Unzipped(archive)):
        if path in files:
            raise InvalidRequest(f"The archive holds {path!r} twice.")
        if len(files) >= MAX_FILES:
            raise InvalidRequest(f"The archive holds more than {MAX_FILES} files.")
        files[path] = content
        modes[path] = EXECUTABLE if mode & 0o100 else PLAIN
    return checked(Snapshot(files, modes))


def pack(snapshot: Snapshot) -> bytes:
    """The same bytes for the same snapshot: sorted, no times, no owners."""
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(snapshot.files):
            info = tarfile.TarInfo(path)
            info.mode, info.size = snapshot.modes[path], len(snapshot.files[path])
            tar.addfile(info, io.BytesIO(snapshot.files[path]))
    return raw.getvalue()


def _entries(source: _Unzipped) -> Iterator[tuple[str, int, bytes]]:
    """(path, mode, content) of each file; a long name comes in an entry before its file."""
    long_name: str | None = None
    for _ in range(MAX_ENTRIES):
        header = source.read(BLOCK)
        if header == bytes(BLOCK):
            return
        entry = _entry(header)
        if entry.kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
            extended = _extended(entry, source)
            if entry.kind != tarfile.XGLTYPE:
                long_name = extended or long_name
            continue
        name = long_name or entry.name
        long_name = None
        if entry.kind == tarfile.DIRTYPE or (entry.kind in _FILE and name.endswith("/")):
            source.read(_padded(entry.size))
            continue
        if entry.kind not in _FILE:
            kind = _KINDS.get(entry.kind, "an entry of an unknown kind")
            raise InvalidRequest(f"The archive holds {kind}, {name[:200]!r}: only plain files are taken.")
        yield name.removeprefix("./"), entry.mode, source.read(_padded(entry.size))[: entry.size]
    raise InvalidRequest("The archive holds too many entries.")


class _Entry(msgspec.Struct, frozen=True):
    name: str
    mode: int
    size: int
    kind: bytes


def _entry(header: bytes) -> _Entry:
    """``TarInfo.frombuf`` takes several times as long, and a snapshot has an entry for each of its files."""
    name, mode, size, checksum, kind, before = _HEADER.unpack(header)
    total = sum(header) - sum(checksum) + 8 * ord(" ")
    whole = f"{_text(before)}/{_text(name)}" if before[0] else _text(name)
    try:
        entry = _Entry(whole, _number(mode), _number(size), kind)
        off = total - _number(checksum)
    except ValueError:
        raise InvalidRequest("The archive is not a tar: an entry cannot be read.") from None
    if off and off != 256 * sum(byte > 127 for byte in header):  # old tars add up signed bytes
        raise InvalidRequest("The archive is not a tar: the checksum of an entry is wrong.")
    if entry.size < 0:
        raise InvalidRequest(f"The archive states a negative size for {entry.name[:200]!r}.")
    return entry


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    """In octal digits; or binary below a mark, as GNU tar writes what is too large for those. ``0o377`` marks
    a negative one. Raises ValueError."""
    if field[0] in (0o200, 0o377):
        return int.from_bytes(field[1:], "big") - (256 ** (len(field) - 1) if field[0] == 0o377 else 0)
    return int(field.partition(b"\0")[0].strip() or b"0", 8)


def _extended(entry: _Entry, source: _Unzipped) -> str | None:
    """The path that an extended header gives, if any."""
    if entry.size > MAX_HEADER_BYTES:
        raise InvalidRequest("The archive holds an extended header that is too large.")
    body = source.read(_padded(entry.size))[: entry.size]
    if entry.kind == tarfile.GNUTYPE_LONGNAME:
        return body.rstrip(b"\0").decode("utf-8", "surrogateescape")
    records = dict(_pax_records(body))
    if any(key.startswith(b"GNU.sparse") or key == b"size" for key in records):
        raise InvalidRequest("The archive holds a sparse or oversized file: only plain files are taken.")
    path = records.get(b"path")
    return None if path is None else path.decode("utf-8", "surrogateescape")


def _pax_records(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """``<length> <key>=<value>\\n``, the length counting the whole record."""
    at, end = 0, len(body.rstrip(b"\0"))
    for _ in range(MAX_RECORDS):
        if at >= end:
            return
        digits, _, _ = body[at : at + 9].partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 8 else 0
        key, equals, value = body[at + len(digits) + 1 : at + length].partition(b"=")
        if at + length > len(body) or not equals or not value.endswith(b"\n"):
            raise InvalidRequest("The archive holds an extended header that cannot be read.")
        yield key, value[:-1]
        at += length
    raise InvalidRequest("The archive holds an extended header with too many records.")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


class _Unzipped:
    """Reads exactly as many bytes as it is asked for, never more than the limit in all."""

    def __init__(self, archive: bytes) -> None:
        self._rest = memoryview(archive)
        self._unzip = zlib.decompressobj(wbits=31)  # 31: gzip, with its checksum
        self._ready = bytearray()
        self._left = MAX_UNPACKED_BYTES + MAX_ENTRIES * BLOCK

    def read(self, size: int) -> bytes:
        """Raises InvalidRequest when the archive ends first, is broken, or is too large."""
        if size > self._left:
            raise InvalidRequest(f"The archive unpacks to more than {MAX_UNPACKED_BYTES} bytes.")
        self._left -= size
        while len(self._ready) < size:
            self._ready += self._next()
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken

    def _next(self) -> bytes:
        feed = self._unzip.unconsumed_tail or self._take()
        if self._unzip.eof or not feed:
            raise InvalidRequest("The archive is cut off.")
        try:
            return self._unzip.decompress(feed, CHUNK_BYTES)
        except zlib.error:
            raise InvalidRequest("The body is not a tar.gz that can be read.") from None

    def _take(self) -> bytes:
        chunk, self._rest = self._rest[:CHUNK_BYTES], self._rest[CHUNK_BYTES:]
        return bytes(chunk)
