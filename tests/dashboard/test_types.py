"""The dashboard's types are those of the API as it is now."""

from __future__ import annotations

import json

import pytest

from api.document import document
from cli.dashboard.types import TYPES, generate, head_for, shapes_of


def test_types_are_not_stale() -> None:
    """If this fails, the API's shapes have changed: run `make dashboard-types` and look at what it says."""
    assert TYPES.read_text("utf-8").startswith(head_for(shapes_of(document())))


@pytest.mark.e2e
def test_types_are_what_the_generator_makes_of_the_document() -> None:
    assert TYPES.read_text("utf-8") == generate(document())


def test_another_sentence_makes_no_type_stale_and_another_field_does() -> None:
    field = {"type": "string", "description": "One"}
    before = json.dumps({"title": "A", "properties": {"title": field}})
    assert shapes_of(before) == shapes_of(before.replace("One", "Two"))
    assert shapes_of(before) != shapes_of(before.replace('"properties": {"title"', '"properties": {"head"'))
