"""What FastAPI's validation, Starlette's routing and our own rooms raise → one of our errors, answered."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api.context import context_of
from api.errors import error_response
from api.middleware.entry import CLIENT_LEFT
from cfx_flow.errors import (
    BodyTooLarge,
    CfxError,
    InternalError,
    InvalidApiKey,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PermissionDenied,
)

_BY_STATUS: Mapping[int, type[CfxError]] = {
    401: InvalidApiKey,
    403: PermissionDenied,
    404: NotFound,
    413: BodyTooLarge,
}


def install_error_handlers(app: FastAPI) -> None:
    """For a bug (Exception) Starlette raises it on after our answer; the outermost middleware logs it."""
    for kind in (CfxError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(ClientDisconnect, _left)


async def _left(request: Request, error: Exception) -> Response:
    """A caller who leaves amid the body is no bug of ours. Nobody reads this; the access log does."""
    context_of(request.scope).error_code = "client_gone"
    return Response(status_code=CLIENT_LEFT)


async def _answer(request: Request, error: Exception) -> Response:
    context = context_of(request.scope)
    refusal = _refusal_of(request, error) or InternalError(context.request_id)
    context.error_code = refusal.code
    return error_response(refusal)


def _refusal_of(request: Request, error: BaseException | None) -> CfxError | None:
    """None is a bug of ours."""
    if isinstance(error, CfxError):
        return error
    if isinstance(error, RequestValidationError):
        return invalid_request(error.errors())
    if isinstance(error, HTTPException):
        return _from_cause(error.__cause__) or _from_starlette(request, error)
    return None


def _from_cause(cause: BaseException | None) -> CfxError | None:
    """FastAPI wraps whatever goes wrong while it reads a body, our own refusals too."""
    if isinstance(cause, CfxError):
        return cause
    if isinstance(cause, RecursionError):
        return InvalidRequest("The body is nested too deeply: flatten it.")
    if isinstance(cause, UnicodeDecodeError):
        return InvalidRequest("The body is not UTF-8: send JSON encoded as UTF-8.")
    return None


def _from_starlette(request: Request, error: HTTPException) -> CfxError | None:
    if error.status_code >= 500:
        return None
    if error.status_code == 405:
        return _method_not_allowed(request)
    kind = _BY_STATUS.get(error.status_code, InvalidRequest)
    return kind(_http_message(request, error), headers=error.headers)


def _http_message(request: Request, error: HTTPException) -> str:
    if error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase:
        return f"There is nothing at {request.url.path[:200]}. GET /docs lists what there is."
    return str(error.detail)


def _method_not_allowed(request: Request) -> MethodNotAllowed:
    """Starlette's own Allow names the methods of one route only; a path may have several."""
    path = request.url.path
    allowed: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        if route.path_regex.match(path):
            allowed |= route.methods or set()
    takes = ", ".join(sorted(allowed))
    message = f"{request.method} is not possible on {path[:200]}; it takes {takes}."
    return MethodNotAllowed(message, headers={"Allow": takes})


def invalid_request(problems: Any) -> InvalidRequest:
    """pydantic's list of problems → one sentence a problem, the first one's field as ``param``."""
    told = [_problem(problem) for problem in problems[:5]]
    if len(problems) > 5:
        told.append(("", f"and {len(problems) - 5} more"))
    fields = [field for field, _ in told]
    text = "; ".join(f"{field}: {message}" if field else message for field, message in told)
    return InvalidRequest(text or "The request is not valid.", param=(fields[0] if fields else "") or None)


def _problem(problem: Mapping[str, Any]) -> tuple[str, str]:
    if problem["type"] == "json_invalid":
        position = problem["loc"][-1] if len(problem["loc"]) > 1 else "?"
        return "", f"The body is not valid JSON: {problem['ctx']['error']} (at character {position})"
    loc = [str(part) for part in problem["loc"]]
    field = ".".join(loc[1:] if loc[:1] and loc[0] in _PLACES else loc)
    if not field and problem["type"] == "missing":
        return "", "The body is empty: send a JSON object"
    return field[:200], str(problem["msg"]).removeprefix("Value error, ")


_PLACES = ("body", "query", "path", "header", "cookie")
