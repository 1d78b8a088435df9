"""The clients, where each lives, and which scenes it cannot play, with the reason."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.processes import HOUSE

PROGRAMS = Path(__file__).parent / "programs"
OURS = Path(sys.executable)
OF_LITELLM = HOUSE / ".venv-litellm" / "bin" / "python"
OF_CLIENTS = HOUSE / ".venv-clients" / "bin" / "python"
OF_AIDER = HOUSE / ".venv-aider" / "bin" / "python"
NODE = HOUSE / ".venv-clients" / "bin" / "node"
NODE_MODULES = Path(__file__).parent / "node_modules"


@dataclass(frozen=True)
class Client:
    name: str
    runs: Path
    """the interpreter"""
    program: str
    needs: Path
    """what is there when it is installed"""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """scene → why this client cannot play it"""
    requests_when_spent: int = 1
    """how often it sends what is refused for the day"""
    requests_when_down: int = 2
    """how often its program lets it send what fails"""

    def argv(self) -> list[str]:
        return [str(self.runs), str(PROGRAMS / self.program)]

    def reason_to_skip(self) -> str | None:
        """Where it cannot be installed at all."""
        if self.name == "aider" and sys.version_info >= (3, 13):
            return "aider has no release for Python 3.13 and newer"
        return None

    def is_installed(self) -> bool:
        return self.runs.exists() and self.needs.exists()


NO_GATHERER = "it has no second way to put a stream together"
CLIENTS = {
    client.name: client
    for client in (
        Client("openai-python", OURS, "use_openai.py", needs=OURS),
        Client("openai-js", NODE, "use_openai.mjs", needs=NODE_MODULES / "openai"),
        Client(
            "roo",
            NODE,
            "use_roo.mjs",
            needs=NODE_MODULES / "openai-of-roo",
            lacks={"helper_streamed": NO_GATHERER},
        ),
        Client(
            "ai-sdk",
            NODE,
            "use_ai_sdk.mjs",
            needs=NODE_MODULES / "@ai-sdk" / "openai-compatible",
            lacks={"helper_streamed": NO_GATHERER, "models": "it lists none"},
            requests_when_spent=2,  # it does not know x-should-retry: once more, as it was told to
            requests_when_down=1,  # it would wait 2 s
        ),
        Client(
            "langchain",
            OURS,
            "use_langchain.py",
            needs=OURS,
            lacks={
                "helper_streamed": NO_GATHERER,
                "thinking_streamed": "ChatOpenAI drops reasoning_content, whoever sends it",
                "models": "it lists none",
            },
        ),
        Client(
            "litellm-sdk",
            OF_LITELLM,
            "use_litellm.py",
            needs=OF_LITELLM,
            lacks={"helper_streamed": NO_GATHERER},
        ),
    )
}

ON_A_TERMINAL = {
    client.name: client
    for client in (
        Client("llm", OF_CLIENTS, "use_llm.py", needs=OF_CLIENTS),
        Client("aider", OF_AIDER, "use_aider.py", needs=OF_AIDER.with_name("aider")),
    )
}
"""they show text to people, so each has tests of its own"""
