"""The API in this process: real services and middleware, no socket, and an upstream where nobody listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from structlog.testing import capture_logs

from api.app import create_app
from api.wiring import Services, open_services
from cfx_flow.settings import Settings

if TYPE_CHECKING:
    from tests.api.people import People

NOBODY = "http://127.0.0.1:9"
MAX_BODY_BYTES = 20_000


@pytest.fixture(autouse=True)
def logged() -> Iterator[Sequence[MutableMapping[str, Any]]]:
    """Every line of the structured log, unrendered."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
async def services(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    environ = {
        "CFX_DATABASE_URL": sqlite_url,
        "CFX_DATA_DIR": str(tmp_path),
        "CFX_LITELLM_URL": NOBODY,
        "CFX_MAX_BODY_BYTES": str(MAX_BODY_BYTES),
        "CFX_DASHBOARD_DIR": str(tmp_path / "site"),
    }
    async with open_services(Settings.load(environ), environ) as services:
        yield services


@pytest.fixture
async def key(services: Services) -> str:
    return (await services.accounts.create_key("ada", daily_limit=3)).key


def client_of(app: Any, key: str | None = None) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://house", headers=headers)


@pytest.fixture
async def client(services: Services, key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(services), key) as client:
        yield client


@pytest.fixture
async def stranger(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Without a key."""
    async with client_of(create_app(services)) as client:
        yield client


@pytest.fixture
async def people(database_url: str, tmp_path: Path) -> AsyncIterator[People]:
    """On each store."""
    from tests.api.people import opened

    async with opened(database_url, tmp_path) as people:
        yield people
