"""People who come with a token of Supabase Auth, not with a key: into the dashboard, and to their flows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.exc import IntegrityError

from cfx_flow.accounts.accounts import DISABLED
from cfx_flow.accounts.audit import SERVER
from cfx_flow.accounts.cache import CACHE_TTL_S, Answer, AnswerCache
from cfx_flow.accounts.key_watch import KeyWatch
from cfx_flow.accounts.making import note_made
from cfx_flow.accounts.principal import Principal, SignedInAs
from cfx_flow.accounts.tokens import ENDED, Tokens
from cfx_flow.clock import Clock
from cfx_flow.errors import InvalidApiKey
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import accounts

GONE = "There is no such user any more. Sign in again."
MAX_NAME = 200
_HAS_ENDED = text("SELECT cfx_sign_in_has_ended(CAST(:person AS uuid), CAST(:session AS uuid))")


class SignedIn:
    """Whoever Supabase lets in gets an account with their first request; the account decides from then on."""

    def __init__(
        self, tokens: Tokens, store: Store, clock: Clock, default_daily_limit: int, default_max_streams: int
    ) -> None:
        self._tokens, self._store, self._clock = tokens, store, clock
        self._defaults = default_daily_limit, default_max_streams
        self._answers = AnswerCache(clock)
        self.watch = KeyWatch(self)
        """of event streams"""

    async def authenticate(self, token: str) -> Principal:
        """Raises InvalidApiKey. As with keys, an answer is kept for 5 s at most: a disabled account is out
        within that time."""
        label = self._answers.label(token)
        answer = self._answers.get(label)
        if answer is None:
            answer = await self._answers.ask_once(label, partial(self._look_up, token, label))
        if isinstance(answer, str):
            raise InvalidApiKey(answer)
        return answer

    async def _look_up(self, token: str, label: bytes) -> Answer:
        asked_at = self._clock.monotonic()
        valid_s = CACHE_TTL_S
        answer: Answer
        try:
            person = await self._tokens.read(token)
            valid_s = min(valid_s, (person.expires_at - self._clock.now()).total_seconds())
            answer = await self._principal(person) if valid_s > 0 else ENDED
        except InvalidApiKey as error:
            answer = error.message
        self._answers.put(label, answer, until=asked_at + valid_s)
        return answer

    async def _principal(self, person: SignedInAs) -> Answer:
        account = await self._account(person)
        if account is not None and account.disabled_at is not None:
            return DISABLED
        if await self._has_ended(person):
            return ENDED  # before an account is made for who may not come in
        if account is None and (account := await self._made(person)) is None:
            return GONE
        daily_limit, max_streams = self._defaults
        return Principal(
            user_id=account.user_id,
            name=account.name,
            role=account.role,
            api_key_id=None,
            daily_limit=daily_limit if account.daily_limit is None else account.daily_limit,
            max_streams=max_streams,
            monthly_usd=account.monthly_usd,
            sign_in=person,
        )

    async def _has_ended(self, person: SignedInAs) -> bool:
        """Before its token ends, as Supabase Auth says where our tables stand beside its own."""
        if self._store.dialect == "sqlite":
            return False
        async with self._store.read() as connection:
            answer = await connection.execute(
                _HAS_ENDED, {"person": person.user_id, "session": person.session_id}
            )
            return bool(answer.scalar_one())

    async def refused_among(self, people: Sequence[SignedInAs]) -> dict[SignedInAs, str]:
        """Of those that were let in before: who no longer would be, and why. Raises StoreUnavailable."""
        refused: dict[SignedInAs, str] = {}
        for person in people:
            is_over = person.expires_at <= self._clock.now()
            answer = ENDED if is_over else await self._principal(person)
            if isinstance(answer, str):
                refused[person] = answer
        return refused

    async def _account(self, person: SignedInAs) -> Row[Any] | None:
        async with self._store.read(person=person.user_id) as connection:
            query = select(accounts).where(accounts.c.user_id == person.user_id)
            return (await connection.execute(query)).one_or_none()

    async def _made(self, person: SignedInAs) -> Row[Any] | None:
        """Named by the address, or where somebody else has that name, by the id. None: deleted meanwhile."""
        for name in (_clean(person.email), person.user_id):
            row = {"user_id": person.user_id, "name": name, "role": "user", "created_at": self._clock.now()}
            if name is None:
                continue
            try:
                async with self._store.transaction() as connection:
                    insert = self._store.insert(accounts).values(row).on_conflict_do_nothing()
                    if (await connection.execute(insert.returning(accounts.c.user_id))).first() is not None:
                        await note_made(connection, SERVER, row, self._clock.now(), signed_in=True)
            except IntegrityError:
                return None
            if (account := await self._account(person)) is not None:
                return account
        return None

    def forget(self) -> None:
        """Whoever asks next is looked up anew: something about accounts has changed."""
        self._answers.clear()

    async def close(self) -> None:
        await self.watch.close()
        await self._answers.close()
        await self._tokens.close()


def _clean(email: str | None) -> str | None:
    """What may be a name (``making.clean``); with blanks around it, it would be taken for another's."""
    is_name = email and email == email.strip() and email.isprintable() and len(email) <= MAX_NAME
    return email if is_name else None
