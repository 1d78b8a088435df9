"""What people are shown when an upstream fails: LiteLLM 1.106's own texts, a provider's within them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from cfx_flow.errors import (
    UpstreamAuth,
    UpstreamError,
    UpstreamFailed,
    UpstreamLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from cfx_flow.stages.model import Upstream
from cfx_flow.upstream.classify import error_of_frame, error_of_response
from cfx_flow.upstream.texts import MAX_TEXT_CHARS, clean, hide_key

TAIL = (
    "\n\nLiteLLM: model group 'deepseek-v3' failed with the error above. No fallback was attempted."
    ". Received Model Group=deepseek-v3\nAvailable Model Group Fallbacks=None LiteLLM Retried: 0 times"
)


def body(message: str, **fields: Any) -> bytes:
    return json.dumps({"error": {"message": message, "type": None, "param": None, **fields}}).encode()


def error(status: int, raw: bytes | str = b"", **headers: str) -> UpstreamError:
    headers = {name.replace("__", "-"): value for name, value in headers.items()}
    return error_of_response(status, raw, headers, model="deepseek-v3")


@pytest.mark.parametrize(
    ("status", "kind", "shown"),
    [
        (400, UpstreamRefused, 400),
        (404, UpstreamRefused, 404),
        (413, UpstreamRefused, 413),
        (422, UpstreamRefused, 422),
        (401, UpstreamAuth, 503),
        (402, UpstreamAuth, 503),
        (403, UpstreamAuth, 503),
        (408, UpstreamTimeout, 503),
        (429, UpstreamLimited, 429),
        (500, UpstreamFailed, 503),
        (301, UpstreamFailed, 503),
        (204, UpstreamFailed, 503),
        (502, UpstreamUnavailable, 503),
        (503, UpstreamUnavailable, 503),
        (504, UpstreamUnavailable, 503),
        (529, UpstreamUnavailable, 503),
    ],
)
def test_each_status_means_one_error(status: int, kind: type[UpstreamError], shown: int) -> None:
    found = error(status, body("whatever"))
    assert type(found) is kind
    assert found.status == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "litellm.BadRequestError: OpenAIException - Invalid 'tools[0].name'" + TAIL,
            "Invalid 'tools[0].name'",
        ),
        (
            'litellm.BadRequestError: AnthropicException - b\'{"type":"error","error":{"type":'
            '"invalid_request_error","message":"tools.0.name: too long"}}\'' + TAIL,
            "tools.0.name: too long",
        ),
        (
            "Error code: 400 - {'error': {'message': \"Unsupported value: 'temperature'\", 'code': None}}",
            "Unsupported value: 'temperature'",
        ),
        ("see http://10.0.0.7:4000/v1 for sk-abcdef123456", "see (address) for (key)"),
    ],
)
def test_of_a_refusal_only_the_providers_own_sentence_is_shown(message: str, shown: str) -> None:
    assert error(400, body(message)).message == shown


@pytest.mark.parametrize(
    "raw",
    [
        b"<html><head><title>502 Bad Gateway</title></head><body>nginx/1.25 at 10.1.2.3</body></html>",
        b"<!DOCTYPE html><html lang=en>",
        body("litellm.APIError: <html><body>Cloudflare</body></html>"),
        body('Traceback (most recent call last):\n  File "/app/litellm/router.py", line 5'),
        body("litellm_params={'api_base': 'http://internal:1'}"),
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"error": null}',
        b'{"error": {"message": {"deep": 1}}}',
        b"null",
    ],
)
@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_internals_and_html_never_get_through(status: int, raw: bytes) -> None:
    message = error(status, raw).message
    assert message
    for leak in ("<", "litellm", "nginx", "Cloudflare", "Traceback", "api_base", "http://", "/app/"):
        assert leak not in message


@pytest.mark.parametrize(
    ("status", "message", "fields"),
    [
        (
            400,
            "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: "
            "OpenAIException - This model's maximum context length is 8192 tokens. However, you sent 9000."
            + TAIL,
            {},
        ),
        (400, "AnthropicException - prompt is too long: 210000 tokens > 200000 maximum", {}),
        (400, "too big", {"code": "context_length_exceeded"}),
        (413, "the input exceeds the context window of this model", {}),
    ],
)
def test_a_context_overflow_stays_a_400_that_editors_understand(
    status: int, message: str, fields: dict[str, Any]
) -> None:
    found = error(status, body(message, **fields))
    assert (found.status, found.code) == (400, "context_length_exceeded")
    assert "this model's maximum context length is" in found.message.lower()
    assert "litellm" not in found.message.lower()


def test_an_overflow_keeps_the_provider_s_own_numbers() -> None:
    said = "This model's maximum context length is 8192 tokens. However, you sent 9000."
    proxy = (
        f"litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: "
        f"OpenAIException - {said}\nmodel=gpt-4.1. context_window_fallbacks=None. fallbacks=None.\n\n"
        "Set 'context_window_fallback' - https://docs.litellm.ai/docs/routing#fallbacks"
    )
    assert error(400, body(proxy)).message.rstrip(".") == said.rstrip(".")


def test_a_limit_never_uses_the_words_of_an_overflow() -> None:
    found = error(429, body("Request too large: maximum context length of your tier"))
    assert "context" not in found.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry__after": "7"}, "7"),
        ({"llm_provider__retry__after": "12.2"}, "13"),
        ({"retry__after": "-3"}, "5"),
        ({"retry__after": "nan"}, "5"),
        ({"retry__after": "soon"}, "5"),
        ({}, "5"),
        ({"retry__after": "99999999"}, "86400"),
    ],
)
def test_a_limit_says_when_to_come_back(headers: dict[str, str], seconds: str) -> None:
    assert error(429, b"", **headers).headers["retry-after"] == seconds


def test_a_wait_that_sdks_would_ignore_tells_them_not_to_come_back_by_themselves() -> None:
    assert error(429, b"", retry__after="59").headers.get("x-should-retry") is None
    assert error(429, b"", retry__after="60").headers["x-should-retry"] == "false"
    assert error(429, body("no money", code="insufficient_quota")).headers["x-should-retry"] == "false"


def test_a_field_that_only_the_proxys_operator_may_set_is_the_callers_fault() -> None:
    found = error(401, body("Authentication Error, Rejected Request: rpm is not allowed in request body."))
    assert isinstance(found, UpstreamRefused)
    assert (found.status, found.param) == (400, "rpm")


def test_a_request_that_the_proxy_cannot_read_opens_no_circuit() -> None:
    found = error(500, body("litellm.APIConnectionError: OpenAIException - Invalid user message at index 0."))
    assert found.status == 400
    assert not found.trips_breaker


def test_a_refusal_that_the_proxy_lost_is_the_callers_fault_all_the_same() -> None:
    body = {"error": {"message": "'NoneType' object has no attribute '__aiter__'", "code": "500"}}
    found = error(500, json.dumps(body))
    assert (type(found), found.status) == (UpstreamRefused, 422)
    assert "NoneType" not in found.message


def test_the_proxys_key_is_never_the_callers_problem() -> None:
    found = error(400, body("No connected db.", type="no_db_connection"))
    assert isinstance(found, UpstreamAuth)
    assert "Your key is fine" in found.message


def test_a_model_that_the_upstream_does_not_have_keeps_its_404() -> None:
    found = error(404, b'{"detail":"Not Found"}')
    assert (found.status, found.code, found.param) == (404, "model_not_found", "model")


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ({"message": "overloaded", "code": "503"}, UpstreamUnavailable),
        ({"message": "slow down", "code": 429}, UpstreamLimited),
        ({"message": "bad", "code": "400"}, UpstreamRefused),
        ({"message": "x", "code": "server_error"}, UpstreamFailed),
        ("plain text", UpstreamFailed),
        ([1], UpstreamFailed),
    ],
)
def test_an_error_inside_a_stream_is_read_by_its_code(frame: object, kind: type[UpstreamError]) -> None:
    assert type(error_of_frame(frame, model="deepseek-v3")) is kind


@pytest.mark.e2e
@given(st.text(max_size=3000))
def test_any_text_is_cleaned_to_one_bounded_printable_line(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= MAX_TEXT_CHARS
    assert cleaned.isprintable()


@given(st.integers(100, 999), st.binary(max_size=400))
def test_any_answer_at_all_becomes_an_error_with_a_text(status: int, raw: bytes) -> None:
    found = error(status, raw)
    assert 400 <= found.status <= 599
    assert found.message


def test_our_own_key_is_never_quoted_whatever_its_form() -> None:
    upstream = Upstream("litellm", "http://127.0.0.1:9", SecretStr("any-form.of/key+1"))
    said = error(400, body("Key any-form.of/key+1 is not good, any-form.of/key+1", code="any-form.of/key+1"))
    hide_key(said, upstream)
    assert said.message == str(said)
    assert "any-form" not in json.dumps(said.to_body())
    assert "Key (key) is not good" in said.message


def test_upstream_without_a_key_is_quoted_as_it_is() -> None:
    said = error(400, body("temperature is too high"))
    before = said.message
    for key in (None, SecretStr("")):
        hide_key(said, Upstream("litellm", "http://127.0.0.1:9", key))
    assert said.message == before
