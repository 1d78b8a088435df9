"""What went into a step can be read as it was, short or long, and whatever has become of its row."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import func, select, update

from cfx_flow.errors import DamagedRow
from cfx_flow.flows.inputs import IN_ROW_BYTES, MOST_BYTES, PART_BYTES, Packer, unpack_input
from cfx_flow.flows.model import Flow, StoredInput
from cfx_flow.flows.run import FlowRun
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import flow_step_inputs, flow_steps
from tests.flows.conftest import House
from tests.flows.test_fork import fork
from tests.flows.test_store import Desk
from tests.support.flows import BAD_DIFF, GOOD_DIFF, loop, says
from tests.support.provider import CODE, Provider

SHORT = {"messages": [{"role": "user", "content": "Größer"}]}
LONG = {"messages": [{"role": "user", "content": "Größer, und mit \0 und \ud800: " + "länger " * 5_000}]}
SHOWN = {"messages": [{"role": "user", "content": "Größer, und mit \u2400 und ?: " + "länger " * 5_000}]}
BIG_TASK = "".join(random.Random(1).choices("abcdefgh ,.\n", k=30_000))


def bomb() -> bytes:
    packing = zlib.compressobj(9)
    page = b" " * (1 << 20)
    return b"".join([*(packing.compress(page) for _ in range(1 + (MOST_BYTES >> 20))), packing.flush()])


WHOLE = zlib.compress(b'{"messages": []}')


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


async def begun(desk: Desk, flow: Flow, input: Mapping[str, Any]) -> None:
    claimed = await desk.flows.claim(flow.id)
    assert claimed is not None
    run = FlowRun(claimed, desk.flows, desk.clock)
    await run.begin(1, "plan", 0, stage="plan", input=input)
    await run.pen.settle()


async def input_of(desk: Desk, flow: Flow) -> Mapping[str, Any]:
    return (await desk.flows.step_and_input(desk.user.user_id, flow.id, 1))[1]


async def rows(store: Store) -> int:
    async with store.read() as connection:
        count = await connection.execute(select(func.count()).select_from(flow_step_inputs))
        return int(count.scalar_one())


async def test_a_long_input_has_a_row_of_its_own_and_a_short_one_has_none(desk: Desk, store: Store) -> None:
    """Neither database takes NUL, or half a character, as it is."""
    flow = await desk.flow()
    await begun(desk, flow, SHORT)
    assert (await input_of(desk, flow), await rows(store)) == (SHORT, 0)

    await begun(desk, flow, LONG)
    await begun(desk, flow, LONG)

    assert (await input_of(desk, flow), await rows(store)) == (SHOWN, 1)
    async with store.read() as connection:
        assert (await connection.execute(select(flow_steps.c.input))).scalar_one() is None
        assert len((await connection.execute(select(flow_step_inputs.c.body))).scalar_one()) < 1_000


async def test_a_step_that_begins_again_with_less_shows_that(desk: Desk) -> None:
    flow = await desk.flow()
    await begun(desk, flow, LONG)
    await begun(desk, flow, SHORT)
    assert await input_of(desk, flow) == SHORT


async def test_a_long_input_of_an_earlier_release_is_read_from_its_step(desk: Desk, store: Store) -> None:
    flow = await desk.flow()
    await begun(desk, flow, SHORT)
    async with store.transaction() as connection:
        await connection.execute(update(flow_steps).values(input=SHOWN))
    assert await input_of(desk, flow) == SHOWN


async def test_what_is_longer_than_is_ever_unpacked_stays_as_it_is() -> None:
    longer = {"text": "x" * MOST_BYTES}
    stored = await Packer().pack(1, "code", longer)
    assert stored.body is None
    assert msgspec.json.decode(stored.in_row) == longer
    assert (await Packer().pack(1, "code", {"text": "x" * IN_ROW_BYTES})).body is not None


FILES = "größer " + BIG_TASK + " größer"


@pytest.mark.parametrize(
    ("later", "refers"),
    [
        (FILES, True),
        (FILES + "and what was wrong", True),
        (FILES[:-3], True),
        (FILES[: len(FILES) * 2 // 3], True),
        (FILES[: len(FILES) // 3] + "y" * len(FILES), False),
        ("y" + FILES, False),
    ],
)
async def test_what_a_later_prompt_has_in_common_with_the_first_is_kept_once(
    later: str, refers: bool
) -> None:
    packer = Packer()
    first = await packer.pack(2, "code", {"text": FILES})
    review = await packer.pack(4, "review", {"text": FILES})
    second = await packer.pack(5, "code", {"text": later})

    assert first.begins_as is review.begins_as is None
    assert second.begins_as == (2 if refers else None)
    assert await unpack_input(first) == await unpack_input(review) == {"text": FILES}
    assert await unpack_input(second, first if refers else None) == {"text": later}
    if refers:
        assert len(second.body or b"") < PART_BYTES
        third = await packer.pack(8, "code", {"text": FILES + "a third time"})
        assert third.begins_as == 2


async def test_a_prompt_whose_beginning_is_lost_or_damaged_is_told() -> None:
    packer = Packer()
    first = await packer.pack(2, "code", {"text": FILES})
    second = await packer.pack(5, "code", {"text": FILES + "more"})
    shorter = await Packer().pack(2, "code", {"text": FILES[: len(FILES) // 2]})
    for beginning in (
        None,
        StoredInput({}),
        shorter,
        replace(first, body=WHOLE[:-1]),
        replace(first, body=bomb()),
    ):
        with pytest.raises(DamagedRow):
            await unpack_input(second, beginning)


DAMAGED = {
    "gone": None,
    "empty": b"",
    "cut off": WHOLE[:-1],
    "more behind it": WHOLE + b"x",
    "other bytes": b"\0" * 32,
    "a bit turned": WHOLE[:9] + bytes([WHOLE[9] ^ 4]) + WHOLE[10:],
    "not JSON": zlib.compress(b"{"),
    "no object": zlib.compress(b"[]"),
    "not UTF-8": zlib.compress(b'{"a": "\xff"}'),
    "nested": zlib.compress(b'{"a": ' + b"[" * 100_000),
    "a bomb": bomb(),
}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
async def test_a_damaged_row_is_told_and_never_unpacked_without_bounds(body: bytes | None) -> None:
    with pytest.raises(DamagedRow, match="damaged in the database: "):
        await unpack_input(StoredInput(None, body))


async def test_a_flow_whose_inputs_are_damaged_is_shown_and_forked_all_the_same(
    any_house: House, provider: Provider
) -> None:
    """plan, code (refused), check, code, check, review"""
    provider.script(*loop([says(BAD_DIFF), says(GOOD_DIFF)]))
    parent = await any_house.run(BIG_TASK)
    asked = [call["body"]["messages"] for call in provider.calls(CODE)]
    forked = await any_house.ended((await fork(any_house, parent["id"], step=5))["id"])
    for flow in (parent, forked):
        assert [(await any_house.step(flow["id"], n))["input"]["messages"] for n in (2, 4)] == asked
    async with any_house.services.store.transaction() as connection:
        kept_once = select(flow_step_inputs.c.n).where(flow_step_inputs.c.begins_as == 2)
        assert (await connection.execute(kept_once)).scalars().all() == [4, 4]
        first = update(flow_step_inputs).where(flow_step_inputs.c.n == 2)
        await connection.execute(first.values(body=b"\0" * 32))

    for n in (2, 4):
        damaged = await any_house.client.get(f"/v1/flows/{parent['id']}/steps/{n}")
        assert (damaged.status_code, damaged.json()["error"]["code"]) == (500, "damaged_row")
    assert (await any_house.step(parent["id"], 5))["output"] == GOOD_DIFF
    base = f"/v1/flows/{parent['id']}"
    for part in ("report", "plan", "diff", "bundle"):
        assert (await any_house.client.get(f"{base}/{part}")).status_code == 200
    again = await any_house.ended((await fork(any_house, parent["id"], step=5))["id"])
    assert again["status"] == "approved"
