"""aider's own command, on a small repository for each scene; the scripted model speaks its edit format."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or it asks the internet for prices

from scenes import Orders, Screen, play

QUIET = [
    "--yes-always",
    "--no-pretty",
    "--no-check-update",
    "--analytics-disable",
    "--no-show-model-warnings",
    "--no-show-release-notes",
    "--no-gitignore",
    "--no-detect-urls",
    "--no-suggest-shell-commands",
    "--no-auto-lint",  # the rest would cost seconds and ask no model
    "--map-tokens=0",
]
WINDOW = {"max_input_tokens": 131072, "max_output_tokens": 8192, "litellm_provider": "openai", "mode": "chat"}
MODELS = ("cfx-plan", "cfx-code", "cfx-auto")
GREET = 'def greet(name):\n    return "Hello " + name\n'


def repository(name: str) -> Path:
    folder = Path(f"aider-{name}").absolute()
    folder.mkdir()
    (folder / "greet.py").write_text(GREET)
    git(folder, "init", "-q")
    git(folder, "config", "user.name", "A. Person")
    git(folder, "config", "user.email", "person@example.org")
    git(folder, "add", "greet.py")
    git(folder, "commit", "-q", "-m", "First")
    return folder


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def aider(
    orders: Orders, scene: str, *arguments: str, key: str = "", ctrl_c_at: str | None = None
) -> dict[str, Any]:
    """``aider … --message … greet.py`` in a fresh repository, and what it left there."""
    from aider.main import main

    folder = repository(scene.replace(" ", "-"))
    metadata = folder.with_suffix(".json")
    metadata.write_text(json.dumps({f"openai/{model}": WINDOW for model in MODELS}))
    argv = [*QUIET, "--model-metadata-file", str(metadata), "--openai-api-base", orders.base_url]
    argv += ["--openai-api-key", key or orders.key, *arguments, "--message", orders.ask(scene), "greet.py"]
    before = Path.cwd()
    os.chdir(folder)
    try:
        seen = Screen().run(lambda: main(argv), ctrl_c_at=ctrl_c_at)
    finally:
        os.chdir(before)
    log = git(folder, "log", "--format=%s").splitlines()
    return seen | {"file": (folder / "greet.py").read_text(), "log": log}


def edit(orders: Orders) -> dict[str, Any]:
    return aider(orders, "edit", "--model", "openai/cfx-code", "--edit-format", "diff")


def architect(orders: Orders) -> dict[str, Any]:
    """As docs/editors.md sets it up."""
    return aider(
        orders, "architect", "--architect", "--model", "openai/cfx-plan", "--editor-model", "openai/cfx-code"
    )


def auto(orders: Orders) -> dict[str, Any]:
    return aider(orders, "auto", "--model", "openai/cfx-auto", "--edit-format", "whole", "--no-stream")


def too_long(orders: Orders) -> dict[str, Any]:
    return aider(orders, "too long", "--model", "openai/cfx-plan")


def wrong_key(orders: Orders) -> dict[str, Any]:
    return aider(orders, "wrong key", "--model", "openai/cfx-plan", key="sk-wrong")


def left_mid_stream(orders: Orders) -> dict[str, Any]:
    return aider(orders, "slow", "--model", "openai/cfx-plan", ctrl_c_at="word word")


if __name__ == "__main__":
    play(edit, architect, auto, too_long, wrong_key, left_mid_stream)
