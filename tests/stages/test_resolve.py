"""Which stage a chat call gets: requests as editors, SDKs and people send them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cfx_flow.errors import CfxError, InvalidRequest, ModelNotFound, PermissionDenied
from cfx_flow.stages.catalogue import public_models
from cfx_flow.stages.model import Models, StageName
from cfx_flow.stages.resolve import Resolved, resolve

Messages = Sequence[dict[str, Any]]

ROO_AGENT = "RooCode/3.36.2"
KILO_AGENT = "Kilo-Code/4.140.0"


def ask(
    models: Models,
    messages: Messages | None = None,
    *,
    header: str | None = None,
    model: str | None = None,
    tools: bool = False,
    streamed: bool = True,
    agent: str | None = None,
) -> Resolved:
    def read() -> Messages:
        assert messages is not None, "a call that names its stage must not have its messages read"
        return messages

    return resolve(
        models,
        header=header,
        model=model,
        messages=read,
        has_tools=tools,
        streamed=streamed,
        user_agent=agent,
    )


def chosen(models: Models, messages: Messages, **options: Any) -> tuple[str, str]:
    found = ask(models, messages, **options)
    return found.stage.name.value, found.source


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def details(mode: str, slug: str) -> str:
    """As Roo Code 3.x and its forks append it to the user's turn."""
    return f"""<environment_details>
# VSCode Visible Files
src/todo/items.py

# VSCode Open Tabs
src/todo/items.py,README.md

# Current Time
Current time in ISO 8601 UTC format: 2026-03-02T09:00:00.000Z
User time zone: Europe/Istanbul, UTC+3:00

# Current Cost
$0.12

# Current Mode
<slug>{slug}</slug>
<name>{mode}</name>
<model>cfx-auto</model>

# Current Workspace Directory (/home/me/todo) Files
src/
src/todo/items.py
</environment_details>"""


def roo(task: str, slug: str) -> list[dict[str, Any]]:
    parts = [
        {"type": "text", "text": f"<task>\n{task}\n</task>"},
        {"type": "text", "text": details(slug, slug)},
    ]
    return [
        {"role": "system", "content": "You are Roo, a highly skilled engineer."},
        {"role": "user", "content": parts},
    ]


def cline(task: str, mode: str) -> list[dict[str, Any]]:
    section = f"<environment_details>\n# Visible Files\na.py\n\n# Current Mode\n{mode} MODE\nmore\n"
    parts = [{"type": "text", "text": task}, {"type": "text", "text": f"{section}</environment_details>"}]
    return [{"role": "system", "content": "You are Cline."}, {"role": "user", "content": parts}]


# 1 the header -----------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["plan", "code", "review", "Code", " REVIEW "])
@pytest.mark.parametrize("model", [None, "gpt-4o-mini", "nonsense", "cfx-code"])
def test_header_decides_whatever_the_model_field_says(models: Models, header: str, model: str | None) -> None:
    found = ask(models, header=header, model=model)
    assert (found.stage.name, found.source) == (header.strip().lower(), "header")


def test_direct_header_takes_the_whitelisted_model(models: Models) -> None:
    found = ask(models, header="direct", model="gpt-4.1")
    assert found.stage.name is StageName.DIRECT
    assert [target.model for target in found.stage.targets] == ["gpt-4.1"]
    assert found.stage.prompt is None


