"""People who sign in by e-mail: Supabase's own library, and a stand-in of its service (support/gotrue.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.dashboard.browser.conftest import Visiting
from tests.support.browser import Visit
from tests.support.gotrue import ANON_KEY, GoTrue, gotrue
from tests.support.processes import wait_for
from tests.support.provider import Provider
from tests.support.server import Server

pytestmark = pytest.mark.e2e

ADA, PASSWORD = "ada@example.com", "correct horse"
STORED = "JSON.stringify([localStorage, sessionStorage])"


@pytest.fixture(scope="module")
def service() -> Iterator[GoTrue]:
    with gotrue() as service:
        service.person(ADA, PASSWORD)
        yield service


@pytest.fixture(scope="module")
def office(
    service: GoTrue, site: None, provider_process: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose people sign in by e-mail."""
    folder = tmp_path_factory.mktemp("supabase")
    values = {"SUPABASE_URL": service.url, "SUPABASE_ANON_KEY": ANON_KEY}
    server = Server(folder, provider_process.url, **values)
    yield server
    server.close()


@pytest.fixture
def visit(visiting: Visiting, office: Server, service: GoTrue) -> Visit:
    service.asked_away, service.is_away = 0, False
    service.calls.clear()
    return visiting(signed_in=False, server=office, others=[service.url])


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail").fill(ADA)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def at_the_keys(visit: Visit) -> Page:
    """Who has signed in is led to the page that was asked for."""
    visit.go("/keys", "Sign in to CF-X Flow")
    sign_in(visit.page)
    expect(visit.page.get_by_text("No keys")).to_be_visible()
    return visit.page


