"""LiteLLM as a client library: ``litellm.completion(model="openai/…")``, as aider and many agents call it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or it asks the internet for prices

import litellm
import openai
from scenes import TOOLS, Orders, answered, gather, play, whole

STREAMED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


def create(orders: Orders, marker: str, model: str = "cfx-plan", **fields: Any) -> Any:
    given = {"api_base": orders.base_url, "api_key": orders.key, "messages": orders.user(marker)}
    return litellm.completion(model=f"openai/{model}", **given | fields)


def error_of(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        ask()
    except openai.APIError as error:  # the root of all of LiteLLM's
        shown = {"kind": type(error).__name__, "status": getattr(error, "status_code", None)}
        return shown | {"message": told(error)}
    return {"kind": "none"}


def told(error: openai.APIError) -> str:
    """What the server said, without the class names that this client puts before it."""
    return error.message.partition("OpenAIException - ")[2]


def hello_whole(orders: Orders) -> dict[str, Any]:
    return whole(create(orders, "hello"))


def hello_streamed(orders: Orders) -> dict[str, Any]:
    return gather(create(orders, "hello", **STREAMED))


def staged(orders: Orders) -> dict[str, Any]:
    create(orders, "staged", "cfx-auto", extra_headers={"X-CFX-Stage": "review"})
    return {}


def tools_whole(orders: Orders) -> dict[str, Any]:
    return whole(create(orders, "tools", "cfx-code", tools=TOOLS))


def tools_streamed(orders: Orders) -> dict[str, Any]:
    return gather(create(orders, "tools", "cfx-code", tools=TOOLS, parallel_tool_calls=True, **STREAMED))


def tools_answered(orders: Orders) -> dict[str, Any]:
    messages = answered(orders, tools_streamed(orders)["calls"])
    return whole(create(orders, "tools", "cfx-code", messages=messages, tools=TOOLS))


def thinking_streamed(orders: Orders) -> dict[str, Any]:
    return gather(create(orders, "thinking", **STREAMED))


def picture(orders: Orders) -> dict[str, Any]:
    return whole(create(orders, "picture", messages=orders.pictured("picture")))


def models(orders: Orders) -> dict[str, Any]:
    from litellm.utils import get_valid_models

    ids = get_valid_models(
        check_provider_endpoint=True,
        custom_llm_provider="openai",
        api_base=orders.base_url.removesuffix("/v1"),
        api_key=orders.key,
    )
    return {"ids": [model.removeprefix("openai/") for model in ids]}


def too_long(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: create(orders, "too long"))


def bad_request(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: create(orders, "bad request", **STREAMED))


def unknown_model(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: create(orders, "unknown", "gpt-17"))


def wrong_key(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: create(orders, "wrong key", api_key="sk-wrong"))


def spent(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: create(orders, "spent", api_key=orders.spent_key, stream=True))


def limited(orders: Orders) -> dict[str, Any]:
    started = time.time()
    seen = whole(create(orders, "limited", orders.fragile_model))
    return seen | {"waited": time.time() - started}


def flaky(orders: Orders) -> dict[str, Any]:
    return whole(create(orders, "flaky", orders.fragile_model))


def torn(orders: Orders) -> dict[str, Any]:
    text = ""
    try:
        for chunk in create(orders, "torn", stream=True):
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        return {"text": text, "message": told(error)}
    return {"text": text, "message": None}


def left_mid_stream(orders: Orders) -> dict[str, Any]:
    texts = []
    for turn in range(3):
        time.sleep(0.5 if turn == 2 else 0)  # in which the server notices it
        stream = create(orders, "slow", stream=True)
        texts.append(next(c.choices[0].delta.content for c in stream if c.choices[0].delta.content))
        stream.completion_stream.close()
    return {"texts": texts, "at": time.time()}


def left_before_the_first_byte(orders: Orders) -> dict[str, Any]:
    try:
        create(orders, "silent", stream=True, timeout=1.0, max_retries=0)
    except litellm.exceptions.Timeout:
        return {"at": time.time()}
    return {}


def down(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: create(orders, "down", orders.fragile_model, max_retries=1))


if __name__ == "__main__":
    play(
        hello_whole,
        hello_streamed,
        staged,
        tools_whole,
        tools_streamed,
        tools_answered,
        thinking_streamed,
        picture,
        models,
        too_long,
        bad_request,
        unknown_model,
        wrong_key,
        spent,
        limited,
        flaky,
        torn,
        left_mid_stream,
        left_before_the_first_byte,
        down,
    )