@pytest.mark.parametrize(
    ("header", "model", "error", "says"),
    [
        ("deploy", None, InvalidRequest, "plan, code, review, direct"),
        ("", None, InvalidRequest, "plan, code, review, direct"),
        ("plan,code", None, InvalidRequest, "plan, code, review, direct"),
        ("p" * 100_000, None, InvalidRequest, "plan, code, review, direct"),
        ("direct", None, InvalidRequest, "needs `model`"),
        ("direct", "", InvalidRequest, "needs `model`"),
        ("direct", "gpt-17", PermissionDenied, "claude-sonnet-4-5"),
        ("direct", "cfx-code", PermissionDenied, "claude-sonnet-4-5"),
    ],
)
def test_header_that_cannot_be_followed_is_refused_with_what_can(
    models: Models, header: str, model: str | None, error: type[CfxError], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        ask(models, header=header, model=model)
    assert len(caught.value.message) < 1000


# 2 the model id ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["plan", "code", "review"])
def test_virtual_model_is_its_stage(models: Models, stage: str) -> None:
    found = ask(models, model=f"cfx-{stage}")
    assert (found.stage.name, found.source) == (stage, "model")


def test_whitelisted_model_is_direct(models: Models) -> None:
    found = ask(models, model="deepseek-v3")
    assert (found.stage.name, found.source) == ("direct", "model")
    assert found.stage.targets[0].model == "deepseek-v3"


@pytest.mark.parametrize(
    "model", ["gpt-17", "CFX-PLAN", "cfx-", "cfx-plan ", "openai/gpt-4o-mini", "\x00", "m" * 10**5]
)
def test_any_other_model_is_not_found_and_the_usable_ones_are_listed(models: Models, model: str) -> None:
    with pytest.raises(
        ModelNotFound, match=r"cfx-plan, cfx-code, cfx-review, cfx-auto, cfx-flow, claude"
    ) as caught:
        ask(models, model=model)
    assert caught.value.param == "model"
    assert len(caught.value.message) < 1000


def test_model_that_no_one_whitelisted_is_not_found(models: Models) -> None:
    narrow = replace(models, direct=replace(models.direct, targets={}))
    with pytest.raises(ModelNotFound):
        ask(narrow, model="gpt-4o-mini")


# 3 the content: an editor's mode ------------------------------------------------------------------


@pytest.mark.parametrize("model", [None, "", "cfx-auto"])
@pytest.mark.parametrize(
    ("slug", "stage"),
    [("architect", "plan"), ("orchestrator", "plan"), ("ask", "plan"), ("code", "code"), ("debug", "code")],
)
def test_mode_of_roo_and_its_forks_is_followed(
    models: Models, model: str | None, slug: str, stage: str
) -> None:
    messages = roo("Explain how to review the plan, then fix it.", slug)
    assert chosen(models, messages, model=model, tools=True, agent=ROO_AGENT) == (stage, "content")


def test_mode_is_read_without_regard_to_case_and_space(models: Models) -> None:
    assert chosen(models, roo("x", " CODE ")) == ("code", "content")


def test_last_mode_counts_after_a_switch(models: Models) -> None:
    later = [
        *roo("Design it", "architect"),
        {"role": "assistant", "content": "The plan stands. Switching to code."},
        user(f"Go on.\n{details('Code', 'code')}"),
    ]
    assert chosen(models, later, tools=True) == ("code", "content")


def test_last_mode_counts_within_one_turn_too(models: Models) -> None:
    both = user(f"{details('Architect', 'architect')}\nGo on.\n{details('Code', 'code')}")
    assert chosen(models, [both]) == ("code", "content")


def test_mode_that_stands_in_a_tool_result_counts(models: Models) -> None:
    """With native tools Roo appends the section to the tool's result."""
    messages = [
        *roo("Mend it", "architect"),
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]},
        {"role": "tool", "tool_call_id": "1", "content": f"done\n{details('Code', 'code')}"},
    ]
    assert chosen(models, messages, tools=True) == ("code", "content")


def test_mode_that_the_model_quotes_does_not_count(models: Models) -> None:
    messages = [*roo("Design it", "architect"), {"role": "assistant", "content": details("Code", "code")}]
    assert chosen(models, messages) == ("plan", "content")


def test_slug_that_stands_elsewhere_is_no_mode(models: Models) -> None:
    assert chosen(models, [user("<slug>code</slug> is what the page is called")]) == ("plan", "default")


def test_custom_mode_follows_the_mapping(models: Models) -> None:
    mapped = replace(models, modes={**models.modes, "security-auditor": StageName.REVIEW})
    assert chosen(mapped, roo("Look at it", "security-auditor")) == ("review", "content")


def test_custom_mode_without_a_mapping_leaves_it_to_the_words(models: Models) -> None:
    assert chosen(models, roo("Fix the typo", "docs-writer"), tools=True) == ("code", "content")
    assert chosen(models, roo("Hello", "docs-writer"), tools=True) == ("plan", "default")


