"""``/metrics``, for the operator's Prometheus."""

from __future__ import annotations

import asyncio
import hmac
from importlib import import_module
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import SecretStr

from api.dependencies import House
from cfx_flow.errors import InvalidApiKey, StoreUnavailable

router = APIRouter(tags=["health"])
TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", response_class=Response, responses=TEXT)
async def metrics(request: Request, house: House) -> Response:
    """Of this process since its start. Open like the probes, unless `CFX_METRICS_TOKEN` is set."""
    _require_token(request, house.settings.metrics_token)
    exposition = await asyncio.to_thread(import_module, "api.exposition")  # its library is slow to import
    return Response(exposition.expose(house, await _waiting(house)), media_type=exposition.CONTENT_TYPE)


async def _waiting(house: House) -> int | None:
    """The other numbers are there without the database."""
    try:
        return await house.dispatcher.waiting()
    except StoreUnavailable:
        return None


def _require_token(request: Request, token: SecretStr | None) -> None:
    if token is None:
        return
    shown = request.headers.get("authorization", "").encode()
    if not hmac.compare_digest(shown, f"Bearer {token.get_secret_value()}".encode()):
        raise InvalidApiKey("Send `Authorization: Bearer …` with the server's CFX_METRICS_TOKEN.")
