"""The OpenAPI document: FastAPI's own, plus what it cannot know: chat, probes, keys, the shape of errors."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI

from api.readiness import Readiness
from api.shapes import document_answers
from api.ui_config import UiConfig, UiConfigEndpoint

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "description": "What is wrong and what to do about it."},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
OPEN = frozenset({"/healthz", "/readyz", "/metrics", UiConfigEndpoint.PATH})
_METHODS = ("get", "put", "post", "delete", "patch")


def describe(app: FastAPI) -> None:
    """Replaces ``app.openapi``. FastAPI documents a 422 that we never send: it becomes our 400."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    paths = document["paths"]
    for path in ("/v1/chat/completions", "/chat/completions"):
        paths[path] = {"post": _chat(path)}
    paths["/v1/models"] = {"get": _list("list_models", "The models that may be named, in OpenAI's shape")}
    paths["/v1/model/info"] = {"get": _list("model_info", "The same in LiteLLM's shape: windows, prices")}
    paths["/healthz"] = {"get": _probe("healthz", "The process answers", {"type": "object"})}
    paths["/readyz"] = {"get": _readyz()}
    paths[UiConfigEndpoint.PATH] = {"get": _ui_config()}
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Error"] = ERROR_SCHEMA
    _take_up("UiConfig", UiConfig.model_json_schema(mode="serialization"), schemas)
    for name, schema in document_answers(document):
        _take_up(name, schema, schemas)
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "cfx_…"}}
    for path, operations in paths.items():
        for method in _METHODS:
            if method in operations:
                _complete_operation(operations[method], needs_key=path not in OPEN)
                _tell_the_truth(operations[method], schemas)
    return document


def _take_up(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """What pydantic writes refers to its own ``#/$defs``."""
    moved = json.loads(json.dumps(schema).replace('"#/$defs/', '"#/components/schemas/'))
    schemas |= moved.pop("$defs", {})
    schemas[name] = moved


def _complete_operation(operation: dict[str, Any], *, needs_key: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    if needs_key:
        operation["security"] = [{"key": []}]
        responses.setdefault("401", _error("Missing, wrong, revoked or expired key"))
    responses.setdefault("default", _error("Any other error, in the same shape"))


def _tell_the_truth(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """FastAPI lets optional parameters be null, which no address and no header can say. And what pydantic
    writes for a body that a route reads itself refers to ``#/$defs``, where this document has nothing."""
    for parameter in operation.get("parameters", ()):
        allowed = parameter["schema"].get("anyOf", ())
        not_null = [schema for schema in allowed if schema != {"type": "null"}]
        if len(not_null) == 1:
            del parameter["schema"]["anyOf"]
            parameter["schema"] |= not_null[0]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if defined := content["schema"].get("$defs"):
            moved = json.loads(json.dumps(content["schema"]).replace('"#/$defs/', '"#/components/schemas/'))
            schemas |= {name: moved["$defs"][name] for name in defined}
            content["schema"] = {key: value for key, value in moved.items() if key != "$defs"}


def _error(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
    }


def _list(name: str, summary: str) -> dict[str, Any]:
    return {"tags": ["models"], "summary": summary, "operationId": name, "responses": {"200": _json_object()}}


def _json_object() -> dict[str, Any]:
    return {"description": "Yes", "content": {"application/json": {"schema": {"type": "object"}}}}


def _probe(name: str, summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {
        "tags": ["health"],
        "summary": summary,
        "operationId": name,
        "responses": {"200": {"description": "Yes", "content": content}},
    }


def _readyz() -> dict[str, Any]:
    schema = Readiness.model_json_schema()
    operation = _probe("readyz", "The database answers and an upstream can be reached", schema)
    content = operation["responses"]["200"]["content"]
    operation["responses"]["503"] = {"description": "No, and what is missing", "content": content}
    return operation


def _ui_config() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/UiConfig"}
    operation = _probe("ui_config", "What the dashboard shows before anyone has signed in: public", schema)
    return operation | {"tags": ["people"]}


def _chat(path: str) -> dict[str, Any]:
    return {
        "tags": ["chat"],
        "summary": "Chat completions, as OpenAI's, routed to a stage",
        "operationId": "chat" + path.replace("/", "_"),
        "parameters": [
            _header("X-CFX-Stage", "Chooses the stage", enum=["plan", "code", "review", "direct"]),
            _header("X-CFX-Prompt", "Adds the stage's own prompt, or not", enum=["stage", "none"]),
            _header("X-CFX-Session-Id", "Names a conversation: in logs, and for X-CFX-Replace"),
            _header("X-CFX-Replace", "`true` ends the running stream of the same X-CFX-Session-Id"),
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _CHAT_REQUEST}}},
        "responses": {
            "200": {
                "description": "A completion, or with `stream` its chunks",
                "headers": {
                    name: {"schema": {"type": "string"}}
                    for name in ("X-CFX-Stage", "X-CFX-Stage-Source", "X-CFX-Model-Used")
                },
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    "text/event-stream": {},  # is a schema for the body, or for an event? tools differ
                },
            }
        },
    }


_LIMIT = {"type": ["integer", "null"], "minimum": -1, "description": "-1: none", "not": {"const": 0}}
_PART = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"type": "string"}, "text": {"type": "string"}},
}
_CHAT_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["messages"],
    "additionalProperties": True,
    "properties": {
        "model": {
            "type": ["string", "null"],
            "maxLength": 200,
            "description": "cfx-plan, cfx-code, cfx-review, cfx-auto, cfx-flow, or a listed model",
        },
        "messages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["role"],
                "properties": {
                    "role": {"type": "string"},
                    "content": {
                        "anyOf": [{"type": "string"}, {"type": "array", "items": _PART}, {"type": "null"}]
                    },
                },
            },
        },
        "stream": {"type": ["boolean", "null"]},
        "stream_options": {"type": ["object", "null"]},
        "max_tokens": _LIMIT,
        "max_completion_tokens": _LIMIT,
        "temperature": {"type": ["number", "null"]},
        "top_p": {"type": ["number", "null"]},
        "n": {"type": ["integer", "null"], "minimum": 1},
        "tools": {"type": ["array", "null"], "items": {"type": "object"}},
        "response_format": {"type": ["object", "null"]},
    },
}
