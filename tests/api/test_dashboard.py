"""The dashboard's files at ``/``: what is shown where, under which policy, and that the API stays the API."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.dashboard.policy import inline_scripts, policy_of
from api.dashboard.serve import pages
from api.wiring import Services
from cfx_flow.errors import ConfigError
from cfx_flow.settings import Settings
from tests.api.conftest import client_of
from tests.support.shapes import assert_identified, error_of

INLINE = "(self.__next_f=self.__next_f||[]).push([0, '</p> & <b>'])"
SCRIPTS = f'<script src="/_next/static/a1.js"></script><script>{INLINE}</script>'
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SECRET = "a file that is not of the export"


def _page(name: str) -> str:
    return f"<!doctype html><html><body><p>{name}</p>{SCRIPTS}</body></html>"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """As `next build` leaves it, with what could tempt it to show too much."""
    folder = tmp_path / "site"
    (folder / "_next" / "static").mkdir(parents=True)
    (folder / "logs").mkdir()
    (folder / "v1").mkdir()
    (tmp_path / "secret.txt").write_text(SECRET)
    for name in ("index", "flow", "404", "logs/index", "v1/flows", "models", "docs"):
        (folder / f"{name}.html").write_text(_page(name))
    script = b"console.log('hello')" * 100
    (folder / "_next" / "static" / "a1.js").write_bytes(script)
    (folder / "_next" / "static" / "a1.js.gz").write_bytes(gzip.compress(script))
    (folder / "flow.txt").write_text("1:data")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
async def visitor(services: Services, export: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(services)) as client:
        yield client


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("/", "index"),
        ("/flow", "flow"),
        ("/flow?id=x", "flow"),
        ("/logs", "logs/index"),
        ("//logs/", "logs/index"),
    ],
)
async def test_address_shows_its_page_without_a_key(
    visitor: httpx.AsyncClient, address: str, shown: str
) -> None:
    answer = await visitor.get(f"http://house{address}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f"<p>{shown}</p>" in answer.text
    assert_identified(answer)


@pytest.mark.parametrize("path", ["/v1/flows", "/models", "/v1", "/v1/nowhere"])
async def test_no_file_stands_in_front_of_the_api(visitor: httpx.AsyncClient, path: str) -> None:
    error_of(await visitor.get(path, headers=BROWSER), 401, "invalid_api_key")


async def test_docs_stay_the_api_s_and_take_nothing_from_elsewhere_but_what_is_pinned(
    visitor: httpx.AsyncClient,
) -> None:
    answer = await visitor.get("/docs", headers=BROWSER)
    assert answer.headers["x-frame-options"] == "DENY"
    policy = answer.headers["content-security-policy"]
    elsewhere = re.findall(r'<[^>]+(?:src|href)="(https:[^"]+)"[^>]*>', answer.text)
    assert len(elsewhere) == answer.text.count('integrity="sha384-') == 2
    for address in elsewhere:
        assert re.search(r"@\d+[.]\d+[.]\d+/", address)
        assert f"-src {address}" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'unsafe" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/_next/../../secret.txt",
        "/_next/static/%2e%2e/%2e%2e/%2e%2e/secret.txt",
        "/..\\secret.txt",
        "/link.txt",
        "/_next/static/a1.js.gz",
        "/_next",
        "/flow.txt%00.html",
    ],
)
async def test_nothing_but_the_export_s_files_is_shown(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(httpx.URL("http://house").copy_with(raw_path=path.encode()))
    error_of(answer, 401)
    assert SECRET not in answer.text


async def test_browser_that_is_lost_sees_a_page_and_a_program_an_error(visitor: httpx.AsyncClient) -> None:
    lost = await visitor.get("/flow/42", headers=BROWSER)
    assert (lost.status_code, "<p>404</p>" in lost.text) == (404, True)
    error_of(await visitor.get("/flow/42"), 401)
    error_of(await visitor.post("/flow", headers=BROWSER), 401)


async def test_policy_lets_in_the_page_s_own_inline_scripts_and_no_other(visitor: httpx.AsyncClient) -> None:
    headers = (await visitor.get("/flow")).headers
    digest = base64.b64encode(hashlib.sha256(INLINE.encode()).digest()).decode()
    policy = dict(one.split(" ", 1) for one in headers["content-security-policy"].split("; "))
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert (policy["frame-ancestors"], policy["object-src"], policy["base-uri"]) == ("'none'",) * 3
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_policy_names_where_else_the_page_may_ask() -> None:
    assert "connect-src 'self' https://x.supabase.co;" in policy_of("", ["https://x.supabase.co"])


def test_inline_scripts_are_read_to_the_byte() -> None:
    page = "<script>\n a && b < c; '&amp;' </script><SCRIPT async>1</SCRIPT><script src=x></script><p>no</p>"
    assert inline_scripts(page) == ["\n a && b < c; '&amp;' ", "1"]


async def test_names_with_a_hash_are_kept_for_ever_and_pages_are_asked_for_again(
    visitor: httpx.AsyncClient,
) -> None:
    script, page = await visitor.get("/_next/static/a1.js"), await visitor.get("/flow")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-type"].startswith("text/javascript")
    assert page.headers["cache-control"] == "no-cache"
    again = await visitor.get("/flow", headers={"if-none-match": f'"other", W/{page.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == page.headers["content-security-policy"]


@pytest.mark.parametrize(("accepts", "coding"), [("gzip, br", "gzip"), ("br, gzip;q=0", None), ("", None)])
async def test_packed_file_goes_to_who_takes_it(
    visitor: httpx.AsyncClient, accepts: str, coding: str | None
) -> None:
    answer = await visitor.get("/_next/static/a1.js", headers={"accept-encoding": accepts})
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.text == "console.log('hello')" * 100
    assert answer.headers["etag"].endswith(f'-{coding or "identity"}"')


async def test_build_that_comes_later_is_served_and_the_next_one_replaces_it(
    visitor: httpx.AsyncClient, export: Path
) -> None:
    page = export / "index.html"
    text = page.read_text()
    page.unlink()
    assert (await visitor.get("/", headers=BROWSER)).status_code == 503
    page.write_text(text)
    assert "<p>index</p>" in (await visitor.get("/")).text
    page.write_text(_page("newer"))
    os.utime(page, ns=(1, 1))
    assert "<p>newer</p>" in (await visitor.get("/")).text


async def test_without_a_build_the_api_works_and_says_how_to_make_one(stranger: httpx.AsyncClient) -> None:
    page = await stranger.get("/", headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "make dashboard" in page.text
    assert "script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    error = error_of(await stranger.get("/"), 503, "dashboard_not_built")
    assert "make run" in error["message"]
    assert (await stranger.get("/healthz")).status_code == 200


async def test_container_of_its_own_shows_the_same_files_and_nothing_of_the_api(export: Path) -> None:
    environ = {"CFX_DASHBOARD_DIR": str(export), "SUPABASE_URL": "https://x.supabase.co"}
    async with client_of(pages(Settings.load(environ))) as client:
        page = await client.get("/flow", headers=BROWSER)
        assert "<p>flow</p>" in page.text
        assert "connect-src 'self' https://x.supabase.co;" in page.headers["content-security-policy"]
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        error_of(await client.get("/v1/flows", headers=BROWSER), 404, "not_found")
        error_of(await client.post("/flow"), 404, "not_found")


# What the pages ask first -------------------------------------------------------------------------


async def test_ui_config_is_public_and_says_how_people_sign_in(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/v1/ui-config")
    assert answer.status_code == 200
    assert set(answer.json()) == {"version", "base_url", "sign_in", "supabase"}
    assert (answer.json()["sign_in"], answer.json()["supabase"]) == (["key"], None)
    error = error_of(await stranger.post("/v1/ui-config"), 405)
    assert "it takes GET" in error["message"]


async def test_supabase_s_public_values_are_shown_once_both_are_set(services: Services) -> None:
    set_by_operator = {"SUPABASE_URL": "https://x.supabase.co/", "SUPABASE_ANON_KEY": "anon"}
    settings = Settings.load({**set_by_operator, "CFX_PUBLIC_URL": "https://cfx.example.com/"})
    async with client_of(create_app(replace(services, settings=settings))) as client:
        shown = (await client.get("/v1/ui-config")).json()
    assert shown["supabase"] == {"url": "https://x.supabase.co", "anon_key": "anon"}
    assert (shown["sign_in"], shown["base_url"]) == (["supabase", "key"], "https://cfx.example.com")


@pytest.mark.parametrize(
    "url", ["x.supabase.co", "https://x; script-src *", "https://x/path", "javascript:1"]
)
def test_address_that_is_no_origin_is_refused_at_start(url: str) -> None:
    with pytest.raises(ConfigError, match=r"https://example\.com"):
        Settings.load({"SUPABASE_URL": url})
