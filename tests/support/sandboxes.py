"""Sandboxes for tests, and what runs in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cfx_flow.workspace.sandbox.find import find_sandbox
from cfx_flow.workspace.sandbox.model import Commands, Limits, NoSandbox, Ran, Sandbox
from tests.support.browser import absent
from tests.support.flows import GOOD_DIFF

KEEPS_HELLO = """echo looking for the greeting
failed() { printf '<testcase classname="greet" name="%s"><failure>%s does</failure></testcase>' "$1" "$1"; }
{ printf '<testsuite><testcase classname="greet" name="fine"/>'
grep -q Hello greet.py || failed new
printf '</testsuite>'; } > report.xml
! grep -q '<failure>' report.xml
"""
"""Tests of FILES that write a JUnit report: GOOD_DIFF passes them, BROKEN_DIFF does not."""
BROKEN_DIFF = GOOD_DIFF.replace('f"Hello {name}!"', 'f"Goodbye {name}!"')
LIMITS = Limits(timeout_s=60, memory_mb=512, disk_mb=64, processes=64, output_chars=20_000)


async def bubblewrap() -> Sandbox:
    found = await find_sandbox("bubblewrap")
    if isinstance(found, NoSandbox):
        absent(found.reason)
    return found


def commands(
    *argv: Sequence[str], files: Mapping[str, bytes] | None = None, limits: Limits = LIMITS, **others: Any
) -> Commands:
    files = files or {}
    return Commands(files, dict.fromkeys(files, 0o644), argv, limits, **others)


def shell(text: str, **others: Any) -> Commands:
    return commands(["sh", "-c", text], **others)


async def printed(sandbox: Sandbox, text: str, **others: Any) -> str:
    ran: Ran = await sandbox.run(shell(text, **others))
    assert ran.exit_code == 0, ran.output
    return ran.output
