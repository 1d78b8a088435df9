"""Ids that we make ourselves are the UUIDs that everyone else would make."""

from __future__ import annotations

import time
import uuid

from cfx_flow.ids import Ids, near_id


def test_ids_are_random_uuids_of_version_4() -> None:
    new_id = Ids()
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    parsed = [uuid.UUID(text) for text in made]
    assert [str(one) for one in parsed] == made
    assert {one.version for one in parsed} == {4}
    assert {one.variant for one in parsed} == {uuid.RFC_4122}


def test_near_ids_are_uuids_of_version_8_that_begin_with_the_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = [near_id() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == 1000
    parsed = [uuid.UUID(text) for text in made]
    assert [str(one) for one in parsed] == made
    assert {(one.version, one.variant) for one in parsed} == {(8, uuid.RFC_4122)}
    assert all(int(text[:8], 16) in {at % 2**32 for at in range(before, after + 1)} for text in made)
