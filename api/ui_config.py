"""``GET /v1/ui-config``: what the dashboard has to know before anyone has signed in. No secret, no key."""

from __future__ import annotations

from importlib.metadata import version
from typing import Literal

from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cfx_flow.errors import MethodNotAllowed
from cfx_flow.settings import Settings


class Supabase(BaseModel):
    url: str
    anon_key: str = Field(description="The public one: row level security stands behind it")


class UiConfig(BaseModel):
    version: str
    base_url: str | None = Field(
        description="Where people reach this server (CFX_PUBLIC_URL); null: where the page came from"
    )
    sign_in: list[Literal["key", "supabase"]] = Field(
        description="Ways in, the one to offer first at the head"
    )
    supabase: Supabase | None = Field(description="null: SUPABASE_URL and SUPABASE_ANON_KEY are not set")


def ui_config(settings: Settings) -> UiConfig:
    url, key = settings.supabase_url, settings.supabase_anon_key
    supabase = Supabase(url=url, anon_key=key) if url and key else None
    return UiConfig(
        version=version("cfx-flow"),
        base_url=settings.public_url,
        sign_in=["supabase", "key"] if supabase else ["key"],
        supabase=supabase,
    )


class UiConfigEndpoint:
    """Asked by every page before it shows anything, so it does not wait for FastAPI."""

    PATH = "/v1/ui-config"

    def __init__(self, settings: Settings) -> None:
        self._answer = ui_config(settings).model_dump_json().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(
                f"{scope['method']} is not possible on {self.PATH}; it takes GET.",
                headers={"allow": "GET, HEAD"},
            )
        answer = Response(self._answer, headers={"cache-control": "no-cache"}, media_type="application/json")
        await answer(scope, receive, send)
