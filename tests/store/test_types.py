"""Columns' values come back as they were."""

from __future__ import annotations

import pytest

from cfx_flow.store.types import json_text, json_value


@pytest.mark.parametrize("value", [None, {}, [1.5, None, True], {"é": "\0"}, 2**80, "\ud800"])
def test_json_comes_back_as_it_was(value: object) -> None:
    assert json_value(json_text(value)) == value


def test_what_sqlite_has_made_a_number_of_stays_one() -> None:
    assert json_value(7) == 7
    assert json_value(None) is None
