"""The plan's contract over a whole flow: asked for, frozen, held to, and shown to whoever decides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import House, OpenHouse
from tests.flows.test_approval import after, decide, waiting
from tests.support.flows import FILES, GOOD_DIFF, PLAN_TEXT, loop, plan_text, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider

TOUCHES_README = GOOD_DIFF + "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-# Greeter\n+# Evil\n"
CI = ".github/workflows/ci.yml"
TOUCHES_CI = GOOD_DIFF + f"--- /dev/null\n+++ b/{CI}\n@@ -0,0 +1 @@\n+on: push\n"
BLOCK_ONLY = PLAN_TEXT[PLAN_TEXT.index("```json") :]


async def checks(house: House, flow_id: str) -> list[dict[str, Any]]:
    return [e["data"] for e in await house.events(flow_id) if e["type"] == "diff.checked"]


async def planned(house: House, flow_id: str) -> dict[str, Any]:
    answer = await house.client.get(f"/v1/flows/{flow_id}/plan", headers={"accept": "application/json"})
    return dict(answer.json())


def asked(provider: Provider, model: str, n: int = -1) -> str:
    return str(provider.calls(model)[n]["body"]["messages"][-1]["content"])


@pytest.mark.quick
async def test_a_file_outside_the_contract_goes_back_to_code_and_never_to_review(
    any_house: House, provider: Provider
) -> None:
    provider.script(*loop([says(TOUCHES_README), says(GOOD_DIFF)]))

    flow = await any_house.run()

    assert (flow["status"], flow["round"]) == ("approved", 1)
    first, second = await checks(any_house, flow["id"])
    assert (first["status"], first["code"]) == ("refused", "contract_breach")
    (breach,) = first["breaches"]
    assert (breach["rule"], breach["action"], breach["file"]) == (
        "file_outside_contract",
        "reject",
        "README.md",
    )
    assert (second["status"], second["breaches"], second["contract"]) == ("accepted", [], "present")
    told = asked(provider, CODE)
    assert "the plan's contract does not name README.md" in told
    assert "  modify greet.py" in told
    assert len(provider.calls(REVIEW)) == 1
    assert "Evil" not in (await any_house.client.get(f"/v1/flows/{flow['id']}/diff")).text


async def test_a_breach_that_stays_ends_the_flow_by_policy_whatever_a_reviewer_would_say(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(TOUCHES_README)]))

    flow = await house.run(max_rounds=1)

    assert (flow["status"], flow["reason"]) == ("rejected", "policy")
    assert "does not name README.md" in flow["message"]
    assert "Should it be allowed?" in flow["message"]
    assert provider.calls(REVIEW) == []
    assert (await house.client.get(f"/v1/flows/{flow['id']}/diff")).status_code == 404
    answer = await house.client.post(f"/v1/flows/{flow['id']}/resume", json={"max_rounds": 2})
    assert answer.status_code == 409


async def test_what_policy_asks_about_waits_for_a_person_though_the_flow_is_automatic(
    any_house: House, provider: Provider
) -> None:
    plan = plan_text("greet.py", CI)
    provider.script(*loop([says(TOUCHES_CI)], plan=[says(plan)]))

    flow = await waiting(any_house)

    assert (flow["status"], flow["gate"], flow["approval"]) == ("requires_action", "patch", "auto")
    assert f"{CI} is changed" in flow["message"]
    requested = [e["data"] for e in await any_house.events(flow["id"]) if e["type"] == "approval.requested"]
    assert requested[0]["message"] == flow["message"]
    assert f"high [ci_file] {CI} is changed" in asked(provider, REVIEW)
    flow = await after(any_house, flow, "approve")
    assert (flow["status"], flow["message"]) == (
        "approved",
        "The reviewer and a person approved the patch.",
    )


async def test_what_a_person_has_let_through_in_the_plan_is_not_asked_again(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(TOUCHES_CI)], plan=[says(plan_text("greet.py", CI))]))
    flow = await waiting(house, approval="plan")
    flow = await after(house, flow, "approve")
    assert flow["status"] == "approved"
    assert (await checks(house, flow["id"]))[0]["breaches"] == []


async def test_a_person_can_refuse_what_the_reviewer_approved(house: House, provider: Provider) -> None:
    provider.script(*loop([says(TOUCHES_CI)], plan=[says(plan_text("greet.py", CI))]))
    flow = await after(house, await waiting(house), "reject", comment="Not the CI.")
    assert (flow["status"], flow["reason"]) == ("rejected", "person")


async def test_the_contract_of_an_edited_plan_is_the_one_that_counts(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(TOUCHES_README)]))
    flow = await waiting(house, approval="plan")
    mine = plan_text("greet.py", "README.md", head="# Mine")
    flow = await after(house, flow, "approve", plan=mine)
    assert flow["status"] == "approved"
    shown = await planned(house, flow["id"])
    assert [file["path"] for file in shown["contract"]["files"]] == ["greet.py", "README.md"]
    assert (shown["plan"], shown["approved_by_person"]) == (mine, True)


async def test_an_edited_plan_with_a_broken_contract_is_refused_with_what_is_wrong(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await waiting(house, approval="plan")
    error = await decide(house, flow, "approve", 400, plan=plan_text("../greet.py"))
    assert "leaves the workspace" in error["error"]["message"]
    assert await house.get(flow["id"]) == flow


async def test_a_plan_without_a_block_is_asked_for_it_once(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)], plan=[says("# Mine\n\nGreet better."), says(BLOCK_ONLY)]))

    flow = await house.run()

    assert (flow["status"], flow["stages"]["plan"]["calls"]) == ("approved", 2)
    assert "does not end in a contract block" in asked(provider, PLAN)
    shown = await planned(house, flow["id"])
    assert shown["plan"].startswith("# Mine\n\nGreet better.\n\n```json cfx-plan\n")
    assert shown["contract"]["files"][0]["path"] == "greet.py"
    assert (shown["contract_problem"], shown["approved_by_person"]) == (None, False)


@pytest.mark.parametrize("first", [plan_text(head="# Mine"), plan_text("../x", head="# Mine")])
async def test_a_block_that_allows_nothing_or_is_broken_gives_way_to_the_one_that_was_asked_for(
    house: House, provider: Provider, first: str
) -> None:
    provider.script(
        *loop([says(GOOD_DIFF)], plan=[says(f"<think>\nHm.\n</think>\n\n{first}"), says(BLOCK_ONLY)])
    )
    flow = await house.run()
    assert (flow["status"], flow["stages"]["plan"]["calls"]) == ("approved", 2)
    shown = await planned(house, flow["id"])
    assert shown["plan"].startswith("# Mine\n\nScripted")
    assert shown["plan"].count("cfx-plan") == 1, "a person who edits it would have to take the other one out"
    assert [file["path"] for file in shown["contract"]["files"]] == ["greet.py"]


async def test_a_contract_that_names_a_file_by_another_path_is_asked_about_before_any_code_is_paid(
    house: House, provider: Provider
) -> None:
    """CODE is shown the true file, and each diff of it would be outside of the contract."""
    wrong = plan_text("src/greet.py", "create docs/README.md", "new_one.py", head="# Mine")
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(wrong), says(BLOCK_ONLY)]))
    flow = await house.run()
    assert (flow["status"], flow["stages"]["code"]["calls"]) == ("approved", 1)
    told = asked(provider, PLAN)
    assert "it says to modify src/greet.py, and there is no such file; there is greet.py" in told
    assert "docs/README.md, and" not in told
    assert "new_one.py, and" not in told, "to modify it may mean to make it"

    provider.script(*loop([says(GOOD_DIFF)], plan=[says(wrong)]))
    flow = await house.run(max_rounds=1)
    assert (flow["status"], flow["reason"]) == ("rejected", "policy")
    assert flow["stages"]["plan"]["calls"] == 2


async def test_a_plan_that_twice_allows_no_change_ends_the_flow_before_any_code_is_paid(
    house: House, provider: Provider
) -> None:
    """Each diff would break it."""
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(plan_text())]))
    flow = await house.run()
    assert (flow["status"], flow["reason"]) == ("failed", "plan_unreadable")
    assert "plans no change, twice: the contract names no file" in flow["message"]
    assert provider.calls(CODE) == []


@pytest.mark.parametrize("second", ["I did.", "", "```json cfx-plan\n{}\n```", "x" * 70_000])
async def test_a_plan_that_never_has_one_runs_without_and_says_so_to_whoever_decides(
    house: House, provider: Provider, second: str
) -> None:
    provider.script(*loop([says(TOUCHES_README)], plan=[says("# Mine"), says(second)]))

    flow = await waiting(house, approval="both")

    assert flow["message"].startswith("The plan waits for you. It has no contract")
    assert (await planned(house, flow["id"]))["contract"] is None
    flow = await after(house, flow, "approve")
    assert flow["gate"] == "patch"
    assert "Contract: none." in asked(provider, REVIEW)
    assert (await checks(house, flow["id"]))[0]["contract"] == "none"
    started = [e["data"] for e in await house.events(flow["id"]) if e["type"] == "step.completed"]
    assert started[0]["contract"] is None
    assert started[0]["contract_problem"]


async def test_a_fork_with_another_plan_is_held_to_that_plan(house: House, provider: Provider) -> None:
    provider.script(*loop([says(TOUCHES_README)]))
    parent = await house.run(max_rounds=1)
    answer = await house.client.post(
        f"/v1/flows/{parent['id']}/fork", json={"step": 1, "plan": plan_text("greet.py", "README.md")}
    )
    flow = await house.ended(answer.json()["id"])
    assert flow["status"] == "approved"


async def test_tests_may_be_neither_taken_away_nor_weakened(house: House, provider: Provider) -> None:
    test = "def test_greet():\n    assert greet('x') == 'Hello x'\n"
    files = {**FILES, "test_greet.py": test}
    head = f"{GOOD_DIFF}--- a/test_greet.py\n+++ b/test_greet.py\n"
    taken = "-def test_greet():\n-    assert greet('x') == 'Hello x'\n+# later\n"
    gone = f"{head}@@ -1,2 +1 @@\n{taken}"
    skipped = f"{head}@@ -1 +1,2 @@\n+@pytest.mark.skip\n def test_greet():\n"
    plan = says(plan_text("greet.py", "test_greet.py"))
    provider.script(*loop([says(gone), says(skipped)], plan=[plan]))

    flow = await waiting(house, workspace={"files": files})

    assert (flow["status"], flow["gate"]) == ("requires_action", "patch")
    first, second = await checks(house, flow["id"])
    assert [b["rule"] for b in first["breaches"]] == ["deleted_test"]
    assert [b["rule"] for b in second["breaches"]] == ["weakened_test"]
    assert "skips or excuses tests" in flow["message"]


async def test_an_undeclared_dependency_needs_a_person(house: House, provider: Provider) -> None:
    files = {**FILES, "requirements.txt": "flask\n"}
    diff = GOOD_DIFF + "--- a/requirements.txt\n+++ b/requirements.txt\n@@ -1 +1,2 @@\n flask\n+left-pad\n"
    plan = says(plan_text("greet.py", "requirements.txt"))
    provider.script(*loop([says(diff)], plan=[plan]))
    flow = await waiting(house, workspace={"files": files})
    assert "left-pad is a new dependency" in flow["message"]

    provider.script(
        *loop([says(diff)], plan=[says(plan_text("greet.py", "requirements.txt", dependencies=["left-pad"]))])
    )
    assert (await house.run(workspace={"files": files}))["status"] == "approved"


async def test_an_approval_with_a_severe_finding_is_none(house: House, provider: Provider) -> None:
    severe = {"severity": "critical", "file": "greet.py", "line": 2, "rule": "injection", "message": "bad"}
    provider.script(*loop([says(GOOD_DIFF)], [verdict("approve", severe), verdict("approve")]))
    flow = await house.run()
    assert (flow["status"], flow["round"]) == ("approved", 2)
    reviews = [e["data"] for e in await house.events(flow["id"]) if e["type"] == "review.completed"]
    assert [(r["verdict"], r["overruled"]) for r in reviews] == [("revise", True), ("approve", False)]
    assert "bad" in asked(provider, CODE)


async def test_a_plan_in_json_is_the_one_of_the_markdown(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await house.run()
    text = (await house.client.get(f"/v1/flows/{flow['id']}/plan")).text
    shown = await planned(house, flow["id"])
    assert shown["plan"] == text == PLAN_TEXT
    assert json.dumps(shown["contract"]["files"]) in json.dumps(shown)
    assert shown["step"] == 1


RULES = """
rules:
  ci_file: {severity: critical, action: reject}
  file_outside_contract: {severity: medium, action: ask}
  untouched_file: {severity: info, action: note}
