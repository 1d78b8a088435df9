"""Simon Willison's ``llm`` on its command line, our models in extra-openai-models.yaml as its manual says."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from scenes import Orders, Screen, play

HOME = Path("llm").absolute()
os.environ["LLM_USER_PATH"] = str(HOME)
FUNCTIONS = """
def read_file(path: str) -> str:
    "Reads one file."
    return "contents [answered] llm"
"""


def configure(orders: Orders) -> None:
    names = ("cfx-plan", "cfx-code", "cfx-auto", "gpt-17", orders.fragile_model)
    models = [
        {
            "model_id": name,
            "model_name": name,
            "api_base": orders.base_url,
            "api_key_name": "cfx",
            "supports_tools": True,
            "vision": True,
        }
        for name in names
    ]
    HOME.mkdir(exist_ok=True)
    staged = {**models[2], "model_id": "staged", "headers": {"X-CFX-Stage": "review"}}
    (HOME / "extra-openai-models.yaml").write_text(json.dumps([*models, staged]))
    (HOME / "keys.json").write_text(json.dumps({"cfx": orders.key}))


def llm(orders: Orders, *arguments: str, ctrl_c_at: str | None = None) -> dict[str, Any]:
    if not HOME.exists():
        configure(orders)
    from llm.cli import cli

    seen = Screen().run(lambda: cli.main(list(arguments), "llm"), ctrl_c_at=ctrl_c_at)
    return seen | {"text": seen["text"].rstrip("\n")}


def hello_whole(orders: Orders) -> dict[str, Any]:
    return llm(orders, "-m", "cfx-plan", "--no-stream", "-u", orders.ask("hello"))


def hello_streamed(orders: Orders) -> dict[str, Any]:
    return llm(orders, "-m", "cfx-plan", "-u", orders.ask("hello"))


def staged(orders: Orders) -> dict[str, Any]:
    return llm(orders, "-m", "staged", orders.ask("staged"))


def tools_answered(orders: Orders) -> dict[str, Any]:
    """It runs the tools itself and goes on."""
    return llm(orders, "-m", "cfx-code", "--functions", FUNCTIONS, orders.ask("tools"))


def picture(orders: Orders) -> dict[str, Any]:
    file = HOME / "pixel.png"
    file.write_bytes(base64.b64decode(orders.image.partition(",")[2]))
    return llm(orders, "-m", "cfx-plan", "-a", str(file), orders.ask("picture"))


def models(orders: Orders) -> dict[str, Any]:
    return llm(orders, "openai", "endpoint", orders.base_url, "--models", "--key", orders.key)


def too_long(orders: Orders) -> dict[str, Any]:
    return llm(orders, "-m", "cfx-plan", orders.ask("too long"))


def unknown_model(orders: Orders) -> dict[str, Any]:
    return llm(orders, "-m", "gpt-17", orders.ask("unknown"))


def wrong_key(orders: Orders) -> dict[str, Any]:
    return llm(orders, "-m", "cfx-plan", "--key", "sk-wrong", orders.ask("wrong key"))


def spent(orders: Orders) -> dict[str, Any]:
    return llm(orders, "-m", "cfx-plan", "--key", orders.spent_key, orders.ask("spent"))


def flaky(orders: Orders) -> dict[str, Any]:
    return llm(orders, "-m", orders.fragile_model, orders.ask("flaky"))


def torn(orders: Orders) -> dict[str, Any]:
    return llm(orders, "-m", "cfx-plan", orders.ask("torn"))


def left_mid_stream(orders: Orders) -> dict[str, Any]:
    return llm(orders, "-m", "cfx-plan", orders.ask("slow"), ctrl_c_at="word word")


if __name__ == "__main__":
    play(
        hello_whole,
        hello_streamed,
        staged,
        tools_answered,
        picture,
        models,
        too_long,
        unknown_model,
        wrong_key,
        spent,
        flaky,
        torn,
        left_mid_stream,
    )
