"""Ids that we make ourselves are the UUIDs that everyone else would make."""

from __future__ import annotations

import uuid

from cfx_flow.ids import Ids


def test_ids_are_random_uuids_of_version_4() -> None:
    new_id = Ids()
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    parsed = [uuid.UUID(text) for text in made]
    assert [str(one) for one in parsed] == made
    assert {one.version for one in parsed} == {4}
    assert {one.variant for one in parsed} == {uuid.RFC_4122}
