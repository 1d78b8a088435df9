"""What went into a step. A prompt is 100 to 300 KB: in the step's own row it would be written again whenever
another column changes, and SQLite writes everything twice, to its log and to the file. So a long one is
compressed, and has a row of its own that is written once. It begins as the node's first one did, for the most
part (prompts are made so, ADR 0061): that part is not kept again.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import takewhile
from typing import Any

import msgspec

from cfx_flow.aside import aside
from cfx_flow.errors import DamagedRow
from cfx_flow.flows.model import StoredInput
from cfx_flow.flows.rows import storable

IN_ROW_BYTES = 8_000
"""of JSON, two of SQLite's pages: a shorter one is written again sooner than another row is made"""
MOST_BYTES = 64 * 1024 * 1024
"""that are ever unpacked; what is longer stays in the step's row"""
PART_BYTES = 4096
"""in which it is looked for what two inputs begin with alike"""
LEVEL = 1
"""a third of a prompt is left after 2 ms; 6 leaves a quarter after 7"""


class Packer:
    """Of one run: knows what it has packed, by its parts' digests."""

    def __init__(self) -> None:
        self._whole: dict[str, tuple[int, Sequence[bytes]]] = {}
        """by node, the step whose input was stored whole"""

    async def pack(self, n: int, node: str, input: Mapping[str, Any]) -> StoredInput:
        """Before the transaction that writes it. Encoding needs the interpreter wherever it is done; the rest
        lets it go."""
        in_row = storable(input)
        size = memoryview(in_row).nbytes
        if not IN_ROW_BYTES < size <= MOST_BYTES:
            return StoredInput(in_row)
        first, before = self._whole.get(node, (n, ()))
        packed, parts = await aside(size, _packed, bytes(in_row), first, () if first == n else before)
        if packed.begins_as is None:
            self._whole[node] = n, parts
        return packed


def _packed(encoded: bytes, first: int, before: Sequence[bytes]) -> tuple[StoredInput, Sequence[bytes]]:
    """And the digests of its parts. ``before``: those of the step ``first``."""
    view = memoryview(encoded)
    starts = range(0, len(encoded) - PART_BYTES + 1, PART_BYTES)
    parts = [blake2b(view[at : at + PART_BYTES], digest_size=16).digest() for at in starts]
    same = PART_BYTES * sum(
        1 for _ in takewhile(lambda both: both[0] == both[1], zip(parts, before, strict=False))
    )
    if same < len(encoded) // 2:
        return StoredInput(None, zlib.compress(encoded, LEVEL)), parts
    return StoredInput(None, zlib.compress(view[same:], LEVEL), first, same), parts


async def unpack_input(stored: StoredInput, first: StoredInput | None = None) -> Mapping[str, Any]:
    """``first``: of the step as whose input it begins. Raises DamagedRow."""
    if stored.in_row is not None:
        in_row: Mapping[str, Any] = stored.in_row
        return in_row
    body, whole = stored.body or b"", (first and first.body) or b""
    return await aside(len(body) + len(whole), _unpacked, body, whole, stored.same_bytes)


def _unpacked(body: bytes, whole: bytes, same_bytes: int) -> Mapping[str, Any]:
    try:
        begins = _inflated(whole) if same_bytes else b""
        if len(begins) < same_bytes:
            raise ValueError("it begins as another that is shorter")
        return msgspec.json.decode(begins[:same_bytes] + _inflated(body), type=dict[str, Any])
    except (zlib.error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DamagedRow(
            f"The input of this step is damaged in the database: {error}. The flow does not need it any "
            "more; a backup may still have it."
        ) from None


def _inflated(body: bytes) -> bytes:
    """Raises zlib.error, ValueError."""
    inflating = zlib.decompressobj()
    made = inflating.decompress(body, MOST_BYTES + 1)
    if len(made) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES} bytes")
    if not inflating.eof or inflating.unused_data:
        raise ValueError("it is cut off, or not all of it")
    return made
