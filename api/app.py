"""The app: the middleware list, in the order in which a request meets it, and what stands behind it."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from api.catalogue import Catalogue
from api.chat import ChatEndpoint
from api.dashboard.site import Dashboard
from api.late_app import LateApp
from api.logs import WriteServed, tell_served
from api.middleware.authentication import Authentication
from api.middleware.body_cap import BodyCap
from api.middleware.entry import Entry
from api.middleware.limits import Limits
from api.probes import Probes
from api.ui_config import UiConfigEndpoint
from api.wiring import Services

CHAT_PATHS = frozenset({"/v1/chat/completions", "/chat/completions"})


def create_app(
    services: Services, rest: ASGIApp | None = None, *, tell_served: WriteServed = tell_served
) -> ASGIApp:
    """Opens nothing: ``open_services`` has done it, and whoever called that closes again.

    ``rest`` is what FastAPI serves; built at its first request if it is not given. ``tell_served`` writes
    the access log.
    """
    front_door = FrontDoor(
        chat=ChatEndpoint(services),
        probes=Probes(services.readiness),
        catalogue=Catalogue(services.models),
        ui_config=UiConfigEndpoint(services.settings),
        rest=rest or late_rest(services),
    )
    return Entry(
        Authentication(
            Limits(
                BodyCap(front_door, max_bytes=services.settings.max_body_bytes),
                limiter=services.limiter,
                budgets=services.budgets,
                clock=services.clock,
            ),
            accounts=services.accounts,
            signed_in=services.signed_in,
            dashboard=Dashboard.of(services.settings),
        ),
        clock=services.clock,
        meter=services.meter,
        tell=tell_served,
    )


def late_rest(services: Services) -> LateApp:
    """Everything but chat, probes and the lists of models: FastAPI, imported when it is asked for."""
    return LateApp(partial(_build_rest, services))


def _build_rest(services: Services) -> ASGIApp:
    from api.rest import create_rest

    return create_rest(services)


class FrontDoor:
    """Chat does not go through FastAPI, whose routing and responses cost more than the whole relay;
    probes, the lists of models and what the dashboard asks first do not wait for it."""

    def __init__(
        self, *, chat: ASGIApp, probes: ASGIApp, catalogue: ASGIApp, ui_config: ASGIApp, rest: ASGIApp
    ) -> None:
        self._plain = (
            dict.fromkeys(CHAT_PATHS, chat)
            | dict.fromkeys(Probes.PATHS, probes)
            | dict.fromkeys(Catalogue.PATHS, catalogue)
            | {UiConfigEndpoint.PATH: ui_config}
        )
        self._rest = rest

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        app = self._plain.get(scope["path"], self._rest) if scope["type"] == "http" else self._rest
        return app(scope, receive, send)
