"""``/docs``: the OpenAPI document as a page. Swagger UI draws it, which the browser takes from a CDN.

The dashboard stands at the same origin, and what signs its visitors in lies in that origin's storage,
within reach of this page's scripts. So the CDN gives one version, byte for byte (``integrity``), and the
page's policy lets nothing else in; where the CDN is out of reach, the page says so.
**Source**: https://www.w3.org/TR/SRI/
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.dashboard.policy import HEADERS, inline_scripts, source_of

SWAGGER = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.35.0"
"""Whoever names another version takes the hashes from npm's package, not from the CDN:
``openssl dgst -sha384 -binary FILE | base64``."""
SCRIPT_HASH = "sha384-gjRm0bEPMeTmMh5jT2cHccIwCUZSTd8YC+j0d0sXw0MdGEfScduGpSyF3ZSSLkX9"
STYLE_HASH = "sha384-WlYgdmXYOOBWL5apwjDEZwN+U3HmXSSu5R6V5aGxEcf7z+KuRNwBhoxKVN1i3D5I"
PAGE = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>CF-X Flow: the API</title>
<link rel="stylesheet" href="{SWAGGER}/swagger-ui.css" integrity="{STYLE_HASH}" crossorigin="anonymous">
</head>
<body>
<div id="swagger-ui">
<p>This page is drawn by Swagger UI, which your browser takes from cdn.jsdelivr.net. If these words stay, it
could not: <a href="/openapi.json">the document itself</a> is here all the same.</p>
</div>
<script src="{SWAGGER}/swagger-ui-bundle.js" integrity="{SCRIPT_HASH}" crossorigin="anonymous"></script>
<script>
if (window.SwaggerUIBundle)
  SwaggerUIBundle({{url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true}});
</script>
</body>
</html>
"""
POLICY = "; ".join(
    [
        "default-src 'none'",
        f"script-src {SWAGGER}/swagger-ui-bundle.js {' '.join(map(source_of, inline_scripts(PAGE)))}",
        f"style-src {SWAGGER}/swagger-ui.css",
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)

router = APIRouter()


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    return Response(
        PAGE,
        media_type="text/html",
        headers={**HEADERS, "content-security-policy": POLICY, "cache-control": "no-cache"},
    )
