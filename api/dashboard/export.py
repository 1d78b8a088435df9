"""A static export read into memory: which address shows which file, and how each is sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response

from api.dashboard.policy import HEADERS, policy_of

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
"""not the system's table, which differs from machine to machine"""
ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""what a build may have put beside a file, the better one first"""
HASHED = "/_next/static/"
"""names below it change with their content"""
API = re.compile(r"/(v1|chat|models?|healthz|readyz|metrics|docs|openapi\.json)(/|$)")
"""what no file may stand in front of"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class File:
    bodies: Mapping[str, bytes]
    """by content coding; ``identity`` is always there"""
    tag: str
    headers: Mapping[str, str]

    def answer(self, asked: Headers, status: int = 200) -> Response:
        coding = next((one for one in ENCODINGS if one in self.bodies and _accepts(asked, one)), "identity")
        tag = f'"{self.tag}-{coding}"'
        headers = {**self.headers, "etag": tag, "vary": "Accept-Encoding"}
        if status == 200 and _has(asked.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        if coding != "identity":
            headers["content-encoding"] = coding
        return Response(self.bodies[coding], status, headers)


Export = Mapping[str, File]
"""by address"""
NOT_FOUND = "/404"


def read_export(folder: Path, connects: Sequence[str]) -> Export:
    """Empty where no build is. What is a link, or lies outside, is no file of ours: there is no address
    whose file is looked for when it is asked."""
    files: dict[str, File] = {}
    for path in _files(folder):
        address = _address(path.relative_to(folder).as_posix())
        if API.match(address):
            log.warning("dashboard.hidden", address=address, reason="the API answers there")
            continue
        files[address] = _read(path, address, connects)
    return files if "/" in files else {}


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix not in ENCODINGS.values() and path.is_file() and not path.is_symlink():
            yield path


def _address(name: str) -> str:
    """``flow.html`` and ``flow/index.html`` are both shown at ``/flow``."""
    return "/" + re.sub(r"(^|/)index\.html$|\.html$", "", name)


def _read(path: Path, address: str, connects: Sequence[str]) -> File:
    body = path.read_bytes()
    headers = {
        **HEADERS,
        "content-type": TYPES.get(path.suffix, "application/octet-stream"),
        "cache-control": "public, max-age=31536000, immutable" if address.startswith(HASHED) else "no-cache",
    }
    if path.suffix == ".html":
        headers["content-security-policy"] = policy_of(body.decode("utf-8"), connects)
    packed = {coding: path.with_name(path.name + suffix) for coding, suffix in ENCODINGS.items()}
    bodies = {coding: file.read_bytes() for coding, file in packed.items() if file.is_file()}
    return File({"identity": body, **bodies}, hashlib.sha256(body).hexdigest()[:20], headers)


def _accepts(asked: Headers, coding: str) -> bool:
    for part in asked.get("accept-encoding", "").lower().split(","):
        name, _, quality = part.replace(" ", "").partition(";")
        if name == coding:
            return not re.fullmatch(r"q=0(\.0*)?", quality)
    return False


def _has(tags: str, tag: str) -> bool:
    return tags.strip() == "*" or tag in (one.strip().removeprefix("W/") for one in tags.split(","))
