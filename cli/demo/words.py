"""What the demo says around its flow."""

from __future__ import annotations

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


def after_flow() -> Sequence[Text]:
    return [
        Text(),
        Text("  The first diff removed a line that the file does not have: the check refused", "dim"),
        Text("  it and said why, and the second one was right. The cost is what these tokens", "dim"),
        Text("  would cost at the prices in config/models.yaml.", "dim"),
    ]


def closing(running: Running, cfx: str, *, shown: bool) -> Sequence[Text]:
    """How to go on from here. The key is shown by the start that made it, never again."""
    stored = _near(running.log.with_name("credentials.json"))
    lines = [Text(), *_key(running, stored), Text()]
    lines += _block("Send a request", _curl(running))
    lines += _block(
        "Run a flow on a project of yours (with real models)", [f'{cfx} run "what to change" --repo PATH']
    )
    lines += _block(
        "Point an editor at it (docs/editors.md)",
        [
            "provider  OpenAI Compatible",
            f"base URL  {running.credentials.url}/v1",
            "model     cfx-auto",
            f"key       {'the one above' if running.first_start else f'in {stored}'}",
        ],
    )
    lines += _block(
        "Use real models: two lines in .env, then start again",
        ["CFX_LITELLM_URL=http://127.0.0.1:4000/v1   # any OpenAI-compatible address", "CFX_LITELLM_KEY=…"],
    )
    if not shown:
        lines += _block("See the demo flow again", [f"{cfx} demo --again"])
    lines += [Text(f"  Log: {_near(running.log)}", "dim")]
    return [*lines, Text(f"  Running on {running.credentials.url}. Ctrl-C stops it.", "bold")]


def _key(running: Running, stored: str) -> list[Text]:
    """On a line of its own, ready to be pasted: no terminal breaks it in the middle."""
    if running.new_key is None:
        read = f'export CFX_API_KEY=$(python3 -c \'import json; print(json.load(open("{stored}"))["key"])\')'
        return [Text(f"  Your key is in {stored}", "bold"), Text(read)]
    head = f"Your key, shown once ({stored} keeps it for the cfx command)"
    return [Text(f"  {head}", "bold"), Text(f"export CFX_API_KEY={running.new_key}")]


def _curl(running: Running) -> list[str]:
    return [
        f"curl {running.credentials.url}/v1/chat/completions \\",
        '  -H "Authorization: Bearer $CFX_API_KEY" \\',
        '  -H "Content-Type: application/json" \\',
        """  -d '{"model": "cfx-plan", "messages": [{"role": "user", "content": "Hi"}]}'""",
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
