"""Is the process alive, and can it do its work? Both without a key."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.dependencies import House
from api.readiness import Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers. Says nothing about what it depends on."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(house: House, response: Response) -> Readiness:
    """503 while the database does not answer or no upstream can be reached."""
    found = await house.readiness.check()
    if found.error is not None:
        response.status_code = 503
    return found
