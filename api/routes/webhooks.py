"""``/v1/webhook-secret``: with what a receiver checks that a webhook is ours."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Caller, House
from cfx_flow.accounts.bounds import require_flow

router = APIRouter(tags=["flows"])


@router.get("/v1/webhook-secret")
async def get_secret(house: House, caller: Caller) -> dict[str, str]:
    """Yours, for all your flows. The signature is that of Standard Webhooks; so is the secret's form.
    Of no use to a key that may not run flows, but to forge their end."""
    require_flow(caller, (), house.models)
    return {"secret": house.webhooks.secrets.of(caller.user_id)}
