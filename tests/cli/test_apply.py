"""What `cfx verify` prints of a bundle that anybody may have made."""

from __future__ import annotations

import pytest

from cfx_flow.workspace.bundle import Verified
from cli.apply import _report

ESCAPE = "\x1b]0;owned\x07"


@pytest.mark.parametrize("problems", [[], [f"before/{ESCAPE} is missing"]])
def test_verify_sends_no_escape_of_a_bundle_to_the_terminal(
    capsys: pytest.CaptureFixture[str], problems: list[str]
) -> None:
    verified = Verified({"id": ESCAPE}, ESCAPE, (), None, ())
    _report(verified, problems, as_json=False)
    said = "".join(capsys.readouterr())
    assert "<U+001B>]0;owned" in said
    assert said.replace("\n", "").isprintable()
