"""The operator's tests between check and review: what a patch breaks is not reviewed, let alone approved."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cfx_flow.workspace.archive import unpack
from cfx_flow.workspace.bundle import verify
from tests.flows.conftest import FILES, House, OpenHouse
from tests.flows.test_loop import asked, types
from tests.flows.test_resume import resumed
from tests.support.flows import BAD_DIFF, GOOD_DIFF, loop, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider
from tests.support.shapes import error_of

POLICIES = """
policies:
  unit: {commands: [[sh, tests.sh]]}
  named: {commands: [[sh, tests.sh]], report: report.xml}
  slow: {commands: [[sh, -c, "echo begun; sleep SECONDS"]]}
  broken: {commands: [[sh, tests.sh]], read_only: [/there/is/no/such/folder]}
"""
KEEPS_HELLO = """echo looking for the greeting
grep -q 'Hello' greet.py || { echo "greet.py greets nobody"; exit 3; }
"""
"""Its tests: GOOD_DIFF passes them, BROKEN does not."""
BROKEN = GOOD_DIFF.replace('f"Hello {name}!"', 'f"Goodbye {name}!"')
REPORTS = """failed() { printf '<testcase name="%s"><failure>%s does</failure></testcase>' "$1" "$1"; }
{ printf '<testsuite><testcase name="fine"/>'; failed old
grep -q Hello greet.py || failed new
printf '</testsuite>'; } > report.xml
exit 1
"""
"""One test always fails."""


SECONDS = str(100_000 + os.getpid())
"""by which a sleeper is known as ours, whatever else runs on this machine"""


def tree(script: str = KEEPS_HELLO, **more: str) -> dict[str, Any]:
    return {"files": FILES | {"tests.sh": script} | more}


@pytest.fixture
async def house(open_house: OpenHouse, sqlite_url: str, policies: Path) -> AsyncIterator[House]:
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        yield house


@pytest.fixture
async def any_house(open_house: OpenHouse, database_url: str, policies: Path) -> AsyncIterator[House]:
    async with open_house(database_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        yield house


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    file = tmp_path / "test_policies.yaml"
    file.write_text(POLICIES.replace("SECONDS", SECONDS))
    return file


async def said_of(house: House, flow_id: str) -> dict[str, Any]:
    return dict((await house.client.get(f"/v1/flows/{flow_id}/tests")).json())


async def test_a_patch_that_passes_them_is_reviewed_and_the_approval_is_bound_to_them(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))

    flow = await any_house.run(workspace=tree(), tests="unit")

    assert (flow["status"], flow["tests"], flow["message"]) == (
        "approved",
        "unit",
        "The reviewer approved the patch.",
    )
    told = await said_of(any_house, flow["id"])
    assert (told["status"], told["policy"], told["step"], told["exit_code"]) == ("passed", "unit", 4, 0)
    assert "looking for the greeting" in told["output"]
    assert told["before"] is None
    events = await any_house.events(flow["id"])
    assert types(events)[6:] == [
        "step.started",
        "step.completed",
        "diff.checked",
        "step.started",
        "step.completed",
        "tests.completed",
        "step.started",
        "step.completed",
        "review.completed",
        "flow.completed",
    ]
    (said,) = [event for event in events if event["type"] == "tests.completed"]
    assert (said["step"], said["round"], said["data"]["status"]) == (4, 1, "passed")
    assert "Tests (unit): The tests pass." in asked(provider, REVIEW)[0]
    bundle = (await any_house.client.get(f"/v1/flows/{flow['id']}/bundle")).content
    assert verify(bundle).problems == ()
    assert json.loads(unpack(bundle).files["tests.json"]) == told
    report = (await any_house.client.get(f"/v1/flows/{flow['id']}/report")).text
    assert "**passed** (unit) The tests pass." in report


async def test_a_patch_that_breaks_them_goes_back_to_code_with_what_they_printed(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(BROKEN), says(GOOD_DIFF)]))

    flow = await house.run(workspace=tree(), tests="unit")

    assert (flow["status"], flow["round"]) == ("approved", 1)
    said = [e["data"] for e in await house.events(flow["id"]) if e["type"] == "tests.completed"]
    assert [each["status"] for each in said] == ["failed", "passed"]
    assert (said[0]["exit_code"], said[0]["before"]) == (3, {"status": "passed", "failed": None})
    told = asked(provider, CODE)[1]
    assert "greet.py greets nobody" in told
    assert "tests fail that passed before" in told
    assert "Goodbye" in told
    assert len(provider.calls(REVIEW)) == 1


async def test_what_they_printed_still_stands_when_the_next_diff_is_refused(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(BROKEN), says("I am sorry."), says(GOOD_DIFF), says(GOOD_DIFF)]))
    flow = await house.run(workspace=tree(), tests="unit")
    assert (flow["status"], flow["round"]) == ("approved", 1)
    told = asked(provider, CODE)[2]
    assert told.index("no_diff") < told.index("still stands") < told.rindex("greet.py greets nobody")


async def test_whoever_would_approve_it_a_patch_that_breaks_them_is_never_reviewed(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([*[says(BROKEN)] * 3, says(GOOD_DIFF)], [verdict("approve")]))

    flow = await any_house.run(workspace=tree(), tests="unit", max_rounds=1)

    assert (flow["status"], flow["reason"]) == ("rejected", "max_rounds")
    assert "tests fail (exit code 3: greet.py greets nobody). Without the patch they pass." in flow["message"]
    assert (len(provider.calls(CODE)), provider.calls(REVIEW)) == (3, [])

    flow = await resumed(any_house, flow["id"], max_rounds=2)

    assert (flow["status"], flow["round"]) == ("approved", 2)
    assert "greet.py greets nobody" in asked(provider, CODE)[3]
    assert (len(provider.calls(CODE)), len(provider.calls(REVIEW))) == (4, 1)


async def test_what_failed_before_is_not_the_patchs_fault_and_the_reviewer_is_told(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(BROKEN), says(GOOD_DIFF)]))

    flow = await house.run(workspace=tree(REPORTS), tests="named")

    assert flow["status"] == "approved"
    first, second = [e["data"] for e in await house.events(flow["id"]) if e["type"] == "tests.completed"]
    assert (first["status"], first["failures"], first["new_failures"]) == ("failed", ["new", "old"], ["new"])
    assert (first["passed"], first["failed"], first["before"]["failed"]) == (1, 2, 1)
    assert (second["status"], second["new_failures"]) == ("failed_before", [])
    told = asked(provider, CODE)[1]
    assert "new does" in told
    assert "old does" not in told
    assert "Tests (named): 1 test fails, as without the patch.\n- fails: old" in asked(provider, REVIEW)[0]


async def test_a_report_that_the_patch_brings_along_is_not_read(house: House, provider: Provider) -> None:
    forged = '<testsuite><testcase name="old"><failure/></testcase></testsuite>\n'
    broken = f"{BROKEN}--- a/report.xml\n+++ b/report.xml\n@@ -1 +1 @@\n-<none/>\n+{forged}"
    script = f"{KEEPS_HELLO}\n{REPORTS}"
    provider.script(*loop([says(broken)], plan=[says("No contract.")]))

    flow = await house.run(workspace=tree(script, **{"report.xml": "<none/>\n"}), tests="named", max_rounds=1)

    assert (flow["status"], flow["reason"]) == ("rejected", "max_rounds")
    assert (await said_of(house, flow["id"]))["failures"] == []


async def test_commands_that_succeed_without_their_report_do_not_pass(
    house: House, provider: Provider
) -> None:
    """A patch with which nothing runs any more."""
    script = "grep -q Hello greet.py && printf '<t><testcase name=\"fine\"/></t>' > report.xml; exit 0"
    provider.script(*loop([says(BROKEN)]))

    flow = await house.run(workspace=tree(script), tests="named", max_rounds=1)

    assert (flow["status"], flow["reason"], provider.calls(REVIEW)) == ("rejected", "max_rounds", [])
    assert "without a report" in flow["message"]


async def test_a_deleted_file_is_gone_for_them_and_a_new_one_is_there(
    house: House, provider: Provider
) -> None:
    patch = (
        "--- a/README.md\n+++ /dev/null\n@@ -1 +0,0 @@\n-# Greeter\n"
        "--- /dev/null\n+++ b/sub/new.txt\n@@ -0,0 +1 @@\n+there\n"
    )
    provider.script(*loop([says(patch)], plan=[says("No contract.")]))
    script = "test -e README.md && test ! -e sub/new.txt && exit 0\ntest ! -e README.md && cat sub/new.txt"

    flow = await house.run(workspace=tree(script), tests="unit", max_rounds=1)

    told = await said_of(house, flow["id"])
    assert (told["status"], "there" in told["output"]) == ("passed", True), told


async def test_without_a_sandbox_they_are_skipped_and_everybody_is_told_why(
    open_house: OpenHouse, sqlite_url: str, policies: Path, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies), CFX_SANDBOX="none") as house:
        flow = await house.run(workspace=tree("touch /tmp/bare"), tests="unit")

        told = await said_of(house, flow["id"])
        assert (flow["status"], told["status"], told["sandbox"]) == ("approved", "skipped", None)
        assert "were not run" in told["message"]
        assert told["message"] in asked(provider, REVIEW)[0]
        said = [event["type"] for event in await house.events(flow["id"])]
        assert ("tests.skipped" in said, "tests.completed" in said) == (True, False)


async def test_who_approves_the_patch_is_told_what_they_said(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = await house.start(workspace=tree(), tests="unit", approval="patch")
    flow = await house.until(flow_id, lambda flow: flow["status"] == "requires_action")
    assert flow["message"] == "The patch waits for you. The tests pass."
    decision = {"gate": "patch", "decision": "approve", "version": flow["version"]}
    assert (await house.client.post(f"/v1/flows/{flow_id}/decision", json=decision)).status_code == 200
    assert (await house.ended(flow_id))["status"] == "approved"


async def test_a_flow_that_was_tested_is_not_approved_untested_elsewhere(
    open_house: OpenHouse, sqlite_url: str, policies: Path, provider: Provider
) -> None:
    """Its first patch broke the tests; then a machine without a sandbox takes it up."""
    provider.script(*loop([says(BROKEN), says(GOOD_DIFF, first_byte_delay_s=1)]))
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        flow_id = await house.start(workspace=tree(), tests="unit")
        await asyncio.to_thread(provider.wait_for_calls, 2, CODE)
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies), CFX_SANDBOX="none") as house:
        flow = await house.ended(flow_id)
        assert (flow["status"], flow["reason"]) == ("failed", "internal")
        assert "could not be run: CFX_SANDBOX is none" in flow["message"]
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        flow = await resumed(house, flow_id)
    assert flow["status"] == "approved"


@pytest.mark.parametrize("name", ["unit tests", "nobody", "../unit", "\0", "x" * 65])
async def test_an_unknown_policy_is_refused_with_those_that_there_are(house: House, name: str) -> None:
    answer = await house.client.post("/v1/flows", json={"task": "Greet", "workspace": tree(), "tests": name})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "tests")
    assert len(name) > 64 or "broken, named, slow, unit" in error_of(answer)["message"]


async def test_a_cancelled_flow_leaves_nothing_running(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = await house.start(workspace=tree(), tests="slow")
    await house.until(flow_id, lambda flow: flow["step"] >= 4)
    await _until_sleepers(1)

    async with asyncio.timeout(2):
        assert (await house.client.post(f"/v1/flows/{flow_id}/cancel")).status_code == 200
        await _until_sleepers(0)

    assert (await house.get(flow_id))["status"] == "cancelled"


async def test_they_run_on_the_flows_time(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))

    flow = await house.run(workspace=tree(), tests="slow", budget={"seconds": 2})

    assert (flow["status"], flow["reason"]) == ("failed", "budget")
    await _until_sleepers(0)


@pytest.mark.e2e
async def test_after_a_restart_they_run_again_and_nothing_is_paid_again(
    open_house: OpenHouse, sqlite_url: str, policies: Path, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        flow_id = await house.start(workspace=tree(), tests="slow")
        await house.until(flow_id, lambda flow: flow["step"] >= 4)
        await _until_sleepers(1)
    await _until_sleepers(0)
    policies.write_text(POLICIES.replace("sleep SECONDS", "true"))
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        flow = await house.ended(flow_id)
        assert flow["status"] == "approved"
        assert (await said_of(house, flow_id))["status"] == "passed"
    assert [len(provider.calls(model)) for model in (PLAN, CODE, REVIEW)] == [1, 1, 1]


@pytest.mark.e2e
async def test_a_policy_that_was_taken_away_stops_the_flow_which_goes_on_when_it_is_back(
    open_house: OpenHouse, sqlite_url: str, policies: Path, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF, first_byte_delay_s=30), says(GOOD_DIFF)]))
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        flow_id = await house.start(workspace=tree(), tests="unit")
        await asyncio.to_thread(provider.wait_for_calls, 1, CODE)
    named = policies.read_text()
    policies.write_text("policies: {}")
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        flow = await house.ended(flow_id)
        assert (flow["status"], flow["reason"]) == ("failed", "internal")
        assert "'unit' is not configured" in flow["message"]
        for way, body in (("resume", {}), ("fork", {"step": 1})):
            refusal = await house.client.post(f"/v1/flows/{flow_id}/{way}", json=body)
            assert (refusal.status_code, refusal.json()["error"]["param"]) == (400, "tests")
            assert "'unit'" in refusal.json()["error"]["message"]
    policies.write_text(named)
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        assert (await resumed(house, flow_id))["status"] == "approved"
    assert len(provider.calls(CODE)) == 2


async def test_a_sandbox_that_breaks_stops_the_flow_which_goes_on_when_it_is_mended(
    open_house: OpenHouse, sqlite_url: str, policies: Path, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        flow = await house.run(workspace=tree(), tests="broken")
        assert (flow["status"], flow["reason"]) == ("failed", "internal")
        assert "could not be run" in flow["message"]
    policies.write_text(POLICIES.replace("/there/is/no/such/folder", "/usr"))
    async with open_house(sqlite_url, CFX_TEST_POLICIES_FILE=str(policies)) as house:
        flow = await resumed(house, flow["id"])
    assert flow["status"] == "approved"
    assert [len(provider.calls(model)) for model in (PLAN, CODE, REVIEW)] == [1, 1, 1]


async def test_a_fork_after_them_takes_them_over(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], [verdict("reject"), verdict("approve")]))
    parent = await house.run(workspace=tree(), tests="unit")
    assert (parent["status"], parent["step"]) == ("rejected", 5)

    answer = await house.client.post(f"/v1/flows/{parent['id']}/fork", json={"step": 4})
    flow = await house.ended(answer.json()["id"])

    assert (flow["status"], flow["tests"]) == ("approved", "unit")
    copied = [
        event["data"].get("copied")
        for event in await house.events(flow["id"])
        if event["type"] == "tests.completed"
    ]
    assert copied == [True]
    assert (await said_of(house, flow["id"]))["status"] == "passed"


async def test_a_refused_diff_is_not_tested_and_shares_the_fixes_with_broken_tests(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(BAD_DIFF), says(BROKEN), says(GOOD_DIFF)]))

    flow = await house.run(workspace=tree(), tests="unit", max_rounds=1)

    assert (flow["status"], flow["round"]) == ("approved", 1)
    steps = [(await house.step(flow["id"], n))["node"] for n in range(1, flow["step"] + 1)]
    assert steps == ["plan", "code", "check", "code", "check", "test", "code", "check", "test", "review"]


async def test_a_flow_that_asks_for_none_has_none(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await house.run(workspace=tree("exit 1"))
    assert (flow["status"], flow["tests"]) == ("approved", None)
    assert await said_of(house, flow["id"]) == {"status": "not_run", "reason": "No tests were run."}


async def _until_sleepers(count: int) -> None:
    """Processes of this worker's slow suite."""
    async with asyncio.timeout(20):
        while len(_sleepers()) != count:
            await asyncio.sleep(0.05)


def _sleepers() -> list[str]:
    return [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _command(entry) == f"sleep\0{SECONDS}\0".encode()
    ]


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
