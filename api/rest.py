"""What FastAPI serves: every route but chat, the probes and the lists of models."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from api import docs_page
from api.openapi import describe
from api.refusals import install_error_handlers
from api.routes import (
    admin,
    flows,
    keys,
    logs,
    metrics,
    models,
    results,
    snapshots,
    stages,
    status,
    steering,
    usage,
    webhooks,
)
from api.wiring import Services

ROUTERS: tuple[APIRouter, ...] = (
    models.router,
    stages.router,
    flows.router,
    steering.router,
    webhooks.router,
    results.router,
    snapshots.router,
    usage.router,
    logs.router,
    keys.router,
    status.router,
    admin.router,
    metrics.router,
    docs_page.router,
)


def create_rest(services: Services) -> FastAPI:
    app = bare_rest()
    app.state.services = services
    return app


def bare_rest() -> FastAPI:
    """Routes without anything behind them: enough for their description."""
    app = FastAPI(
        title="CF-X Flow",
        version=version("cfx-flow"),
        description="Plan-Code-Review for software changes: one stage per call, or the whole durable loop.",
        docs_url=None,  # docs_page
        redoc_url=None,
        redirect_slashes=False,
    )
    install_error_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    describe(app)
    return app
