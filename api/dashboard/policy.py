"""The Content-Security-Policy of a page: scripts from here, and those inline ones that the build wrote.

**Source**: https://www.w3.org/TR/CSP3/. Next's export carries its first data in small inline scripts; each is
let in by its hash, so a script that a model or a log smuggles into the page is not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html.parser import HTMLParser

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
"""beside the policy, with every file"""


def policy_of(page: str, connects: Sequence[str] = ()) -> str:
    """``connects``: origins that the page may ask beside its own."""
    scripts = " ".join(["'self'", *dict.fromkeys(map(source_of, inline_scripts(page)))])
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {scripts}",
            # Attributes alone: charts and virtual lists place by them. A <style> element is refused.
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' data: blob:",
            " ".join(["connect-src 'self'", *connects]),
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def inline_scripts(page: str) -> Sequence[str]:
    """The texts of the scripts that stand in the page itself."""
    reader = _Scripts()
    reader.feed(page)
    reader.close()
    return reader.texts


def source_of(script: str) -> str:
    """As a browser reckons it: over the text between the tags, to the byte."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.texts: list[str] = []
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and all(name != "src" for name, _ in attrs):
            self._text = []

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._text is not None:
            self.texts.append("".join(self._text))
            self._text = None
