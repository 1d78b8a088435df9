"""The OpenAI SDK for Python."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import openai
from scenes import TOOLS, Orders, answered, gather, play, usage_of, whole

STREAMED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


def sdk(orders: Orders, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(**{"base_url": orders.base_url, "api_key": orders.key, **options})


def create(orders: Orders, marker: str, model: str = "cfx-plan", **fields: Any) -> Any:
    return sdk(orders).chat.completions.create(model=model, messages=orders.user(marker), **fields)


def error_of(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        ask()
    except openai.APIStatusError as error:
        return {"kind": type(error).__name__, "status": error.status_code, "code": error.code} | {
            "message": error.body["message"],
            "request_id": error.request_id,
        }
    return {"kind": "none"}


def hello_whole(orders: Orders) -> dict[str, Any]:
    return whole(create(orders, "hello"))


def hello_streamed(orders: Orders) -> dict[str, Any]:
    return gather(create(orders, "hello", **STREAMED))


def staged(orders: Orders) -> dict[str, Any]:
    headers = {"X-CFX-Stage": "review"}
    raw = sdk(orders).chat.completions.with_raw_response
    answer = raw.create(model="cfx-auto", messages=orders.user("staged"), extra_headers=headers)
    return {name: answer.headers[f"x-cfx-{name}"] for name in ("stage", "stage-source", "model-used")}


def tools_whole(orders: Orders) -> dict[str, Any]:
    return whole(create(orders, "tools", "cfx-code", tools=TOOLS))


def tools_streamed(orders: Orders) -> dict[str, Any]:
    return gather(create(orders, "tools", "cfx-code", tools=TOOLS, parallel_tool_calls=True, **STREAMED))


def tools_answered(orders: Orders) -> dict[str, Any]:
    messages = answered(orders, tools_streamed(orders)["calls"])
    return whole(sdk(orders).chat.completions.create(model="cfx-code", messages=messages, tools=TOOLS))


def helper_streamed(orders: Orders) -> dict[str, Any]:
    """``chat.completions.stream``, which puts the parts together itself and checks their order."""
    with sdk(orders).chat.completions.stream(
        model="cfx-code", messages=orders.user("tools"), tools=TOOLS, stream_options={"include_usage": True}
    ) as events:
        kinds = [event.type for event in events]
        completion = events.get_final_completion()
    done = kinds.count("tool_calls.function.arguments.done")
    return whole(completion) | {"done": done, "usage": usage_of(completion.usage)}


def thinking_streamed(orders: Orders) -> dict[str, Any]:
    return gather(create(orders, "thinking", **STREAMED))


def picture(orders: Orders) -> dict[str, Any]:
    return whole(sdk(orders).chat.completions.create(model="cfx-plan", messages=orders.pictured("picture")))


def models(orders: Orders) -> dict[str, Any]:
    client = sdk(orders)
    return {"ids": [model.id for model in client.models.list()], "one": client.models.retrieve("cfx-code").id}


def too_long(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: create(orders, "too long"))


def bad_request(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: create(orders, "bad request", **STREAMED))


def unknown_model(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: create(orders, "unknown", "gpt-17"))


def wrong_key(orders: Orders) -> dict[str, Any]:
    client = sdk(orders, api_key="sk-wrong")
    return error_of(
        lambda: client.chat.completions.create(model="cfx-plan", messages=orders.user("wrong key"))
    )


def spent(orders: Orders) -> dict[str, Any]:
    client = sdk(orders, api_key=orders.spent_key)
    return error_of(
        lambda: client.chat.completions.create(model="cfx-plan", messages=orders.user("spent"), stream=True)
    )


def limited(orders: Orders) -> dict[str, Any]:
    started = time.time()
    return whole(create(orders, "limited", orders.fragile_model)) | {"waited": time.time() - started}


def flaky(orders: Orders) -> dict[str, Any]:
    """What the SDK sends again by itself is not counted again."""
    raw = sdk(orders).chat.completions.with_raw_response
    first = raw.create(model="cfx-plan", messages=orders.user("hello"))
    answer = raw.create(model=orders.fragile_model, messages=orders.user("flaky"))
    before, after = (int(one.headers["x-ratelimit-remaining"]) for one in (first, answer))
    return whole(answer.parse()) | {"counted": before - after}


def torn(orders: Orders) -> dict[str, Any]:
    text = ""
    try:
        for chunk in create(orders, "torn", stream=True):
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    except openai.APIError as error:
        return {"text": text, "message": error.message, "code": error.code}
    return {"text": text, "message": None}


def left_mid_stream(orders: Orders) -> dict[str, Any]:
    """As often as one user may stream at a time, and then once more."""
    texts = []
    for turn in range(3):
        time.sleep(0.5 if turn == 2 else 0)  # in which the server notices it
        with create(orders, "slow", stream=True) as stream:
            texts.append(next(chunk.choices[0].delta.content for chunk in stream if said(chunk)))
    return {"texts": texts, "at": time.time()}


def said(chunk: Any) -> bool:
    return bool(chunk.choices and chunk.choices[0].delta.content)


def left_before_the_first_byte(orders: Orders) -> dict[str, Any]:
    client = sdk(orders, timeout=1.0, max_retries=0)
    try:
        client.chat.completions.create(model="cfx-plan", messages=orders.user("silent"), stream=True)
    except openai.APITimeoutError:
        return {"at": time.time()}
    return {}


def down(orders: Orders) -> dict[str, Any]:
    client = sdk(orders, max_retries=1)
    return error_of(
        lambda: client.chat.completions.create(model=orders.fragile_model, messages=orders.user("down"))
    )


if __name__ == "__main__":
    play(
        hello_whole,
        hello_streamed,
        staged,
        tools_whole,
        tools_streamed,
        tools_answered,
        helper_streamed,
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
