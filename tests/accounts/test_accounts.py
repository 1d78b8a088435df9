"""Making, presenting, listing and revoking keys, on both databases."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import delete, select, update

from cfx_flow.accounts import Accounts, Principal
from cfx_flow.accounts.behind import HashedAnew, LastUsed
from cfx_flow.accounts.cache import AnswerCache
from cfx_flow.accounts.keys import make_key
from cfx_flow.errors import Conflict, InvalidApiKey, InvalidRequest, NotFound, StoreUnavailable
from cfx_flow.store.address import sqlite_file
from cfx_flow.store.engine import Store, open_engine, open_store
from cfx_flow.store.tables import accounts as accounts_table
from cfx_flow.store.tables import api_keys
from tests.accounts.conftest import PEPPER, MakeAccounts
from tests.support.clock import FakeClock
from tests.support.postgres import SOMEBODY_WAITS_FOR_US
from tests.support.stores import heard, opened


async def change_account(store: Store, name: str, **values: Any) -> None:
    async with store.transaction() as connection:
        await connection.execute(update(accounts_table).where(accounts_table.c.name == name).values(**values))


async def test_key_tells_whose_it_is(accounts: Accounts) -> None:
    made = await accounts.create_key("ada", label="editor", permissions={"workspace"}, daily_limit=7)
    principal = await accounts.authenticate(made.key)
    assert (principal.user_id, principal.name, principal.role) == (made.user_id, "ada", "user")
    assert (principal.api_key_id, principal.daily_limit) == (made.id, 7)
    assert principal.permissions == {"workspace"}


async def test_only_the_hash_is_stored(accounts: Accounts, store: Store) -> None:
    made = await accounts.create_key("ada")
    async with store.read() as connection:
        row = (await connection.execute(select(api_keys))).one()
    secret = made.key.rsplit("_", 1)[1]
    assert secret not in repr(tuple(row))
    assert secret not in repr(made)


async def test_two_keys_of_one_user_share_the_account(accounts: Accounts) -> None:
    first, second = await accounts.create_key("ada"), await accounts.create_key(" ada ")
    assert first.user_id == second.user_id
    assert first.key != second.key


async def test_makers_at_once_make_one_account(make_accounts: MakeAccounts) -> None:
    made = await asyncio.gather(*(make_accounts().create_key("ada") for _ in range(6)))
    assert len({key.user_id for key in made}) == 1
    assert len({key.key_id for key in made}) == 6


async def test_limit_is_the_keys_own_then_the_accounts_then_the_default(
    make_accounts: MakeAccounts, store: Store
) -> None:
    own = await make_accounts().create_key("ada", daily_limit=0)
    plain = await make_accounts().create_key("ada")
    assert (await make_accounts().authenticate(plain.key)).daily_limit == 1000
    await change_account(store, "ada", daily_limit=50)
    assert (await make_accounts().authenticate(plain.key)).daily_limit == 50
    assert (await make_accounts().authenticate(own.key)).daily_limit == 0


async def test_streams_are_the_keys_own_or_the_default(make_accounts: MakeAccounts) -> None:
    own = await make_accounts().create_key("ada", max_streams=5)
    plain = await make_accounts().create_key("ada")
    assert own.max_streams == 5
    assert (await make_accounts().authenticate(own.key)).max_streams == 5
    assert (await make_accounts().authenticate(plain.key)).max_streams == 2


@pytest.mark.parametrize("limits", [{"daily_limit": -1}, {"daily_limit": 2**31}, {"max_streams": 1001}])
async def test_limits_out_of_range_are_refused(accounts: Accounts, limits: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match="0 to"):
        await accounts.create_key("ada", **limits)


async def test_typo_is_refused_without_asking_the_database(fake_clock: FakeClock) -> None:
    key = make_key().text
    async with opened("postgresql://127.0.0.1:1/nothing-listens-here") as store:
        accounts = Accounts(store, PEPPER, fake_clock, 1000)
        with pytest.raises(StoreUnavailable):
            await accounts.authenticate(key)
        with pytest.raises(InvalidApiKey, match="Copy it again"):
            await accounts.authenticate(key[:-1] + ("a" if key[-1] != "a" else "b"))


async def test_unknown_key_is_refused(accounts: Accounts) -> None:
    with pytest.raises(InvalidApiKey, match="not known here"):
        await accounts.authenticate(make_key().text)


async def test_right_public_id_with_another_secret_is_unknown(accounts: Accounts, store: Store) -> None:
    """Nothing but the whole key learns that the id exists, or that the key was revoked."""
    made, other = await accounts.create_key("ada"), make_key()
    async with store.transaction() as connection:
        await connection.execute(
            update(api_keys).where(api_keys.c.id == made.id).values(key_id=other.key_id, status="revoked")
        )
    with pytest.raises(InvalidApiKey, match="not known here"):
        await accounts.authenticate(other.text)


async def test_answer_is_kept_for_five_seconds(
    accounts: Accounts, store: Store, fake_clock: FakeClock
) -> None:
    key = (await accounts.create_key("ada")).key
    await accounts.authenticate(key)
    async with store.transaction() as connection:
        await connection.execute(delete(api_keys))
    fake_clock.advance(seconds=4.9)
    assert (await accounts.authenticate(key)).name == "ada"
    fake_clock.advance(seconds=0.2)
    with pytest.raises(InvalidApiKey, match="not known here"):
        await accounts.authenticate(key)


async def test_revocation_reaches_other_processes_when_their_answer_is_stale(
    make_accounts: MakeAccounts, fake_clock: FakeClock
) -> None:
    here, elsewhere = make_accounts(), make_accounts()
    made = await here.create_key("ada")
    await here.authenticate(made.key)
    await elsewhere.authenticate(made.key)
    await here.revoke_key(made.id)
    with pytest.raises(InvalidApiKey, match="revoked"):
        await here.authenticate(made.key)
    fake_clock.advance(seconds=5)
    with pytest.raises(InvalidApiKey, match="revoked"):
        await elsewhere.authenticate(made.key)


async def test_key_ends_at_its_expiry_even_if_the_answer_is_fresh(
    accounts: Accounts, fake_clock: FakeClock
) -> None:
    made = await accounts.create_key("ada", expires_at=fake_clock.now() + timedelta(seconds=3))
    await accounts.authenticate(made.key)
    fake_clock.advance(seconds=3)
    with pytest.raises(InvalidApiKey, match="expired"):
        await accounts.authenticate(made.key)


async def test_disabled_account_is_refused_and_gets_no_new_keys(
    make_accounts: MakeAccounts, store: Store, fake_clock: FakeClock
) -> None:
    made = await make_accounts().create_key("ada")
    await change_account(store, "ada", disabled_at=fake_clock.now())
    with pytest.raises(InvalidApiKey, match="disabled"):
        await make_accounts().authenticate(made.key)
    with pytest.raises(Conflict, match="disabled"):
        await make_accounts().create_key("ada")


def test_invented_keys_cannot_push_real_ones_out(fake_clock: FakeClock) -> None:
    cache = AnswerCache(fake_clock, capacity=2)
    ada = Principal(user_id="1", name="ada", role="user", api_key_id="2", daily_limit=1)
    until = fake_clock.monotonic() + 5
    cache.put(b"real", ada, until=until)
    for n in range(100):
        cache.put(b"invented %d" % n, "unknown", until=until)
    assert cache.get(b"real") == ada
    assert cache.get(b"invented 0") is None
    assert cache.get(b"invented 99") == "unknown"


async def test_many_with_one_key_ask_the_database_once(make_accounts: MakeAccounts, store: Store) -> None:
    made = await make_accounts().create_key("ada")
    await make_accounts().authenticate(made.key)  # opens what is listened to
    accounts, asked = make_accounts(), heard(store)
    everyone = [asyncio.create_task(accounts.authenticate(made.key)) for _ in range(50)]
    await asyncio.sleep(0)
    everyone.pop().cancel()  # who goes takes nobody else's answer along
    assert {principal.name for principal in await asyncio.gather(*everyone)} == {"ada"}
    assert sum("FROM api_keys" in statement for statement in asked) == 1


async def test_failing_store_is_not_taken_for_a_wrong_key(
    make_accounts: MakeAccounts, owner_url: str
) -> None:
    made = await make_accounts().create_key("ada")
    broken = make_accounts()
    rename_table(owner_url, "api_keys", "elsewhere")
    with pytest.raises(StoreUnavailable):
        await broken.authenticate(made.key)
    rename_table(owner_url, "elsewhere", "api_keys")
    assert (await broken.authenticate(made.key)).name == "ada"


def rename_table(url: str, old: str, new: str) -> None:
    with open_engine(url).begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


async def test_last_use_is_written_behind_the_request_to_the_minute(
    accounts: Accounts, fake_clock: FakeClock
) -> None:
    made = await accounts.create_key("ada")
    assert (await accounts.list_keys())[0].last_used_at is None
    first = fake_clock.now()
    await accounts.authenticate(made.key)
    await accounts.close()
    assert (await accounts.list_keys())[0].last_used_at == first
    fake_clock.advance(seconds=59)
    await accounts.authenticate(made.key)
    await accounts.close()
    assert (await accounts.list_keys())[0].last_used_at == first
    fake_clock.advance(seconds=6)
    await accounts.authenticate(made.key)
    await accounts.close()
    assert (await accounts.list_keys())[0].last_used_at == fake_clock.now()


async def test_last_use_that_cannot_be_written_hurts_nobody(sqlite_url: str, fake_clock: FakeClock) -> None:
    store = await open_store(sqlite_url, busy_timeout_s=0.05)
    accounts = Accounts(store, PEPPER, fake_clock, 1000)
    made = await accounts.create_key("ada")
    other = sqlite3.connect(str(sqlite_file(sqlite_url)), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert (await accounts.authenticate(made.key)).name == "ada"
    await accounts.close()
    other.close()
    assert (await accounts.list_keys())[0].last_used_at is None
    await store.close()


async def test_keys_are_listed_newest_first_and_by_user(accounts: Accounts, fake_clock: FakeClock) -> None:
    made = []
    for name in ("ada", "bob", "ada"):
        made.append(await accounts.create_key(name))
        fake_clock.advance(seconds=1)
    assert [key.id for key in await accounts.list_keys()] == [key.id for key in reversed(made)]
    assert [key.id for key in await accounts.list_keys("ada")] == [made[2].id, made[0].id]
    assert await accounts.list_keys(made[0].user_id) == await accounts.list_keys("ada")
    assert await accounts.list_keys("nobody") == []


async def test_key_is_revoked_by_id_by_public_id_and_by_itself_and_again(accounts: Accounts) -> None:
    made = [await accounts.create_key("ada") for _ in range(3)]
    for key, which in zip(made, (made[0].id, made[1].key_id, made[2].key), strict=True):
        assert (await accounts.revoke_key(which)).id == key.id
        assert (await accounts.revoke_key(which)).status == "revoked"


async def test_revoking_what_does_not_exist_says_where_to_look(accounts: Accounts) -> None:
    for which in ("", "nonsense", "a" * 12, str(uuid.uuid4()), "'; DROP TABLE api_keys; --", "\0"):
        with pytest.raises(NotFound, match="cfx keys list"):
            await accounts.revoke_key(which)


async def test_names_that_would_fool_a_terminal_are_refused(accounts: Accounts) -> None:
    for name in ("", "   ", "a\nb", "\x1b[31mred", "x" * 201, "a\u202eb"):
        with pytest.raises(InvalidRequest, match="printable"):
            await accounts.create_key(name)


async def test_nonsense_limits_and_expiries_are_refused(accounts: Accounts, fake_clock: FakeClock) -> None:
    with pytest.raises(InvalidRequest, match="daily limit"):
        await accounts.create_key("ada", daily_limit=-1)
    with pytest.raises(InvalidRequest, match="daily limit"):
        await accounts.create_key("ada", daily_limit=2**31)
    with pytest.raises(InvalidRequest, match="past"):
        await accounts.create_key("ada", expires_at=fake_clock.now())
    assert not await accounts.has_keys()


async def test_first_start_can_tell_whether_there_are_keys(accounts: Accounts) -> None:
    assert not await accounts.has_keys()
    await accounts.revoke_key((await accounts.create_key("ada")).id)
    assert await accounts.has_keys()


async def test_concurrent_strangers_are_all_answered(accounts: Accounts) -> None:
    keys = [(await accounts.create_key(f"user {n}")).key for n in range(10)]
    found = await asyncio.gather(*(accounts.authenticate(key) for key in keys * 3))
    assert [principal.name for principal in found] == [f"user {n}" for n in range(10)] * 3


@pytest.mark.e2e
async def test_last_uses_are_written_in_one_order_so_that_two_servers_never_wait_for_each_other(
    postgres_url: str, fake_clock: FakeClock
) -> None:
    one = select(api_keys.c.id).with_for_update(nowait=True)
    async with opened(postgres_url) as store:
        accounts = Accounts(store, PEPPER, fake_clock, 1000)
        first, second = sorted([(await accounts.create_key("ada")).id for _ in range(2)])
        last_used = LastUsed(store, fake_clock)
        async with store.transaction() as connection, asyncio.timeout(20):
            await connection.execute(one.where(api_keys.c.id == first))
            for key in (second, first):
                last_used.note(key, None)
            while not (await connection.execute(SOMEBODY_WAITS_FOR_US)).scalar():
                await asyncio.sleep(0.01)
            await connection.execute(one.where(api_keys.c.id == second))
        await last_used.close()
        assert {info.last_used_at for info in await accounts.list_keys()} == {fake_clock.now()}


async def test_no_account_is_made_for_an_id_that_nobody_has(accounts: Accounts) -> None:
    with pytest.raises(NotFound, match="no such user; `cfx users list` shows all"):
        await accounts.create_key(str(uuid.uuid4()))
    assert await accounts.list_keys() == []


async def test_what_cannot_be_written_behind_a_request_keeps_nothing_from_being_written_later(
    accounts: Accounts, store: Store
) -> None:
    made = await accounts.create_key("ada")
    async with store.read() as connection:
        old = (await connection.execute(select(api_keys.c.key_hash))).scalar_one()
    hashed_anew = HashedAnew(store)
    hashed_anew.note(made.id, old, cast("bytes", "a text"))
    await hashed_anew.close()
    hashed_anew.note(made.id, old, b"new" * 8)
    await hashed_anew.close()
    async with store.read() as connection:
        assert (await connection.execute(select(api_keys.c.key_hash))).scalar_one() == b"new" * 8
