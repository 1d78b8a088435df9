"""The errors that people see, as one tree.

    CfxError                       a refusal with an HTTP status, a type and a code
    ├── InvalidRequest         400 the caller can mend it
    │   └── WorkspaceUnreachable 400 the folder is not there, or not to be read
    ├── InvalidApiKey          401 missing, wrong, revoked or expired key
    ├── PermissionDenied       403
    ├── NotFound               404
    │   └── ModelNotFound      404
    ├── MethodNotAllowed       405
    ├── Conflict               409 the state does not allow it (any more)
    │   ├── VersionConflict    409
    │   ├── NotApplied         409 a working tree does not take the change, and is as it was
    │   ├── TreeBusy           409 another process is writing into it
    │   └── StreamReplaced     409 a running stream gave up its slot
    ├── BodyTooLarge           413
    ├── IdempotencyMismatch    422
    ├── RateLimitExceeded      429 the user's day is used up
    ├── TooManyConcurrentRequests 429
    ├── BudgetExceeded         429
    ├── UpstreamError              what a target did; ``try_targets`` reads the two flags
    │   ├── UpstreamRefused    4xx the request itself is at fault: passed on, never tried again
    │   ├── UpstreamLimited    429 next target
    │   ├── UpstreamUnavailable 503 same target once more, then the next
    │   ├── UpstreamFailed     503 the target's own failure (500, rubbish): next target
    │   ├── UpstreamTimeout    503 next target
    │   ├── UpstreamAuth       503 the target refuses *our* credentials: next target
    │   └── CircuitOpen        503 next target, without asking this one
    ├── StoreUnavailable       503 the database does not answer
    ├── DamagedRow             500 what it answers cannot be read
    ├── DashboardNotBuilt      503 its pages are not there (yet); the API is
    └── InternalError          500 our bug; its text never leaves the house
    ConfigError                    start-up only: file, line and key of what is wrong

Every class declares ``status``, ``type`` and ``code`` once; the message is the
caller's to read and says what to do. ``to_body()`` gives OpenAI's shape.

**Source** of the shape and of ``x-should-retry``: OpenAI's API and its SDKs
(``_base_client.py: _should_retry``), which re-send 408, 409, 429 and 5xx unless told not to.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar


class CfxError(Exception):
    """A refusal; ``headers`` go out with it (``retry-after`` in whole seconds, for instance)."""

    status: int = 500
    type: ClassVar[str] = "server_error"
    code: str | None = "internal_error"
    should_retry: ClassVar[bool | None] = None
    """``False`` sends ``x-should-retry: false``; ``None`` leaves it to the SDK."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code
        self.headers = dict(headers or {})
        if self.should_retry is False:
            self.headers["x-should-retry"] = "false"

    def to_body(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class InvalidRequest(CfxError):
    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class WorkspaceUnreachable(InvalidRequest):
    code = "workspace_unreachable"


class InvalidApiKey(CfxError):
    status = 401
    type = "authentication_error"
    code = "invalid_api_key"
    should_retry = False


class PermissionDenied(CfxError):
    status = 403
    type = "permission_error"
    code = "permission_denied"
    should_retry = False


class NotFound(CfxError):
    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class MethodNotAllowed(CfxError):
    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class Conflict(CfxError):
    status = 409
    type = "invalid_request_error"
    code = "conflict"
    should_retry = False


class VersionConflict(Conflict):
    code = "version_conflict"


class NotApplied(Conflict):
    code = "not_applied"


class TreeBusy(Conflict):
    code = "tree_busy"


class StreamReplaced(Conflict):
    code = "stream_replaced"


class BodyTooLarge(CfxError):
    status = 413
    type = "invalid_request_error"
    code = "body_too_large"


class IdempotencyMismatch(CfxError):
    status = 422
    type = "invalid_request_error"
    code = "idempotency_mismatch"


class RateLimitExceeded(CfxError):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    should_retry = False


class TooManyConcurrentRequests(CfxError):
    status = 429
    type = "rate_limit_error"
    code = "too_many_concurrent_requests"
    should_retry = False


class BudgetExceeded(CfxError):
    status = 429
    type = "rate_limit_error"
    code = "budget_exceeded"
    should_retry = False


class UpstreamError(CfxError):
    status = 503
    type = "upstream_error"
    code = "upstream_unavailable"
    retry_same: ClassVar[bool] = False
    try_next: ClassVar[bool] = True
    trips_breaker: ClassVar[bool] = True


class UpstreamRefused(UpstreamError):
    """The upstream's own 4xx. ``status`` and ``code`` are the upstream's."""

    type = "invalid_request_error"
    code = "invalid_request"
    try_next = False
    trips_breaker = False

    def __init__(self, message: str, *, status: int, code: str | None = None, param: str | None = None):
        super().__init__(message, code=code, param=param)
        self.status = status


class UpstreamLimited(UpstreamError):
    status = 429
    type = "rate_limit_error"
    code = "upstream_rate_limited"
    trips_breaker = False


class UpstreamUnavailable(UpstreamError):
    retry_same = True


class UpstreamFailed(UpstreamError):
    pass


class UpstreamTimeout(UpstreamError):
    code = "upstream_timeout"


class UpstreamAuth(UpstreamError):
    code = "upstream_auth"
    should_retry = False
    trips_breaker = False


class CircuitOpen(UpstreamError):
    code = "circuit_open"
    trips_breaker = False


class StoreUnavailable(CfxError):
    status = 503
    type = "server_error"
    code = "store_unavailable"


class DamagedRow(CfxError):
    code = "damaged_row"
    should_retry = False


class DashboardNotBuilt(CfxError):
    status = 503
    type = "server_error"
    code = "dashboard_not_built"


class InternalError(CfxError):
    status = 500

    def __init__(self, request_id: str) -> None:
        super().__init__(f"Something broke on our side. Ask the operator to look up request {request_id}.")


class ConfigError(Exception):
    """What is wrong in a configuration file, where, and how to mend it."""

    def __init__(self, message: str, *, file: Path | None = None, line: int | None = None, key: str = ""):
        where = ":".join(str(part) for part in (file, line) if part is not None)
        super().__init__(": ".join(part for part in (where, key, message) if part))
        self.file, self.line, self.key = file, line, key
