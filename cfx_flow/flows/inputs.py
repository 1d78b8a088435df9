"""What went into a step. A prompt is 100 to 300 KB: in the step's own row it would be written again whenever
another column changes, and SQLite writes everything twice, to its log and to the file. So a long one is
compressed, and has a row of its own that is written once.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
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
LEVEL = 1
"""a third of a prompt is left after 2 ms; 6 leaves a quarter after 7"""


async def pack_input(input: Mapping[str, Any]) -> StoredInput:
    """Before the transaction that writes it. Only zlib goes aside: it lets the interpreter go, which encoding
    needs wherever it is done."""
    encoded = storable(input)
    size = memoryview(encoded).nbytes
    if not IN_ROW_BYTES < size <= MOST_BYTES:
        return StoredInput(encoded)
    return StoredInput(None, await aside(size, zlib.compress, encoded, LEVEL))


async def unpack_input(stored: StoredInput) -> Mapping[str, Any]:
    """Raises DamagedRow."""
    if stored.in_row is not None:
        in_row: Mapping[str, Any] = stored.in_row
        return in_row
    body = stored.body or b""
    return await aside(len(body), _unpacked, body)


def _unpacked(body: bytes) -> Mapping[str, Any]:
    unpacking = zlib.decompressobj()
    try:
        encoded = unpacking.decompress(body, MOST_BYTES + 1)
        if unpacking.eof and not unpacking.unused_data:
            return msgspec.json.decode(encoded, type=dict[str, Any])
        problem = "it is cut off" if not unpacking.unconsumed_tail else f"it has more than {MOST_BYTES} bytes"
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        problem = str(error)
    raise DamagedRow(
        f"The input of this step is damaged in the database: {problem}. The flow does not need it any more; "
        "a backup may still have it."
    )
