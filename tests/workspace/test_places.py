"""Places that each user has to himself."""

from __future__ import annotations

import asyncio

from cfx_flow.workspace.places import Places


async def test_who_takes_all_places_keeps_nobody_else_waiting() -> None:
    places, inside, let_go = Places(2), list[str](), asyncio.Event()

    async def work(user: str) -> None:
        async with places.of(user):
            inside.append(user)
            await let_go.wait()

    tasks = [asyncio.create_task(work(user)) for user in ["alice"] * 5 + ["bob"]]
    await asyncio.sleep(0)
    assert inside == ["alice", "alice", "bob"]
    tasks[2].cancel()
    let_go.set()
    await asyncio.wait_for(asyncio.wait(tasks), 20)
    assert sorted(inside) == ["alice"] * 4 + ["bob"]
    assert not places.of("alice").locked()
