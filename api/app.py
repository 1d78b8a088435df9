"""The app: the middleware list, in the order in which a request meets it, and what stands behind it."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from api.chat import ChatEndpoint
from api.errors import install_error_handlers
from api.middleware.authentication import Authentication
from api.middleware.body_cap import BodyCap
from api.middleware.entry import Entry
from api.middleware.limits import Limits
from api.openapi import describe
from api.routes import flows, health, models, snapshots
from api.wiring import Services

CHAT_PATHS = frozenset({"/v1/chat/completions", "/chat/completions"})
ROUTERS: tuple[APIRouter, ...] = (health.router, models.router, flows.router, snapshots.router)


def create_app(services: Services) -> ASGIApp:
    """Opens nothing: ``open_services`` has done it, and whoever called that closes again."""
    front_door = FrontDoor(chat=ChatEndpoint(services), rest=_fastapi(services))
    return Entry(
        Authentication(
            Limits(
                BodyCap(front_door, max_bytes=services.settings.max_body_bytes),
                limiter=services.limiter,
                clock=services.clock,
            ),
            accounts=services.accounts,
        ),
        clock=services.clock,
    )


class FrontDoor:
    """Chat does not go through FastAPI, whose routing and responses cost more than the whole relay."""

    def __init__(self, *, chat: ASGIApp, rest: ASGIApp) -> None:
        self._chat = chat
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_chat = scope["type"] == "http" and scope["path"] in CHAT_PATHS
        await (self._chat if is_chat else self._rest)(scope, receive, send)


def _fastapi(services: Services) -> FastAPI:
    app = FastAPI(
        title="CF-X Flow",
        version=version("cfx-flow"),
        description="Plan-Code-Review for software changes: one stage per call, or the whole durable loop.",
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    install_error_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    describe(app)
    return app
