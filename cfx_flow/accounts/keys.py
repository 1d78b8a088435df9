"""The form of a key: ``cfx_<public id>_<secret><checksum>``, all base62.

12 characters of public id (the look-up column), 43 of secret (256 random bits) and 6 of
checksum, which catches a typo or a lost end without asking the database.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH = 12
SECRET_LENGTH = 43  # 62**43 > 2**256
CHECKSUM_LENGTH = 6  # 62**6 > 2**32
_FORM = re.compile(
    rf"cfx_(?P<key_id>[0-9A-Za-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}", re.ASCII
)
_PUBLIC_ID = re.compile(rf"(?:cfx_)?(?P<key_id>[0-9A-Za-z]{{{ID_LENGTH}}})(?:_[0-9A-Za-z]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FreshKey:
    key_id: str
    text: str = field(repr=False)


def make_key() -> FreshKey:
    key_id = _random(ID_LENGTH)
    body = f"cfx_{key_id}_{_random(SECRET_LENGTH)}"
    return FreshKey(key_id=key_id, text=body + _checksum(body))


def read_key_id(key: str) -> str | None:
    """The public id of a whole, well-formed key; ``None`` after a typo."""
    form = _FORM.fullmatch(key)
    if form is None or _checksum(key[:-CHECKSUM_LENGTH]) != key[-CHECKSUM_LENGTH:]:
        return None
    return form["key_id"]


def is_no_key(token: str) -> bool:
    """But perhaps a JWT: no key of ours has a dot in it."""
    return token.count(".") == 2


def find_key_id(text: str) -> str | None:
    """The public id in what a person pasted: the id, ``cfx_<id>``, or the whole key."""
    form = _PUBLIC_ID.fullmatch(text)
    return form and form["key_id"]


def hash_key(pepper: bytes, key: str) -> bytes:
    """HMAC-SHA-256 of the whole key: without the pepper a stolen table proves nothing and admits nobody."""
    return hmac.digest(pepper, key.encode(), "sha256")


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    while len(digits) < CHECKSUM_LENGTH:
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
