"""Keys that take another's place, peppers that take another's place, and what the audit log keeps of it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from cfx_flow.accounts import Accounts, former_peppers
from cfx_flow.accounts.audit import OPERATOR, read_audit
from cfx_flow.accounts.cache import CACHE_TTL_S
from cfx_flow.errors import Conflict, InvalidApiKey, InvalidRequest, NotFound
from cfx_flow.settings import Settings
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import api_keys
from tests.accounts.conftest import PEPPER
from tests.support.clock import FakeClock

HOUR = timedelta(hours=1)
BOUNDS: dict[str, Any] = {
    "label": "editor",
    "permissions": frozenset({"workspace"}),
    "daily_limit": 7,
    "max_streams": 1,
    "stages": frozenset({"code", "review"}),
    "models": frozenset({"gpt-4o-mini"}),
}


async def test_new_key_is_just_like_the_old_one_which_goes_on_for_the_grace(
    accounts: Accounts, fake_clock: FakeClock
) -> None:
    old = await accounts.create_key("ada", **BOUNDS)
    new = await accounts.rotate_key(old.id, HOUR)
    assert {name: getattr(new, name) for name in BOUNDS} == BOUNDS
    assert (new.user_id, new.expires_at) == (old.user_id, None)
    for key in (old.key, new.key):
        assert (await accounts.authenticate(key)).stages == {"code", "review"}
    fake_clock.advance(hours=1, seconds=CACHE_TTL_S)
    await accounts.authenticate(new.key)
    with pytest.raises(InvalidApiKey, match="expired"):
        await accounts.authenticate(old.key)


async def test_without_grace_the_old_key_is_revoked(accounts: Accounts) -> None:
    old = await accounts.create_key("ada")
    await accounts.authenticate(old.key)
    new = await accounts.rotate_key(old.key_id, timedelta(0))
    with pytest.raises(InvalidApiKey, match="revoked"):
        await accounts.authenticate(old.key)
    await accounts.authenticate(new.key)
    with pytest.raises(Conflict, match="works no more"):
        await accounts.rotate_key(old.id, HOUR)


async def test_grace_never_prolongs_a_key(accounts: Accounts, fake_clock: FakeClock) -> None:
    soon = fake_clock.now() + timedelta(minutes=10)
    old = await accounts.create_key("ada", expires_at=soon)
    assert (await accounts.rotate_key(old.id, HOUR)).expires_at == soon
    assert (await accounts.key(old.id)).expires_at == soon


async def test_rotation_that_makes_no_sense_changes_nothing(accounts: Accounts) -> None:
    old = await accounts.create_key("ada")
    for grace in (timedelta(days=31), timedelta(seconds=-1)):
        with pytest.raises(InvalidRequest, match="at most 30 days"):
            await accounts.rotate_key(old.id, grace)
    with pytest.raises(NotFound):
        await accounts.rotate_key(old.id, HOUR, owner_id="0190a3c0-0000-7000-8000-000000000009")
    assert len(await accounts.list_keys()) == 1


@pytest.mark.parametrize("wish", [{"stages": ["think"]}, {"stages": []}, {"models": ["a\0"]}], ids=str)
async def test_bounds_that_are_none_are_refused(accounts: Accounts, wish: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        await accounts.create_key("ada", **wish)


async def test_every_change_leaves_one_row_without_a_secret(accounts: Accounts, store: Store) -> None:
    old = await accounts.create_key("ada", actor=OPERATOR, **BOUNDS)
    new = await accounts.rotate_key(old.id, HOUR, actor=OPERATOR)
    for _ in range(2):
        await accounts.revoke_key(new.id, actor=OPERATOR)
    rows, cursor = await read_audit(store, user_id=old.user_id, limit=10)
    by_action = {row.action: row for row in rows}
    assert (len(rows), cursor) == (4, None)
    assert by_action["user.created"].subject == "ada", "made with the first key"
    assert by_action["key.created"].detail["stages"] == ["code", "review"]
    assert by_action["key.rotated"].detail == {"replaced_by": new.key_id, "grace_s": 3600}
    assert by_action["key.revoked"].subject == new.key_id
    assert {row.actor for row in rows} == {OPERATOR.name}
    text = json.dumps([row.detail for row in rows])
    assert not any(made.key.rsplit("_", 1)[1] in text for made in (old, new))


async def test_key_of_a_former_pepper_is_hashed_anew_when_it_is_used(
    accounts: Accounts, store: Store, fake_clock: FakeClock
) -> None:
    made, unused = await accounts.create_key("ada"), await accounts.create_key("bob")
    pepper = SecretStr("q" * 64)
    both = Accounts(store, pepper, fake_clock, 1000, former_peppers=[SecretStr("o" * 64), PEPPER])
    assert (await both.authenticate(made.key)).name == "ada"
    await both.close()
    newer = Accounts(store, pepper, fake_clock, 1000)
    assert (await newer.authenticate(made.key)).name == "ada"
    with pytest.raises(InvalidApiKey, match="not known"):
        await newer.authenticate(unused.key)
    await newer.close()


async def test_key_of_a_former_pepper_opens_while_nothing_can_be_written(
    accounts: Accounts, store: Store, fake_clock: FakeClock
) -> None:
    """No request waits for its new hash, nor is refused for it: here another holds the rows, or the file."""
    made = [await accounts.create_key(name) for name in ("ada", "bob")]
    both = Accounts(store, SecretStr("q" * 64), fake_clock, 1000, former_peppers=[PEPPER])
    async with store.transaction() as connection:
        await connection.execute(update(api_keys).values(label="held"))
        async with asyncio.timeout(store.busy_timeout_s / 2):
            for each in made:
                assert (await both.authenticate(each.key)).api_key_id == each.id
    await both.close()
    newer = Accounts(store, SecretStr("q" * 64), fake_clock, 1000)
    assert [(await newer.authenticate(each.key)).name for each in made] == ["ada", "bob"]
    await newer.close()


async def test_servers_change_the_pepper_one_after_the_other_once_all_know_both(
    accounts: Accounts, store: Store, fake_clock: FakeClock
) -> None:
    """As .env.example says: the new one stands behind the old one first, then the two are exchanged."""
    made, new = await accounts.create_key("ada"), SecretStr("q" * 64)
    before = Accounts(store, PEPPER, fake_clock, 1000, former_peppers=[new])
    after = Accounts(store, new, fake_clock, 1000, former_peppers=[PEPPER])
    for each in (before, after, before, after):
        each.forget()
        assert (await each.authenticate(made.key)).name == "ada"
        await each.close()


async def test_only_keys_of_a_former_pepper_are_written(
    accounts: Accounts, store: Store, fake_clock: FakeClock
) -> None:
    made = await accounts.create_key("ada")

    async def digest() -> bytes:
        query = select(api_keys.c.key_hash).where(api_keys.c.id == made.id)
        async with store.read() as connection:
            return bytes((await connection.execute(query)).scalar_one())

    before = await digest()
    both = Accounts(store, PEPPER, fake_clock, 1000, former_peppers=[SecretStr("o" * 64)])
    await both.authenticate(made.key)
    with pytest.raises(InvalidApiKey):
        await both.authenticate(made.key[:-6] + "zzzzzz")
    await both.close()
    assert await digest() == before


def test_former_peppers_stand_with_commas_between_them() -> None:
    settings = Settings.load({"CFX_HASH_SALT_PREVIOUS": " first , second,"})
    assert [pepper.get_secret_value() for pepper in former_peppers(settings)] == ["first", "second"]
    assert "first" not in repr(settings)
    assert former_peppers(Settings.load({})) == ()
