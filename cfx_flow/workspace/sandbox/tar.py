"""A tree of files as a tar stream, made while it is read: a snapshot may be 256 MiB.

**Source**: POSIX.1-1988 ustar, with GNU's entry for long names, which both GNU's tar and busybox's read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

BLOCK = 512
END = bytes(20 * BLOCK)
PIECE_BYTES = 256 * 1024

_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s247x")
_MAGIC = b"ustar  \0"
_LONG_NAME = b"././@LongLink"


def tar_size(files: Mapping[str, bytes]) -> int:
    """How many bytes ``tar`` makes of them."""
    return len(END) + sum(
        _named(path)[1] + BLOCK + len(content) + _padding(len(content)) for path, content in files.items()
    )


def tar(files: Mapping[str, bytes], modes: Mapping[str, int]) -> Iterator[bytes]:
    """In pieces of about PIECE_BYTES."""
    piece = bytearray()
    for path, content in files.items():
        piece += _header(path, modes[path], len(content))
        rest = memoryview(content)
        while rest:
            piece += rest[:PIECE_BYTES]
            rest = rest[PIECE_BYTES:]
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
        piece += bytes(_padding(len(content)))
    yield bytes(piece) + END


def _header(path: str, mode: int, size: int) -> bytes:
    name, before = _named(path)
    if not before:
        return _entry(name, mode, size, b"0")
    long = name + b"\0"
    padded = long + bytes(_padding(len(long)))
    return _entry(_LONG_NAME, 0o644, len(long), b"L") + padded + _entry(name[:100], mode, size, b"0")


def _named(path: str) -> tuple[bytes, int]:
    """The name, and how many bytes stand before its header for its length's sake."""
    name = path.encode("utf-8", "surrogateescape")
    return name, 0 if len(name) < 100 else BLOCK + len(name) + 1 + _padding(len(name) + 1)


def _entry(name: bytes, mode: int, size: int, kind: bytes) -> bytes:
    fields = [name, b"%07o" % mode, b"0000000", b"0000000", b"%011o" % size, b"00000000000"]
    total = sum(_HEADER.pack(*fields, b" " * 8, kind, b"", _MAGIC))
    return _HEADER.pack(*fields, b"%06o\0 " % total, kind, b"", _MAGIC)


def _padding(size: int) -> int:
    return -size % BLOCK
