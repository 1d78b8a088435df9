"""``cfx approve`` and ``cfx reject`` against the real API."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import uvicorn

from api.app import create_app
from cfx_flow.settings import HOUSE
from tests.flows.conftest import House
from tests.support.flows import GOOD_DIFF, loop, says
from tests.support.processes import child_environ, free_port
from tests.support.provider import CODE, Provider

Done: TypeAlias = "subprocess.CompletedProcess[str]"
Run: TypeAlias = Callable[..., Awaitable[Done]]

pytestmark = pytest.mark.e2e


@pytest.fixture
async def cfx(house: House) -> AsyncIterator[Run]:
    """Runs a command as a person would, against a server on a port."""
    port = free_port()
    config = uvicorn.Config(create_app(house.services), port=port, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    key = await house.services.accounts.create_key("alice")
    where = {"CFX_API_URL": f"http://127.0.0.1:{port}", "CFX_API_KEY": key.key}

    async def run(*arguments: str) -> Done:
        program = [sys.executable, "-m", "cli.main", *arguments]
        return await asyncio.to_thread(
            subprocess.run, program, cwd=HOUSE, env=child_environ(**where), capture_output=True, text=True
        )

    yield run
    server.should_exit = server.force_exit = True
    await serving


async def test_a_flow_is_steered_from_the_terminal(
    house: House, provider: Provider, cfx: Run, tmp_path: Path
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow_id = await house.start(approval="both")
    await house.until(flow_id, lambda flow: flow["gate"] == "plan")
    assert f"cfx approve {flow_id}" in (await cfx("flows", "show", flow_id)).stdout

    (tmp_path / "plan.md").write_text("# Mine")
    done = await cfx("approve", flow_id, "--plan", str(tmp_path / "plan.md"), "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "queued")
    await house.until(flow_id, lambda flow: flow["gate"] == "patch")
    assert "# Mine" in str(provider.calls(CODE)[-1]["body"]["messages"])

    sent_back = await cfx("reject", flow_id, "--revise", "--comment", "Shorter.")
    assert sent_back.returncode == 0, sent_back.stderr
    await house.until(flow_id, lambda flow: flow["gate"] == "patch" and flow["round"] == 2)
    assert (await cfx("reject", flow_id)).returncode == 0
    ended = await house.until(flow_id, lambda flow: flow["completed_at"])
    assert (ended["status"], ended["reason"]) == ("rejected", "person")

    late = await cfx("approve", flow_id)
    assert late.returncode != 0
    assert "waits for no decision: it is rejected" in late.stderr


async def test_another_way_is_tried_from_the_terminal(
    house: House, provider: Provider, cfx: Run, tmp_path: Path
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    parent = await house.run()
    (tmp_path / "plan.md").write_text("# Mine")
    plan = ("--plan", str(tmp_path / "plan.md"))
    budget = ("--budget-usd", "0.5", "--budget-tokens", "90000", "--budget-seconds", "600")
    done = await cfx(
        "flows", "fork", parent["id"], "--step", "1", *plan, "--stage-model", "code=gpt-4.1-mini", *budget
    )
    assert done.returncode == 0, done.stderr
    flow = await house.ended(done.stdout.split()[0])
    assert flow["forked_from"]["id"] == parent["id"]
    assert flow["budget"] == {"usd": 0.5, "tokens": 90000, "seconds": 600}
    listed = await cfx(
        "flows", "--forked-from", parent["id"], "--status", "approved", "--status", flow["status"]
    )
    assert flow["id"] in listed.stdout
    assert parent["id"] not in listed.stdout
    assert (await cfx("flows", "step", flow["id"], "1")).stdout.startswith("# Mine")
    assert "# Mine" in str(provider.calls("gpt-4.1-mini")[-1]["body"]["messages"])
    assert (await cfx("flows", "report", flow["id"])).stdout.startswith(f"# Flow {flow['id']}")
    refused = await cfx("flows", "fork", parent["id"], "--step", "9")
    assert refused.returncode == 2
    assert "no finished step 9" in refused.stderr
