"""What the demo says around its flow."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from cli.demo.house import Running

NO_MODEL = "No model is behind this demo: every reply comes from a script, and says so."


def opening(running: Running) -> Sequence[Text]:
    return [
        Text(),
        _line("CF-X Flow", running.credentials.url, style="bold"),
        Text(f"  {NO_MODEL}", "yellow"),
    ]


def flow_opening(task: str, example: Path) -> Sequence[Text]:
    return [
        Text(),
        Text(f"  A flow on {_near(example)}", "bold"),
        *(Text(f"  {line}") for line in _wrap(task)),
        Text(),
    ]


def closing(running: Running, cfx: str, *, shown: bool) -> Sequence[Text]:
    """How to go on from here. The key is shown by the start that made it, never again."""
    credentials, lines = running.credentials, [Text()]
    stored = _near(running.log.with_name("credentials.json"))
    if running.first_start:
        lines += [_line("key", credentials.key), _line("", f"shown once; {stored} keeps it for cfx")]
    else:
        lines += [_line("key", f"in {stored}")]
    lines += [_line("log", _near(running.log)), Text()]
    lines += _block("Send a request", _curl(running))
    lines += _block(
        "Point an editor at it (docs/editors.md)",
        [f"OpenAI Compatible, base URL {credentials.url}/v1, model cfx-auto, the key above"],
    )
    lines += _block("Run a flow on a project of yours", [f'{cfx} run "what to change" --repo PATH'])
    lines += _block(
        "Use real models: put these into .env, then `make run` again",
        [
            "CFX_LITELLM_URL=http://127.0.0.1:4000/v1    # or any OpenAI-compatible address",
            "CFX_LITELLM_KEY=…",
        ],
    )
    if not shown:
        lines += _block("See the demo flow again", [f"{cfx} demo --again"])
    return [*lines, Text("  Running. Ctrl-C stops it.", "bold")]


def _curl(running: Running) -> list[str]:
    key = running.credentials.key if running.first_start else "$CFX_API_KEY"
    body = '{"model": "cfx-plan", "messages": [{"role": "user", "content": "Add a --json option"}]}'
    return [
        f"curl {running.credentials.url}/v1/chat/completions \\",
        f'  -H "Authorization: Bearer {key}" \\',
        '  -H "Content-Type: application/json" \\',
        f"  -d {shlex.quote(body)}",
    ]


def _block(head: str, body: Sequence[str]) -> list[Text]:
    return [Text(f"  {head}", "bold"), *(Text(f"    {line}") for line in body), Text()]


def _line(name: str, value: str, *, style: str = "dim") -> Text:
    return Text("  ").append(f"{name:<10}" if name != "CF-X Flow" else f"{name}  ", style).append(value)


def _near(path: Path) -> str:
    """Relative to where the person is, when it lies below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _wrap(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 76)
