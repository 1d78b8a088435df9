"""langchain-openai's ``ChatOpenAI``, as a LangChain user writes it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import openai
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from scenes import TOOLS, Orders, play


def chat(orders: Orders, model: str = "cfx-plan", **options: Any) -> ChatOpenAI:
    given = {"base_url": orders.base_url, "api_key": orders.key, "model": model, "stream_usage": True}
    return ChatOpenAI(**given | options)


def asked(orders: Orders, marker: str) -> list[HumanMessage]:
    return [HumanMessage(orders.ask(marker))]


def shown(message: Any) -> dict[str, Any]:
    used = message.usage_metadata
    calls = [{**call, "arguments": json.dumps(call["args"])} for call in message.tool_calls]
    return {
        "text": message.content,
        "finish": message.response_metadata.get("finish_reason"),
        "calls": [{name: call[name] for name in ("id", "name", "arguments")} for call in calls],
        "usage": used
        and {
            "input": used["input_tokens"],
            "output": used["output_tokens"],
            "cached": used.get("input_token_details", {}).get("cache_read"),
        },
    }


def gathered(chunks: Iterable[AIMessageChunk]) -> dict[str, Any]:
    pieces, whole = 0, None
    for chunk in chunks:
        pieces += bool(chunk.content)
        whole = chunk if whole is None else whole + chunk
    return shown(whole) | {"pieces": pieces}


def error_of(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        ask()
    except openai.APIStatusError as error:
        return {"status": error.status_code, "code": error.code, "message": error.body["message"]}
    return {"status": None}


def hello_whole(orders: Orders) -> dict[str, Any]:
    return shown(chat(orders).invoke(asked(orders, "hello")))


def hello_streamed(orders: Orders) -> dict[str, Any]:
    return gathered(chat(orders).stream(asked(orders, "hello")))


def staged(orders: Orders) -> dict[str, Any]:
    chat(orders, "cfx-auto", default_headers={"X-CFX-Stage": "review"}).invoke(asked(orders, "staged"))
    return {}


def tools_whole(orders: Orders) -> dict[str, Any]:
    return shown(chat(orders, "cfx-code").bind_tools(TOOLS).invoke(asked(orders, "tools")))


def tools_streamed(orders: Orders) -> dict[str, Any]:
    return gathered(chat(orders, "cfx-code").bind_tools(TOOLS).stream(asked(orders, "tools")))


def tools_answered(orders: Orders) -> dict[str, Any]:
    model = chat(orders, "cfx-code").bind_tools(TOOLS)
    turn = model.invoke(asked(orders, "tools"))
    text = f"contents {orders.ask('answered')}"
    results = [ToolMessage(text, tool_call_id=call["id"]) for call in turn.tool_calls]
    return shown(model.invoke([*asked(orders, "tools"), turn, *results]))


def picture(orders: Orders) -> dict[str, Any]:
    return shown(chat(orders).invoke(orders.pictured("picture")))


def too_long(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: chat(orders).invoke(asked(orders, "too long")))


def bad_request(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: list(chat(orders).stream(asked(orders, "bad request"))))


def unknown_model(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: chat(orders, "gpt-17").invoke(asked(orders, "unknown")))


def wrong_key(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: chat(orders, api_key="sk-wrong").invoke(asked(orders, "wrong key")))


def spent(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: list(chat(orders, api_key=orders.spent_key).stream(asked(orders, "spent"))))


def limited(orders: Orders) -> dict[str, Any]:
    started = time.time()
    seen = shown(chat(orders, orders.fragile_model).invoke(asked(orders, "limited")))
    return seen | {"waited": time.time() - started}


def flaky(orders: Orders) -> dict[str, Any]:
    return shown(chat(orders, orders.fragile_model).invoke(asked(orders, "flaky")))


def torn(orders: Orders) -> dict[str, Any]:
    text = ""
    try:
        for chunk in chat(orders).stream(asked(orders, "torn")):
            text += str(chunk.content)
    except openai.APIError as error:
        return {"text": text, "message": error.message}
    return {"text": text, "message": None}


def left_mid_stream(orders: Orders) -> dict[str, Any]:
    texts = []
    for turn in range(3):
        time.sleep(0.5 if turn == 2 else 0)  # in which the server notices it
        stream = chat(orders).stream(asked(orders, "slow"))
        texts.append(next(chunk.content for chunk in stream if chunk.content))
        stream.close()
    return {"texts": texts, "at": time.time()}


def left_before_the_first_byte(orders: Orders) -> dict[str, Any]:
    try:
        list(chat(orders, timeout=1.0, max_retries=0).stream(asked(orders, "silent")))
    except openai.APITimeoutError:
        return {"at": time.time()}
    return {}


def down(orders: Orders) -> dict[str, Any]:
    return error_of(lambda: chat(orders, orders.fragile_model, max_retries=1).invoke(asked(orders, "down")))


if __name__ == "__main__":
    play(
        hello_whole,
        hello_streamed,
        staged,
        tools_whole,
        tools_streamed,
        tools_answered,
        picture,
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
