"""The OpenAPI document says what is so; tests/campaigns asks every operation of it."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest


@pytest.fixture
async def document(stranger: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await stranger.get("/openapi.json")).json()
    return found


def _operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


async def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(re.findall(r'"\$ref": "([^"]+)"', text)) <= known
    assert "$defs" not in text


async def test_no_parameter_can_be_null(document: dict[str, Any]) -> None:
    schemas = [
        (name, parameter["name"], parameter["schema"])
        for name, operation in _operations(document)
        for parameter in operation.get("parameters", ())
    ]
    assert len(schemas) > 10
    assert [schema for schema in schemas if "null" in json.dumps(schema)] == []


async def test_every_operation_names_the_shape_of_errors_and_whether_it_needs_a_key(
    document: dict[str, Any],
) -> None:
    for name, operation in _operations(document):
        error = operation["responses"]["default"]["content"]["application/json"]["schema"]
        assert error == {"$ref": "#/components/schemas/Error"}, name
        assert "422" not in operation["responses"], name
        is_open = name in {"get /healthz", "get /readyz", "get /metrics", "get /v1/ui-config"}
        assert ("security" in operation) is not is_open, name
