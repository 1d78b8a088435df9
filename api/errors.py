"""Our errors as an HTTP answer, in OpenAI's shape."""

from __future__ import annotations

import json

from starlette.responses import Response

from cfx_flow.errors import CfxError


def error_response(error: CfxError) -> Response:
    """Every header value is made fit for the wire: a message may hold any text."""
    body = json.dumps(error.to_body(), ensure_ascii=False).encode("utf-8", "replace")
    headers = {name: value.encode("ascii", "replace").decode() for name, value in error.headers.items()}
    return Response(body, error.status, headers, media_type="application/json")
