"""Requests as editors send them, in outline: each function gives one request's messages."""

from __future__ import annotations

from typing import Any

Messages = list[dict[str, Any]]

ROO = "RooCode/3.36.2"
ZOO = "ZooCode/3.40.0"
KILO = "Kilo-Code/4.140.0"
OPENAI_NODE = "OpenAI/JS 5.12.2"
OPENAI_PYTHON = "OpenAI/Python 3.1.0"
LITELLM = "litellm/1.106.2"


def details(slug: str, name: str = "") -> str:
    """What Roo, Zoo and Kilo add to the user's message or to the last tool's result."""
    return f"""<environment_details>
# VSCode Visible Files
src/todo/items.py

# VSCode Open Tabs
src/todo/items.py,docs/plan.md,review.md

# Current Time
Current time in ISO 8601 UTC format: 2026-03-02T09:00:00.000Z
User time zone: Europe/Istanbul, UTC+3:00

# Current Cost
$0.12

# Current Mode
<slug>{slug}</slug>
<name>{name or slug.title()}</name>
<model>cfx-auto</model>

# Current Workspace Directory (/home/me/todo) Files
src/
src/todo/items.py
====

REMINDERS

Below is your current list of reminders for this task.

| # | Content | Status |
|---|---------|--------|
| 1 | Plan the change | Completed |
| 2 | Implement it | In Progress |
| 3 | Review the diff | Pending |

IMPORTANT: When task status changes, remember to call the `update_todo_list` tool.
</environment_details>"""


def roo(task: str, slug: str, name: str = "") -> Messages:
    """The first turn."""
    parts = [
        {"type": "text", "text": f"<task>\n{task}\n</task>"},
        {"type": "text", "text": details(slug, name)},
    ]
    return [
        {
            "role": "system",
            "content": "You are Roo, a highly skilled software engineer.\n\nMODES\n\n- code\n- ask",
        },
        {"role": "user", "content": parts},
    ]


def roo_native(task: str, slug: str, later: str) -> Messages:
    """A later turn with native tools: the section stands at the end of the tool's result."""
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
        for n in (1, 2)
    ]
    return [
        *roo(task, slug),
        {"role": "assistant", "content": "Let me look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "def plan(): ..."},
        {"role": "tool", "tool_call_id": "call_2", "content": f"def review(): ...\n\n{details(later)}"},
    ]


def roo_feedback(task: str, slug: str, feedback: str, later: str) -> Messages:
    """The user answers, in another mode."""
    answer = [
        {"type": "text", "text": f"<feedback>\n{feedback}\n</feedback>"},
        {"type": "text", "text": details(later)},
    ]
    return [
        *roo(task, slug),
        {"role": "assistant", "content": f"Here is what I think.\n{details('ask')}"},
        {"role": "user", "content": answer},
    ]


def cline(task: str, mode: str, *, system: bool = True) -> Messages:
    told = {
        "PLAN": "In this mode you should focus on information gathering and architecting a solution. "
        'Ask the user to "toggle to Act mode" when they want you to implement it.',
        "ACT": "",
    }[mode]
    section = (
        "<environment_details>\n# Visual Studio Code Visible Files\na.py\n\n# Current Time\n3/2/2026, 9:00"
        f"\n\n# Context Window Usage\n0 / 128K tokens used (0%)\n\n# Current Mode\n{mode} MODE\n{told}\n"
        "</environment_details>"
    )
    parts = [
        {"type": "text", "text": f"<task>\n{task}\n</task>"},
        {"type": "text", "text": "# task_progress RECOMMENDED\n\nPlan your steps first."},
        {"type": "text", "text": section},
    ]
    head: Messages = [{"role": "system", "content": "You are Cline, a highly skilled software engineer."}]
    return [*(head if system else []), {"role": "user", "content": parts}]


AIDER_CODE = (
    "Act as an expert software developer.\nAlways use best practices when coding.\nTake requests for changes "
    "to the supplied code.\nDescribe each change with a *SEARCH/REPLACE block*."
)
AIDER_ASK = "Act as an expert code analyst.\nAnswer questions about the supplied code."


def aider(task: str, system: str = AIDER_CODE, reminder: str = "") -> Messages:
    files = (
        "I have *added these files to the chat* so you can go ahead and edit them.\n\na.py\n```\nx = 1\n```\n"
    )
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": "Here are summaries of some files present in my git repository."},
        {"role": "assistant", "content": "Ok, I won't try and edit those files without asking first."},
        {"role": "user", "content": files},
        {"role": "assistant", "content": "Ok, any changes I propose will be to those files."},
        {"role": "user", "content": f"{task}\n\n{reminder}" if reminder else task},
    ]


AIDER_REMINDER = (
    "# *SEARCH/REPLACE block* Rules:\n\nEvery *SEARCH/REPLACE block* must use this format:\n"
    "1. The *FULL* file path alone on a line\n2. The start of search block\n"
    "ONLY EVER RETURN CODE IN A *SEARCH/REPLACE BLOCK*!"
)

DIFF = "--- a/todo.py\n+++ b/todo.py\n@@ -1,2 +1,2 @@\n-x = 1\n+x = 2\n y = 3\n"


def user(*texts: str) -> Messages:
    if len(texts) == 1:
        return [{"role": "user", "content": texts[0]}]
    return [{"role": "user", "content": [{"type": "text", "text": text} for text in texts]}]