@pytest.mark.parametrize(("mode", "stage"), [("PLAN", "plan"), ("ACT", "code")])
def test_mode_of_cline_is_followed(models: Models, mode: str, stage: str) -> None:
    assert chosen(models, cline("How does it work?", mode)) == (stage, "content")


# 3 the content: an editor's helper calls ----------------------------------------------------------

ENHANCE = "Generate an enhanced version of this prompt (reply with only the enhanced prompt): fix login"


@pytest.mark.parametrize("agent", [ROO_AGENT, KILO_AGENT, "ZooCode/1.2", "roo-code/9"])
def test_helper_call_goes_to_the_cheapest_model(models: Models, agent: str) -> None:
    found = ask(models, [user("fix the login page")], streamed=False, agent=agent)
    assert (found.stage.name, found.source) == ("direct", "content")
    assert [target.model for target in found.stage.targets] == ["gpt-4.1-nano"]


def test_helper_call_is_known_by_its_words_too(models: Models) -> None:
    assert chosen(models, [user(ENHANCE)], streamed=False, agent="python-requests/2") == ("direct", "content")


@pytest.mark.parametrize(
    "options",
    [
        {"streamed": True},
        {"tools": True, "streamed": False},
        {"streamed": False, "agent": "OpenAI/Python 3.1"},
    ],
)
def test_call_that_only_resembles_a_helper_call_is_none(models: Models, options: dict[str, Any]) -> None:
    options = {"agent": ROO_AGENT} | options
    assert chosen(models, [user("fix the login page")], **options) == ("code", "content")


def test_conversation_is_no_helper_call(models: Models) -> None:
    turns = [user("hello"), {"role": "assistant", "content": "hi"}, user(ENHANCE)]
    assert chosen(models, turns, streamed=False, agent=ROO_AGENT)[0] != "direct"
    system = [{"role": "system", "content": "x"}, user(ENHANCE)]
    assert chosen(models, system, streamed=False, agent=ROO_AGENT)[0] != "direct"


def test_helper_call_without_any_allowed_model_is_routed_by_its_words(models: Models) -> None:
    narrow = replace(models, direct=replace(models.direct, targets={}))
    assert chosen(narrow, [user("fix it")], streamed=False, agent=ROO_AGENT) == ("code", "content")


# 3 the content: words -----------------------------------------------------------------------------

DIFF = "--- a/todo.py\n+++ b/todo.py\n@@ -1,2 +1,2 @@\n-x = 1\n+x = 2\n y = 3\n"

SAID: list[tuple[str, str]] = [
    ("Implement the plan.", "code"),
    ("Write a function that parses ISO dates.", "code"),
    ("can you please add a --json option to the list command", "code"),
    ("The tests fail when I run them on Windows, please fix.", "code"),
    ("Refactor TodoList so that it owns its storage", "code"),
    ("make the button blue", "code"),
    ("rename foo to bar everywhere", "code"),
    ("Fix what the review found", "code"),
    ("There's a bug in the parser. Debug it.", "code"),
    ("Plan how to implement OAuth.", "plan"),
    ("Write a plan for moving to Postgres", "plan"),
    ("Create a design for the cache", "plan"),
    ("How do I write a loop in Go?", "plan"),
    ("What does this function do?", "plan"),
    ("Why is it slow?", "plan"),
    ("Explain the code in items.py", "plan"),
    ("Should we add an index here?", "plan"),
    ("Compare SQLite and Postgres for this", "plan"),
    ("Review this change before I merge it.", "review"),
    ("code review please", "review"),
    ("Can you audit the login flow for SQL injection?", "review"),
    ("Find the bugs in this file", "review"),
    ("Is this code safe?", "review"),
    (f"Here it is:\n{DIFF}", "review"),
    (f"Fix this\n```diff\n{DIFF}```", "review"),
    ("diff --git a/x b/x\nindex 1..2 100644\n", "review"),
    ("Bir fonksiyon yaz: tarihleri ayrıştırsın.", "code"),
    ("Listeye --json seçeneği ekler misin?", "code"),
    ("Şu hatayı düzelt", "code"),
    ("KODU DÜZELT", "code"),
    ("kodu duzelt", "code"),
    ("Planı uygula", "code"),
    ("İstemciyi güncelle ve testleri ekle", "code"),
    ("Bu dosyayı silebilir misin", "code"),
    ("Postgres'e geçişi planla", "plan"),
    ("Önbellek için bir mimari tasarla", "plan"),
    ("Bu fonksiyon nasıl çalışıyor?", "plan"),
    ("AÇIKLA: bu kod ne yapıyor", "plan"),
    ("Neden bu kadar yavaş?", "plan"),
    ("Bu değişikliği incele", "review"),
    ("İNCELE lütfen", "review"),
    ("Kodu gözden geçirir misin?", "review"),
    ("Güvenlik açığı var mı, kontrol et", "review"),
]


