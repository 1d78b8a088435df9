from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr

from cfx_flow.accounts import Accounts
from cfx_flow.store.engine import Store
from tests.support.clock import FakeClock

PEPPER = SecretStr("p" * 64)
MakeAccounts = Callable[[], Accounts]


@pytest.fixture
async def make_accounts(store: Store, fake_clock: FakeClock) -> AsyncIterator[MakeAccounts]:
    """Each one is as another process would have it: nothing shared but the store."""
    made: list[Accounts] = []

    def make() -> Accounts:
        made.append(Accounts(store, PEPPER, fake_clock, default_daily_limit=1000))
        return made[-1]

    yield make
    for accounts in made:
        await accounts.close()


@pytest.fixture
def accounts(make_accounts: MakeAccounts) -> Accounts:
    return make_accounts()
