"""Work in the background outlives what goes wrong in it, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping, Sequence
from itertools import pairwise
from typing import Any

import httpx
from sqlalchemy import text

from api.app import create_app
from api.readiness import Beside, ReadinessProbe
from api.wiring import Services
from cfx_flow.chores import Chores
from tests.api.conftest import client_of
from tests.api.test_metrics import scrape, value
from tests.support.stores import eventually

CHORE = "disabled accounts"
Lines = Sequence[MutableMapping[str, Any]]


async def rename(services: Services, column: str, to: str) -> None:
    """Neither a database that is away nor one that was not migrated: what nobody has thought of."""
    async with services.store.transaction() as connection:
        await connection.execute(text(f"ALTER TABLE accounts RENAME COLUMN {column} TO {to}"))


async def test_a_chore_that_breaks_is_told_everywhere_and_goes_on_once_it_can(
    services: Services, logged: Lines
) -> None:
    chores = services.chores
    chores.begin(CHORE, services.disabled_owners.look, every_s=0.01)
    await rename(services, "disabled_at", "elsewhere")
    await eventually(lambda: chores.failures()[CHORE] >= 3)
    told = [line for line in logged if line["event"] == "chore_broke"]
    assert [line["in_a_row"] for line in told[:3]] == [1, 2, 3]
    assert {(line["chore"], line["log_level"], line["exc_info"]) for line in told} == {(CHORE, "error", True)}
    probe = ReadinessProbe(services.store, services.models, services.clock, Beside(chores=chores))
    assert (await probe.check()).checks["chores"].startswith(f"{CHORE} (OperationalError): went wrong")
    async with client_of(create_app(services)) as client:
        assert (value(await scrape(client), "cfx_chore_failures_total", chore=CHORE) or 0) >= 3
    await rename(services, "elsewhere", "disabled_at")
    await eventually(lambda: not chores.broken())


async def test_chores_of_every_process_are_counted_from_its_start(stranger: httpx.AsyncClient) -> None:
    samples = await scrape(stranger)
    for chore in (CHORE, "pruning", "flows that nobody runs"):
        assert value(samples, "cfx_chore_failures_total", chore=chore) == 0


async def test_a_chore_that_hangs_is_told_until_it_is_over(services: Services, logged: Lines) -> None:
    goes_on = asyncio.Event()
    chores = Chores(least_patience_s=0.05)
    chores.begin("that hangs", goes_on.wait, every_s=0.01)
    chores.begin("that does not", _nothing, every_s=0.01)
    await eventually(lambda: "that hangs" in chores.broken())
    assert chores.failures() == {"that hangs": 1, "that does not": 0}
    (told,) = [line for line in logged if line["event"] == "chore_hangs"]
    assert (told["chore"], told["log_level"], told["seconds"]) == ("that hangs", "error", 0.05)
    probe = ReadinessProbe(services.store, services.models, services.clock, Beside(chores=chores))
    assert (await probe.check()).checks[
        "chores"
    ] == "that hangs (late): not over after 0.05 s: it may hang, or have much to do"
    goes_on.set()
    await eventually(lambda: not chores.broken())
    await chores.close()


async def _nothing() -> None: ...


async def test_pauses_after_failures_grow_up_to_a_bound() -> None:
    began, loop = list[float](), asyncio.get_running_loop()

    async def work() -> None:
        began.append(loop.time())
        int("no number")

    chores = Chores(longest_pause_s=0.04)
    chores.begin("count", work, every_s=0.01)
    await eventually(lambda: len(began) == 5)
    await chores.close()
    pauses = [now - before for before, now in pairwise(began)]
    assert min(pauses) >= 0.019
    assert min(pauses[1:]) >= 0.039
    await asyncio.sleep(0.05)
    assert len(began) == 5, "closed"