@pytest.mark.parametrize(("said", "stage"), SAID, ids=[said[:40] for said, _ in SAID])
def test_words_of_the_last_turn_decide(models: Models, said: str, stage: str) -> None:
    before = [user("Review this plan and fix it"), {"role": "assistant", "content": "How?"}]
    assert chosen(models, [*before, user(said)]) == (stage, "content")


@pytest.mark.parametrize(
    "said",
    [
        "Hello!",
        "Merhaba, kolay gelsin",
        "",
        "   ",
        "Thanks, that works.",
        "silgi",
        "Somewhat later",
        "> please fix this\n\nThoughts?",
        "```python\ndef write(): add()\n```",
        "<environment_details>fix me</environment_details>",
        "<file_content path='a'>implement",
        "🦊" * 1000,
        "a" * 100_000 + " fix it",
    ],
)
def test_unclear_request_is_planned(models: Models, said: str) -> None:
    assert chosen(models, [user(said)]) == ("plan", "default")


def test_request_stands_where_the_last_user_spoke(models: Models) -> None:
    turns = [
        user("Review this"),
        user("Add a test"),
        {"role": "assistant", "content": "Explain which."},
        {"role": "tool", "content": "Plan the work"},
    ]
    assert chosen(models, turns) == ("code", "content")


def test_text_in_parts_is_read_and_images_are_not(models: Models) -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:,fix"}},
        {"type": "text", "text": "What is this?"},
    ]
    assert chosen(models, [{"role": "user", "content": parts}]) == ("plan", "content")


NONSENSE: list[Any] = [
    [],
    [None],
    ["fix it"],
    [7],
    [{}],
    [{"role": "user"}],
    [{"role": "user", "content": None}],
    [{"role": "user", "content": 7}],
    [{"role": "user", "content": {"text": "fix it"}}],
    [{"role": "user", "content": [None, 7, "fix", {"text": 7}, {"text": None}, []]}],
    [{"role": ["user"], "content": "fix it"}],
    [{"role": "user", "content": "Current Mode <slug>" * 20_000}],
    [{"role": "user", "content": "Current Mode\n<slug></slug>"}],
    [{"role": "user", "content": "<files" * 50_000}],
    [{"role": "user", "content": "```\n" * 50_001}],
    [{"role": "user", "content": "\ud800 \x00 fi\u0000x"}],
]


@pytest.mark.parametrize("messages", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_planned(models: Models, messages: Any) -> None:
    assert chosen(models, messages, streamed=False, agent=ROO_AGENT)[0] in ("plan", "direct")
    assert chosen(models, messages) == ("plan", "default")


# What is listed -----------------------------------------------------------------------------------


def test_every_listed_model_can_be_asked_for(models: Models) -> None:
    for model in (model for model in public_models(models) if model.id != "cfx-flow"):  # no stage
        assert ask(models, [], model=model.id).stage.targets


def test_listed_window_is_one_that_every_target_has(models: Models) -> None:
    listed = {model.id: model for model in public_models(models)}
    assert listed["cfx-plan"].context_window == 200_000
    assert listed["cfx-auto"].context_window == 128_000
    assert listed["cfx-plan"].price == models.stages[StageName.PLAN].targets[0].price
    assert listed["gpt-4.1"].context_window == 1_047_576
    assert not listed["cfx-code"].vision


def test_no_public_id_is_one_that_clients_special_case(models: Models) -> None:
    ids = [model.id for model in public_models(models)]
    assert not [public_id for public_id in ids if any(part in public_id for part in ("o1", "o3", "o4"))]
