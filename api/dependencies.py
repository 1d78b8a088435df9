"""What a FastAPI route asks for in its signature."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.context import Admission, context_of
from api.wiring import Services
from cfx_flow.accounts.principal import Principal
from cfx_flow.errors import InvalidApiKey


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _caller(request: Request) -> Principal:
    """Authentication runs before any route; an open path that asks for its caller is refused."""
    principal = context_of(request.scope).principal
    if principal is None:
        raise InvalidApiKey("There is no key in this request.")
    return principal


def _admission(request: Request) -> Admission:
    admission = context_of(request.scope).admission
    if admission is None:
        raise InvalidApiKey("There is no key in this request.")
    return admission


House = Annotated[Services, Depends(_services)]
Caller = Annotated[Principal, Depends(_caller)]
CallerAdmission = Annotated[Admission, Depends(_admission)]
