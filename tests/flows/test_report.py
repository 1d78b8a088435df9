"""A flow told in Markdown, in which no text of a person or a model is more than text."""

from __future__ import annotations

from cfx_flow.flows.report import fenced, inline
from tests.flows.conftest import House
from tests.support.flows import BAD_DIFF, GOOD_DIFF, finding, loop, plan_text, says, verdict
from tests.support.provider import Provider


async def test_a_report_tells_the_whole_story(any_house: House, provider: Provider) -> None:
    reviews = [verdict("revise", finding("Say [hello](http://x) | loudly.")), verdict("approve")]
    provider.script(*loop([says(BAD_DIFF), says(GOOD_DIFF)], reviews))
    flow = await any_house.run("Greet\n# loudly")

    answer = await any_house.client.get(f"/v1/flows/{flow['id']}/report")

    assert answer.headers["content-type"].startswith("text/markdown")
    text = answer.text
    assert text.startswith(f"# Flow {flow['id']}\n\n**approved**: The reviewer approved the patch")
    headings = [line for line in text.split("\n") if line.startswith("## ")]
    assert headings == [
        f"## {name}" for name in ("Task", "Plan", "Planning", "Round 1", "Round 2", "Cost", "Patch")
    ]
    assert "- 3. check: refused (removed_line_mismatch)" in text
    assert r"**high** style greet.py:2: Say \[hello\]\(http://x\) \| loudly." in text
    assert "| all |  | 6 |" in text
    assert f"```diff\n{GOOD_DIFF.rstrip()}" in text
    links = flow["links"]
    assert links["report"] == f"/v1/flows/{flow['id']}/report"
    async with await any_house.client_for("bob") as bob:
        assert (await bob.get(links["report"])).status_code == 404


async def test_a_report_shows_the_contract_and_what_broke_it(house: House, provider: Provider) -> None:
    evil = GOOD_DIFF + "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-# Greeter\n+# Evil\n"
    plan = plan_text("greet.py", "create new.py", tests=["run [them]"], dependencies=["left-pad"])
    provider.script(*loop([says(evil), says(GOOD_DIFF)], plan=[says(plan)]))
    flow = await house.run()

    text = (await house.client.get(f"/v1/flows/{flow['id']}/report")).text

    contract = text.partition("\nContract:\n\n")[2].partition("\n\n")[0].split("\n")
    assert contract == [
        "- modify greet.py: as the task says",
        "- create new.py: as the task says",
        r"- tests: run \[them\]",
        "- new dependencies: left-pad",
    ]
    outside = (
        r"**high** file\_outside\_contract README.md: the plan's contract does not name README.md (reject)"
    )
    assert text.count(outside) == text.count("does not name README.md") == 1
    assert r"**low** untouched\_file new.py" in text

    provider.script(*loop([says(GOOD_DIFF)], plan=[says("# Mine"), says("None.")]))
    flow = await house.run()
    text = (await house.client.get(f"/v1/flows/{flow['id']}/report")).text
    assert "\nContract: none. the plan has no contract block\n" in text


async def test_a_flow_that_waits_has_a_report_too(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = await house.start(approval="plan")
    await house.until(flow_id, lambda flow: flow["status"] == "requires_action")
    text = (await house.client.get(f"/v1/flows/{flow_id}/report")).text
    assert "**requires_action**: The plan waits for you." in text
    assert "## Patch" not in text
    await house.client.post(f"/v1/flows/{flow_id}/cancel")
    assert "(user): Cancelled by you." in (await house.client.get(f"/v1/flows/{flow_id}/report")).text


def test_no_text_ends_its_own_fence() -> None:
    assert fenced("a\n````\nb") == "`````text\na\n````\nb\n`````"
    assert inline("![x](y)\n# <b>") == r"\!\[x\]\(y\) \# \<b\>"
