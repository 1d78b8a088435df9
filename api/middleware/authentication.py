"""Who is calling. Everything needs a key, except what is named here and the dashboard's own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from api.context import context_of
from api.dashboard.site import Dashboard
from cfx_flow.accounts import Accounts
from cfx_flow.accounts.keys import is_no_key
from cfx_flow.accounts.principal import Principal
from cfx_flow.errors import InvalidApiKey

if TYPE_CHECKING:
    from cfx_flow.accounts.signed_in import SignedIn

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/v1/ui-config"})
HOW = "Send `Authorization: Bearer cfx_…`; `cfx keys create --user NAME` makes a key."


class Authentication:
    def __init__(
        self, app: ASGIApp, *, accounts: Accounts, dashboard: Dashboard, signed_in: SignedIn | None = None
    ) -> None:
        """``signed_in``: where people may come with a token of Supabase too."""
        self._app = app
        self._accounts = accounts
        self._signed_in = signed_in
        self._dashboard = dashboard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            try:
                token = bearer_token(scope)
            except InvalidApiKey:
                if (page := await self._dashboard.answer(scope)) is None:
                    raise
                await page(scope, receive, send)
                return
            context_of(scope).principal = await self._who(token)
        await self._app(scope, receive, send)

    async def _who(self, token: str) -> Principal:
        if self._signed_in is not None and is_no_key(token):
            return await self._signed_in.authenticate(token)
        return await self._accounts.authenticate(token)


def bearer_token(scope: Scope) -> str:
    """Raises InvalidApiKey for no header, more than one, or another scheme."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if not values:
        raise InvalidApiKey(f"There is no key in this request. {HOW}")
    if len(values) > 1:
        raise InvalidApiKey(f"There are {len(values)} Authorization headers in this request. {HOW}")
    value: bytes = values[0].strip()
    scheme, _, token = value.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidApiKey(f"The Authorization header is not of the form `Bearer KEY`. {HOW}")
    return token.strip()