def other_tab(visit: Visit, context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(f"{visit.server.url}{address}")
    return page


def test_person_signs_in_after_a_wrong_password_and_is_out_everywhere_when_leaving(
    visit: Visit, service: GoTrue
) -> None:
    page = visit.page
    visit.go("/keys", "Sign in to CF-X Flow")
    sign_in(page, "wrong")
    expect(page.get_by_role("alert").first).to_contain_text("Invalid login credentials")
    sign_in(page)
    page.get_by_role("heading", name="Keys", exact=True).wait_for()
    expect(page.get_by_text("No keys")).to_be_visible()
    visit.go("/", "Overview")
    expect(page.get_by_text(f"Signed in as {ADA}")).to_be_visible()
    tab = other_tab(visit, page.context, "/logs")
    expect(tab.get_by_text("No calls yet")).to_be_visible()
    assert len(service.sessions) == 1
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in to CF-X Flow").wait_for()
    expect(tab.get_by_role("heading", name="Sign in to CF-X Flow")).to_be_visible()
    expect(tab.get_by_role("alert").first).to_contain_text("signed out in another tab")
    page.wait_for_function("() => !localStorage.getItem('cfx.supabase')")
    for left in (page, tab):
        assert "token" not in left.evaluate(STORED)
    wait_for(lambda: service.sessions == {}, timeout_s=20, what="the session's end")
    assert "/logout local" in service.calls


def session_of(service: GoTrue, email: str) -> Any:
    """Of a new person."""
    service.person(email, PASSWORD)
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    status, session = service.answer("POST", "/auth/v1/token?grant_type=password", {"apikey": ANON_KEY}, body)
    assert status == 200
    return session


def keep(page: Page, session: Any) -> None:
    page.evaluate("session => localStorage.setItem('cfx.supabase', JSON.stringify(session))", session)


def test_who_signs_in_in_another_tab_sees_nothing_of_the_person_before(
    visit: Visit, service: GoTrue, office: Server
) -> None:
    carol, bob = (session_of(service, f"{name}@example.com") for name in ("carol", "bob"))
    made = office.client_of(carol["access_token"]).post("/v1/keys", json={"label": "only Carol's"})
    made.raise_for_status()
    page = visit.page
    visit.go("/keys", "Sign in to CF-X Flow")
    keep(page, carol)
    page.reload()
    expect(page.get_by_text("only Carol's")).to_be_visible()
    keep(other_tab(visit, page.context, "/settings"), bob)
    expect(page.get_by_text("No keys")).to_be_visible()
    expect(page.get_by_text("only Carol's")).to_have_count(0)
    visit.go("/", "Overview")
    expect(page.get_by_text("Signed in as bob@example.com")).to_be_visible()


def test_who_signs_in_again_while_the_session_before_is_still_being_ended_stays_in(visit: Visit) -> None:
    page = at_the_keys(visit)
    held: list[Route] = []

    def first_waits(route: Route) -> None:
        route.continue_() if held else held.append(route)

    page.route("**/auth/v1/logout?**", first_waits)
    with page.expect_request("**/auth/v1/logout?**"):
        page.get_by_role("button", name="Sign out").click()
    sign_in(page)
    page.get_by_role("navigation", name="Pages").wait_for()
    with page.expect_response("**/auth/v1/logout?**"):
        held[0].continue_()
    page.wait_for_timeout(500)
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    assert token_of(page)


def test_token_is_renewed_before_its_time_is_over_and_other_tabs_take_it_over(
    visit: Visit, service: GoTrue
) -> None:
    page = visit.page
    page.clock.install()
    visit.go("/settings", "Sign in to CF-X Flow")
    sign_in(page)
    page.get_by_role("heading", name="Settings").wait_for()
    tab = other_tab(visit, page.context, "/keys")
    expect(tab.get_by_text("No keys")).to_be_visible()
    first = token_of(page)
    page.clock.fast_forward("59:00")
    wait_for(lambda: token_of(page) != first, timeout_s=20, what="another token")
    assert service.calls[-1] == "/token refresh_token"
    with tab.expect_request("**/v1/stages") as asked:
        tab.get_by_role("link", name="Settings").click()
    assert asked.value.headers["authorization"] == f"Bearer {token_of(page)}"


def token_of(page: Page) -> str:
    return str(page.evaluate("JSON.parse(localStorage.getItem('cfx.supabase')).access_token"))


def test_after_a_laptop_s_sleep_the_token_is_renewed_and_nobody_is_signed_out(
    visit: Visit, service: GoTrue
) -> None:
    page = at_the_keys(visit)
    age(page)
    service.calls.clear()
    with page.expect_response(lambda answer: "/v1/keys" in answer.url and answer.status == 401):
        page.reload()
    expect(page.get_by_text("No keys")).to_be_visible()
    assert service.calls.count("/token refresh_token") == 1
    assert page.url.endswith("/keys")


def test_while_the_service_is_away_nobody_is_signed_out_and_then_it_goes_on(
    visit: Visit, service: GoTrue
) -> None:
    page = at_the_keys(visit)
    age(page)
    service.is_away = True
    page.reload()
    wait_for(lambda: service.asked_away > 1, timeout_s=20, what="another try to renew the token")
    expect(page.get_by_role("status", name="Loading keys")).to_be_visible()
    service.is_away = False
    expect(page.get_by_text("No keys")).to_be_visible()
    assert {"Failed to fetch" in complaint for complaint in visit.complaints} <= {True}
    visit.complaints.clear()  # the library's own


def test_session_that_was_ended_elsewhere_leads_to_sign_in_and_back_to_the_page(
    visit: Visit, service: GoTrue
) -> None:
    page = visit.page
    visit.go("/logs?stage=plan", "Sign in to CF-X Flow")
    sign_in(page)
    page.get_by_role("heading", name="Logs").wait_for()
    service.end_all_sessions()
    age(page)
    page.reload()
    page.get_by_role("heading", name="Sign in to CF-X Flow").wait_for()
    expect(page.get_by_role("alert").first).to_contain_text("Sign in again")
    assert "token" not in page.evaluate(STORED)
    sign_in(page)
    page.get_by_role("heading", name="Logs").wait_for()
    assert page.url.endswith("/logs?stage=plan")


def test_tab_that_is_signed_in_with_a_key_stays_so(visit: Visit, office: Server, service: GoTrue) -> None:
    page = visit.page
    visit.go("/keys", "Sign in to CF-X Flow")
    page.get_by_role("button", name="API key").click()
    page.get_by_label("API key").fill(office.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("in use here")).to_be_visible()
    tab = other_tab(visit, page.context, "/keys")
    sign_in(tab)
    expect(tab.get_by_text("No keys")).to_be_visible()
    page.reload()
    expect(page.get_by_text("in use here")).to_be_visible()
    tab.get_by_role("button", name="Sign out").click()
    tab.get_by_role("heading", name="Sign in to CF-X Flow").wait_for()
    page.reload()
    expect(page.get_by_text("in use here")).to_be_visible()


def age(page: Page) -> None:
    """As after a night: the page holds a token whose time is over, and its clock knows it."""
    page.evaluate(
        """() => {
            const kept = JSON.parse(localStorage.getItem('cfx.supabase'))
            kept.expires_at -= 7200
            kept.access_token = kept.access_token.split('.').slice(0, 2).join('.') + '.b2xk'
            localStorage.setItem('cfx.supabase', JSON.stringify(kept))
        }"""
    )
