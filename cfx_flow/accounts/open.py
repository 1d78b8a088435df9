"""Who may come in, and what they may change: opened together, closed in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from cfx_flow.accounts.accounts import Accounts
from cfx_flow.accounts.key_watch import KeyWatch
from cfx_flow.accounts.own_keys import OwnKeys
from cfx_flow.accounts.pepper import former_peppers
from cfx_flow.accounts.users import Users
from cfx_flow.clock import Clock
from cfx_flow.ledger import Budgets
from cfx_flow.settings import Settings
from cfx_flow.store.engine import Store

if TYPE_CHECKING:
    from cfx_flow.accounts.signed_in import SignedIn


@dataclass(frozen=True, slots=True)
class Doors:
    accounts: Accounts
    signed_in: SignedIn | None
    own_keys: OwnKeys
    users: Users
    key_watch: KeyWatch[str]
    """of chat streams"""
    reader_watch: KeyWatch[str]
    """of event streams"""


@asynccontextmanager
async def open_doors(
    settings: Settings, store: Store, pepper: SecretStr, clock: Clock, budgets: Budgets
) -> AsyncIterator[Doors]:
    accounts = Accounts(
        store,
        pepper,
        clock,
        settings.daily_limit,
        settings.streams_per_user,
        former_peppers=former_peppers(settings),
    )

    key_watch, reader_watch = KeyWatch(accounts), KeyWatch(accounts)
    async with _signed_in(settings, store, clock) as signed_in:

        def changed(user_id: str) -> None:
            accounts.forget()
            budgets.forget(user_id)
            if signed_in is not None:
                signed_in.forget()

        users = Users(store, clock, changed)
        try:
            yield Doors(accounts, signed_in, OwnKeys(store, accounts, clock), users, key_watch, reader_watch)
        finally:
            await reader_watch.close()
            await key_watch.close()
            await accounts.close()


@asynccontextmanager
async def _signed_in(settings: Settings, store: Store, clock: Clock) -> AsyncIterator[SignedIn | None]:
    """None where no Supabase is."""
    if settings.supabase_url is None:
        yield None
        return
    from cfx_flow.accounts.jwks import Jwks  # cryptography: for who needs it alone
    from cfx_flow.accounts.signed_in import SignedIn
    from cfx_flow.accounts.tokens import Tokens

    jwks = Jwks(f"{settings.supabase_url}/auth/v1/.well-known/jwks.json", clock)
    tokens = Tokens(settings.supabase_url, jwks, settings.supabase_jwt_secret)
    signed_in = SignedIn(tokens, store, clock, settings.daily_limit, settings.streams_per_user)
    try:
        yield signed_in
    finally:
        await signed_in.close()
