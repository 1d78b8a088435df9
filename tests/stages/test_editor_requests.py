"""Which stage each request gets that editors, SDKs and people send: one table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cfx_flow.stages.model import Models, StageName
from cfx_flow.stages.resolve import resolve
from tests.stages.editor_requests import (
    AIDER_ASK,
    AIDER_REMINDER,
    DIFF,
    KILO,
    LITELLM,
    OPENAI_NODE,
    OPENAI_PYTHON,
    ROO,
    ZOO,
    Messages,
    aider,
    cline,
    roo,
    roo_feedback,
    roo_native,
    user,
)

TOOLS, STREAM = True, True
NO_TOOLS, WHOLE = False, False

ENHANCE = (
    "Generate an enhanced version of this prompt (reply with only the enhanced prompt - no conversation, "
    "explanations, lead-in, bullet points, placeholders, or surrounding quotes):\n\nfix login"
)

Row = tuple[str, Messages, str, bool, bool, str]
"""what it is, messages, User-Agent, tools, streamed, stage and source"""

BY_MODE: list[Row] = [
    ("Roo, architect", roo("Add OAuth", "architect", "🏗️ Architect"), ROO, TOOLS, STREAM, "plan"),
    ("Roo, code", roo("Why is it slow?", "code", "💻 Code"), ROO, TOOLS, STREAM, "code"),
    ("Roo, ask", roo("Implement it", "ask", "❓ Ask"), ROO, TOOLS, STREAM, "plan"),
    ("Roo, debug", roo("Explain the crash", "debug", "🪲 Debug"), ROO, TOOLS, STREAM, "code"),
    ("Roo, orchestrator", roo("Build a shop", "orchestrator"), ROO, TOOLS, STREAM, "plan"),
    ("Roo, the agent's name hidden", roo("Fix it", "architect"), OPENAI_NODE, TOOLS, STREAM, "plan"),
    ("Roo, without native tools", roo("Plan it", "code"), ROO, NO_TOOLS, STREAM, "code"),
    ("Roo, not streamed", roo("Plan it", "code"), ROO, NO_TOOLS, WHOLE, "code"),
    ("Roo, a diff in the task", roo(f"Apply this\n{DIFF}", "code"), ROO, TOOLS, STREAM, "code"),
    ("Roo, Turkish", roo("Girişi düzelt", "architect", "🏗️ Mimar"), ROO, TOOLS, STREAM, "plan"),
    ("Roo, tool results", roo_native("Add OAuth", "code", "code"), ROO, TOOLS, STREAM, "code"),
    (
        "Roo, mode switched by a tool",
        roo_native("Add OAuth", "architect", "code"),
        ROO,
        TOOLS,
        STREAM,
        "code",
    ),
    ("Roo, back to architect", roo_native("Add OAuth", "code", "architect"), ROO, TOOLS, STREAM, "plan"),
    (
        "Roo, mode switched by hand",
        roo_feedback("x", "architect", "Do it", "code"),
        ROO,
        TOOLS,
        STREAM,
        "code",
    ),
    ("Roo, from code to ask", roo_feedback("x", "code", "Write it", "ask"), ROO, TOOLS, STREAM, "plan"),
    ("Zoo, code", roo("Explain it", "code"), ZOO, TOOLS, STREAM, "code"),
    ("Zoo, architect", roo("Write it", "architect"), ZOO, TOOLS, STREAM, "plan"),
    ("Zoo, debug", roo("Plan it", "debug"), ZOO, TOOLS, STREAM, "code"),
    ("Zoo, orchestrator", roo("Fix it", "orchestrator"), ZOO, TOOLS, STREAM, "plan"),
    ("Zoo, ask", roo("Fix it", "ask"), ZOO, TOOLS, STREAM, "plan"),
    ("Kilo, code", roo("Explain it", "code"), KILO, TOOLS, STREAM, "code"),
    ("Kilo, architect", roo("Fix it", "architect"), KILO, TOOLS, STREAM, "plan"),
    ("a mapped custom mode", roo("Fix it", "security-auditor"), ROO, TOOLS, STREAM, "review"),
    ("a mapped custom mode in Zoo", roo("Fix it", "security-auditor"), ZOO, TOOLS, STREAM, "review"),
    (
        "an unmapped custom mode: by the words",
        roo("Write the docs", "docs-writer"),
        ROO,
        TOOLS,
        STREAM,
        "code",
    ),
    ("an unmapped mode and a question", roo("How does it work?", "docs-writer"), ROO, TOOLS, STREAM, "plan"),
    ("Cline, plan", cline("Implement OAuth", "PLAN"), OPENAI_NODE, TOOLS, STREAM, "plan"),
    ("Cline, act", cline("How does it work?", "ACT"), OPENAI_NODE, TOOLS, STREAM, "code"),
    ("Cline, act, without native tools", cline("Plan it", "ACT"), OPENAI_NODE, NO_TOOLS, STREAM, "code"),
    ("Cline, act, no system", cline("Plan it", "ACT", system=False), OPENAI_NODE, NO_TOOLS, STREAM, "code"),
]

BY_WORDS: list[Row] = [
    ("aider, a change", aider("add a --json option"), LITELLM, NO_TOOLS, STREAM, "code"),
    ("aider, whole", aider("rename foo to bar"), LITELLM, NO_TOOLS, WHOLE, "code"),
    (
        "aider, with its reminder",
        aider("refactor it", reminder=AIDER_REMINDER),
        LITELLM,
        NO_TOOLS,
        STREAM,
        "code",
    ),
    ("aider, ask", aider("what does x do?", AIDER_ASK), LITELLM, NO_TOOLS, STREAM, "plan"),
    (
        "aider, ask about a change",
        aider("how would you add JSON?", AIDER_ASK),
        LITELLM,
        NO_TOOLS,
        STREAM,
        "plan",
    ),
    (
        "aider, a lint report",
        aider("Fix any errors below, if possible.\n\na.py:1: E1"),
        LITELLM,
        NO_TOOLS,
        STREAM,
        "code",
    ),
    (
        "aider, commit message",
        aider(f"# Diffs:\n{DIFF}", "One-line commit messages."),
        LITELLM,
        NO_TOOLS,
        WHOLE,
        "review",
    ),
    ("SDK, write", user("Write a function that parses ISO dates."), OPENAI_PYTHON, NO_TOOLS, WHOLE, "code"),
    ("SDK, explain", user("Explain this regex: ^a+$"), OPENAI_PYTHON, NO_TOOLS, STREAM, "plan"),
    ("SDK, review", user("Please review this function for races."), OPENAI_PYTHON, NO_TOOLS, WHOLE, "review"),
    ("SDK, a bare diff", user(DIFF), OPENAI_PYTHON, NO_TOOLS, WHOLE, "review"),
    (
        "SDK, a diff and a wish",
        user(f"Fix what is wrong here:\n```diff\n{DIFF}```"),
        OPENAI_NODE,
        NO_TOOLS,
        STREAM,
        "review",
    ),
    (
        "SDK, git's diff",
        user("Is it fine?\ndiff --git a/x b/x\nindex 1..2"),
        OPENAI_NODE,
        NO_TOOLS,
        STREAM,
        "review",
    ),
    (
        "SDK, a text in parts",
        user("Implement this:", "a stack with push and pop"),
        OPENAI_NODE,
        NO_TOOLS,
        STREAM,
        "code",
    ),
    ("SDK, with tools", user("Add a test for the parser"), OPENAI_PYTHON, TOOLS, STREAM, "code"),
    ("chat, a design", user("Design a cache for the session store"), "", NO_TOOLS, STREAM, "plan"),
    ("chat, a bug", user("There is a bug in login, please fix it"), "", NO_TOOLS, STREAM, "code"),
    ("chat, advice", user("Should I use Redis or Postgres here?"), "", NO_TOOLS, STREAM, "plan"),
    ("chat, audit", user("Audit the upload handler for path traversal"), "", NO_TOOLS, STREAM, "review"),
    ("Turkish, write", user("Tarihleri ayrıştıran bir fonksiyon yaz"), "", NO_TOOLS, STREAM, "code"),
    (
        "Turkish, a polite wish",
        user("Listeye bir --json seçeneği ekler misin?"),
        "",
        NO_TOOLS,
        STREAM,
        "code",
    ),
    ("Turkish, capitals", user("GİRİŞ HATASINI DÜZELT"), "", NO_TOOLS, WHOLE, "code"),
    ("Turkish, without its letters", user("giris hatasini duzelt"), "", NO_TOOLS, WHOLE, "code"),
    ("Turkish, plan", user("Postgres'e geçişi planlar mısın?"), "", NO_TOOLS, STREAM, "plan"),
    ("Turkish, a question", user("Bu döngü neden bu kadar yavaş?"), "", NO_TOOLS, STREAM, "plan"),
    ("Turkish, review", user("Bu değişikliği gözden geçir"), "", NO_TOOLS, STREAM, "review"),
    ("Turkish, check", user("Şu kodu güvenlik için kontrol et"), "", NO_TOOLS, WHOLE, "review"),
]

HELPERS: list[Row] = [
    ("Roo enhances a prompt", user(ENHANCE), ROO, NO_TOOLS, WHOLE, "direct"),
    ("Zoo enhances a prompt", user(ENHANCE), ZOO, NO_TOOLS, WHOLE, "direct"),
    ("Kilo enhances a prompt", user(ENHANCE), KILO, NO_TOOLS, WHOLE, "direct"),
    ("an enhancement, the agent's name hidden", user(ENHANCE), OPENAI_NODE, NO_TOOLS, WHOLE, "direct"),
    ("Roo, anything else on the side", user("Fix the typos: teh"), ROO, NO_TOOLS, WHOLE, "direct"),
    ("Kilo's commit message", user(f"Generate a commit message:\n{DIFF}"), KILO, NO_TOOLS, WHOLE, "direct"),
    (
        "a title",
        user("Summarize this conversation into a short title"),
        OPENAI_NODE,
        NO_TOOLS,
        WHOLE,
        "direct",
    ),
    ("an enhancement, streamed, is none", user(ENHANCE), ROO, NO_TOOLS, STREAM, "code"),
    ("an enhancement with tools is none", user("Write the tests"), ROO, TOOLS, WHOLE, "code"),
]

UNCLEAR: list[Row] = [
    ("a greeting", user("Hello!"), "", NO_TOOLS, STREAM, "plan"),
    ("a Turkish greeting", user("Merhaba, kolay gelsin"), "", NO_TOOLS, STREAM, "plan"),
    ("thanks", user("Thanks, that works."), OPENAI_NODE, NO_TOOLS, STREAM, "plan"),
    (
        "only an image",
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}],
        "",
        NO_TOOLS,
        STREAM,
        "plan",
    ),
    ("an unmapped mode without a wish", roo("Hm.", "docs-writer"), ROO, TOOLS, STREAM, "plan"),
    ("nothing but a file", user("```python\ndef write(): add()\n```"), "", NO_TOOLS, WHOLE, "plan"),
]

TABLE = [
    *((*row, "content") for row in (*BY_MODE, *BY_WORDS, *HELPERS)),
    *((*row, "default") for row in UNCLEAR),
]


@pytest.fixture
def mapped(models: Models) -> Models:
    return replace(models, modes={**models.modes, "security-auditor": StageName.REVIEW})


@pytest.mark.parametrize("model", [None, "cfx-auto"])
@pytest.mark.parametrize(
    ("messages", "agent", "tools", "streamed", "stage", "source"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_real_request_gets_its_stage(  # noqa: PLR0917
    mapped: Models,
    model: str | None,
    messages: Messages,
    agent: str,
    tools: bool,
    streamed: bool,
    stage: str,
    source: str,
) -> None:
    found = resolve(
        mapped,
        header=None,
        model=model,
        messages=lambda: messages,
        has_tools=tools,
        streamed=streamed,
        user_agent=agent,
    )
    assert (found.stage.name, found.source) == (stage, source)


def test_the_table_is_long_enough() -> None:
    assert len({row[0] for row in TABLE}) == len(TABLE) >= 60
