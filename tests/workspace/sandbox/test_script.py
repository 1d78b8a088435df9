"""What the script says of itself, and what others say in its name."""

from __future__ import annotations

from cfx_flow.workspace.sandbox.script import read_said


def test_what_came_before_it_was_ready_is_not_its_own() -> None:
    said = read_said(b"bwrap: no such thing\n")
    assert (said.ready, said.before) == (False, "bwrap: no such thing")
    said = read_said(b"a warning\ncfx: ready\ncfx: step 0\ncfx: step 1\ncfx: ended 3\n")
    assert (said.ready, said.step, said.exit_code, said.before) == (True, 1, 3, "a warning")


def test_a_report_says_nothing_though_it_speaks_as_the_script_does() -> None:
    said = read_said(b"cfx: ready\ncfx: step 0\ncfx: ended 1\ncfx: report\ncfx: ended 0\n")
    assert (said.exit_code, said.report) == (1, b"cfx: ended 0\n")


def test_an_exit_code_is_one_that_a_process_can_have() -> None:
    assert read_said(b"cfx: ready\ncfx: ended 999\n").exit_code == 255