"""


async def test_severity_and_consequence_of_a_breach_are_what_the_operator_has_configured(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, tmp_path: Path
) -> None:
    (tmp_path / "policy.yaml").write_text(RULES)
    plan = says(plan_text("greet.py", "other.py"))
    provider.script(*loop([says(TOUCHES_CI), says(TOUCHES_README)], plan=[plan]))
    async with open_house(sqlite_url, CFX_POLICY_FILE=str(tmp_path / "policy.yaml")) as house:
        flow = await waiting(house)

        rejected, asks = await checks(house, flow["id"])
        assert (rejected["status"], rejected["code"]) == ("refused", "contract_breach")
        assert [(b["rule"], b["severity"], b["action"]) for b in rejected["breaches"]] == [
            ("ci_file", "critical", "reject"),
            ("file_outside_contract", "medium", "ask"),
            ("untouched_file", "info", "note"),
        ]
        assert asks["status"] == "accepted"
        assert [(b["rule"], b["severity"], b["action"]) for b in asks["breaches"]] == [
            ("file_outside_contract", "medium", "ask"),
            ("untouched_file", "info", "note"),
        ]
        assert (flow["status"], flow["gate"], flow["approval"]) == ("requires_action", "patch", "auto")
        assert "README.md" in flow["message"]
        told = asked(provider, REVIEW)
        assert "medium [file_outside_contract]" in told
        assert "info [untouched_file]" in told
        flow = await after(house, flow, "reject")
        assert (flow["status"], flow["reason"]) == ("rejected", "person")


async def test_a_secret_file_ends_the_flow_by_policy_though_the_plan_and_the_reviewer_let_it_pass(
    house: House, provider: Provider
) -> None:
    secret = GOOD_DIFF + "--- /dev/null\n+++ b/.env\n@@ -0,0 +1 @@\n+KEY=1\n"
    provider.script(*loop([says(secret)], plan=[says("# Mine"), says("None.")]))
    flow = await house.run(max_rounds=1)
    assert (flow["status"], flow["reason"]) == ("rejected", "policy")
    assert {(b["rule"], b["severity"]) for c in await checks(house, flow["id"]) for b in c["breaches"]} == {
        ("secret_file", "critical")
    }
    assert provider.calls(REVIEW) == []


async def test_what_was_approved_stays_frozen_whatever_a_later_round_writes(
    house: House, provider: Provider
) -> None:
    """A plan that a person has edited: neither CODE's answer nor the model's first plan moves it."""
    mine = plan_text("greet.py", head="# Mine")
    theirs = plan_text("greet.py", "README.md", head="# Theirs")
    answer = f"{theirs}\n\n```diff\n{TOUCHES_README}```\n"
    provider.script(*loop([says(answer), says(GOOD_DIFF)], plan=[says(theirs)]))
    flow = await waiting(house, approval="plan")
    flow = await after(house, flow, "approve", plan=mine)
    assert flow["status"] == "approved"
    first, second = await checks(house, flow["id"])
    assert [b["rule"] for b in first["breaches"]] == ["file_outside_contract"]
    assert second["status"] == "accepted"
    shown = await planned(house, flow["id"])
    assert (shown["plan"], [file["path"] for file in shown["contract"]["files"]]) == (mine, ["greet.py"])
    assert "# Mine" in asked(provider, REVIEW)
    assert "# Theirs" not in asked(provider, REVIEW)
