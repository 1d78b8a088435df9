"""JSON as it really comes: decoded strictly, with one thing mended."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_ESCAPES = re.compile(
    rb"\\\\"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def mend_surrogates(text: bytes) -> bytes:
    r"""Half an emoji (``\ud83d`` without its other half) becomes U+FFFD.

    **Source**: JavaScript's ``JSON.stringify`` writes it when an editor cut a string in the middle of a
    character; strict parsers refuse the whole body for it.
    """
    return _ESCAPES.sub(lambda match: rb"\ufffd" if match[1] else match[0], text)


def decode_json(text: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Raises msgspec.DecodeError, UnicodeDecodeError or RecursionError."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = mend_surrogates(text)
        if mended == text:
            raise
        return decoder.decode(mended)
