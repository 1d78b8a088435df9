"""The form of a key."""

from __future__ import annotations

import re

import pytest

from cfx_flow.accounts.keys import ALPHABET, find_key_id, hash_key, make_key, read_key_id


def test_key_has_the_documented_form_and_256_random_bits() -> None:
    key = make_key()
    assert re.fullmatch(rf"cfx_{key.key_id}_[0-9A-Za-z]{{49}}", key.text)
    assert len(ALPHABET) ** 43 > 2**256
    assert read_key_id(key.text) == key.key_id


def test_keys_differ() -> None:
    assert len({make_key().text for _ in range(1000)}) == 1000


def test_every_single_typo_is_noticed() -> None:
    key = make_key().text
    for at in range(4, len(key)):
        for wrong in ALPHABET.replace(key[at], ""):
            assert read_key_id(key[:at] + wrong + key[at + 1 :]) is None


def test_swapped_neighbours_are_noticed() -> None:
    key = make_key().text
    for at in range(4, len(key) - 1):
        swapped = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
        assert swapped == key or read_key_id(swapped) is None


@pytest.mark.parametrize("text", ["", "cfx_", "sk-proj-abc", "cfx_\0", "cfx_" + "٣" * 62, "x" * 100_000])
def test_what_is_no_key_is_none(text: str) -> None:
    assert read_key_id(text) is None


@pytest.mark.parametrize(
    "change", [str.lower, str.upper, lambda k: k + "\n", lambda k: " " + k, lambda k: k[:-1]]
)
def test_almost_a_key_is_none(change: object) -> None:
    assert callable(change)
    assert read_key_id(change(make_key().text)) is None


def test_key_is_not_shown_by_its_repr() -> None:
    key = make_key()
    assert key.text not in repr(key)


def test_hash_depends_on_pepper_and_on_the_whole_key() -> None:
    key = make_key().text
    hashes = {hash_key(b"one", key), hash_key(b"two", key), hash_key(b"one", make_key().text)}
    assert len(hashes) == 3
    assert all(len(digest) == 32 for digest in hashes)


def test_people_may_paste_the_id_its_prefix_or_the_whole_key() -> None:
    key = make_key()
    pasted = (key.key_id, f"cfx_{key.key_id}", key.text)
    assert {find_key_id(text) for text in pasted} == {key.key_id}
