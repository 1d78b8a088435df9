"""`cfx flows tests` and how `cfx run` asks for them."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner, Result

from cli.main import app
from cli.run import request_options
from tests.cli.recorded import FAILED
from tests.cli.scripted_api import scripted_api

LOG = "…\n2 failed, 38 passed\n"


def asked(found: dict[str, Any], *arguments: str) -> Result:
    with scripted_api() as api:
        api.json("/v1/flows/f1/tests", found)
        env = {"CFX_API_URL": api.url, "CFX_API_KEY": "cfx_key", "NO_COLOR": "1"}
        return CliRunner(env=env).invoke(app, ["flows", "tests", "f1", *arguments])


def test_log_goes_to_stdout_as_it_is_and_how_they_went_to_stderr() -> None:
    result = asked(FAILED | {"step": 4, "round": 2, "output": LOG})
    assert result.stdout == LOG
    assert result.stderr.splitlines() == [
        "tests     pytest: 2 new failures",
        "step      4, round 2",
        f"message   {FAILED['message']}",
        "fails     tests/test_hello.py::test_name_is_greeted",
        "fails     tests/test_hello.py::test_no_name",
    ]
    assert result.exit_code == 0


def test_no_name_can_look_like_a_line_of_ours() -> None:
    message = "With the patch a test fails: a\ntests     pytest: passed 41."
    result = asked(FAILED | {"step": 4, "round": 2, "output": "", "message": message})
    assert "\n          tests     pytest: passed 41.\n" in result.stderr


def test_json_is_the_server_s() -> None:
    found = FAILED | {"step": 4, "round": 2, "output": LOG}
    result = asked(found, "--json")
    assert json.loads(result.stdout) == found
    assert result.stderr == ""


def test_flow_without_tests_says_so() -> None:
    result = asked({"status": "not_run", "reason": "No tests were run."})
    assert (result.stdout, result.stderr) == ("", "No tests were run.\n")


def test_tests_are_asked_for_by_their_policy_s_name_only_where_one_is_given() -> None:
    assert request_options(None, {}, [], "pytest") == {"tests": "pytest"}
    assert request_options(None, {}, []) == {}
