"""The debugger in the Manager: who may use it, its way to a provider and back, and replayed stories."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from ostiary.debugger.carrying import Carrier
from ostiary.debugger.conversation import Conversation
from ostiary.debugger.desk import Desk
from ostiary.debugger.reach import parse_allow_list
from ostiary.node.stories import Stories
from tests.support.browser import RING
from tests.support.ports import FakeClock, FakeEntropy
from tests.support.provider import CLIENT_ID, ISSUER, FakeProvider
from tests.unit.manager.manager_kit import (
    ADA,
    EVE,
    HOME,
    Browser,
    Reply,
    Site,
    manager_site,
)

PAGE = f"{HOME}/debugger"
TYPED = {
    "issuer": ISSUER,
    "client_id": CLIENT_ID,
    "scope": "openid",
    "pkce": "on",
    "act": "sign_in",
}
BASE = {"at": 1_800_000_000.0, "took_ms": 1.5, "method": "GET", "issuer": ISSUER}
STORIES: tuple[dict[str, Any], ...] = (
    {
        **BASE, "request_id": "let-in", "url": "https://gw/a", "outcome": "allowed", "by": "session",
        "events": [], "checks": [],
    },
    {
        **BASE, "request_id": "sent-away", "url": "https://gw/b", "outcome": "redirected", "status": 302,
        "why": "no_session", "to": f"{ISSUER}/authorize",
        "events": [
            {"at_ms": 0.1, "kind": "log", "text": "loading configuration", "level": "notice"},
            {"at_ms": 0.3, "kind": "provider", "text": f"GET {ISSUER}/.well-known/openid-configuration", "status": 200, "took_ms": 2.0},
        ],
        "checks": [],
    },
    {
        **BASE, "request_id": "refused", "url": "https://gw/c", "outcome": "refused", "status": 401,
        "code": "invalid_aud", "why": "invalid aud claim was specified for id token",
        "events": [{"at_ms": 0.3, "kind": "provider", "text": f"POST {ISSUER}/token", "failed": "idp.example did not answer in time", "took_ms": 9.0}],
        "checks": [{"name": "aud", "passed": False, "expected": "client-1", "got": "somebody-else"}],
    },
)  # fmt: skip


class Place:
    """A Manager with a debugger whose provider is in memory."""

    def __init__(self, site: Site, provider: FakeProvider) -> None:
        self.site = site
        self.provider = provider

    def tab(self, **more: Any) -> Browser:
        return self.site.tab(**more)


@asynccontextmanager
async def open_place(
    folder: Path, *, allowed: str = "*", has_debugger: bool = True, **more: Any
) -> AsyncIterator[Place]:
    clock = FakeClock()
    provider = FakeProvider(clock)
    entropy = FakeEntropy()
    desk = Desk(provider, clock, entropy, parse_allow_list(allowed))
    flows = Stories()
    for story in STORIES:
        flows.hear(json.dumps(story).encode())
    async with manager_site(
        folder,
        debugger=Conversation(desk, Carrier.of(RING, entropy)),
        has_debugger=has_debugger,
        flows=flows,
        **more,
    ) as site:
        yield Place(site, provider)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with open_place(tmp_path) as found:
        yield found


def way_out(page: Reply) -> str:
    """Where the page sends somebody to sign in."""
    found = re.search(r'id="go" href="([^"]+)"', page.text)
    assert found is not None, page.words
    return unescape(found[1])


async def sign_in(place: Place, tab: Browser, page: str = PAGE) -> str:
    """From the page to the address that the provider sends people back to."""
    shown = await tab.post(page, TYPED)
    return f"/auth/debugger?{place.provider.authorize(way_out(shown))}"


async def test_the_debugger_is_a_page_that_the_side_leads_to(place: Place) -> None:
    page = await place.tab().get(PAGE)

    assert page.status == 200
    assert f'href="{PAGE}"' in page.text
    assert "http://127.0.0.1:8002/auth/debugger" in page.text


async def test_a_link_fills_it_in_and_asks_nobody(place: Place) -> None:
    page = await place.tab().get(f"{PAGE}?issuer={ISSUER}&client_id={CLIENT_ID}")

    assert f'value="{ISSUER}"' in page.text
    assert place.provider.requests == []


async def test_it_is_not_there_where_the_operator_has_switched_it_off(
    tmp_path: Path,
) -> None:
    async with open_place(tmp_path, has_debugger=False) as place:
        tab = place.tab()
        pages = [await tab.get(PAGE), await tab.post(PAGE, TYPED), await tab.get("/auth/debugger?code=a&state=b")]  # fmt: skip
        other = await tab.get(f"{HOME}/services")

    assert [page.status for page in pages] == [404, 404, 404]
    assert PAGE not in other.text
    assert place.provider.requests == []


async def test_a_sign_in_goes_out_and_comes_back_with_checked_tokens(
    place: Place,
) -> None:
    tab = place.tab()
    back = await sign_in(place, tab)
    page = await tab.get(back, sec_fetch_site="cross-site", sec_fetch_mode="navigate")

    assert page.status == 200
    assert "Everything so far is as it should be." in page.words
    assert "made by the key key-1" in page.words


async def test_its_cookie_is_for_the_way_back_only_and_gone_after_it(
    place: Place,
) -> None:
    tab = place.tab()
    shown = await tab.post(PAGE, TYPED)
    (cookie,) = [c for c in shown.cookies if c.startswith("ostiary-debugger-")]
    page = await tab.get(f"/auth/debugger?{place.provider.authorize(way_out(shown))}")
    gone = [c for c in page.cookies if c.startswith("ostiary-debugger-")]

    assert "Path=/auth/debugger" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=900" in cookie
    assert [c for c in gone if "Max-Age=0" in c] == gone != []


async def test_an_answer_is_taken_once(place: Place) -> None:
    tab = place.tab()
    back = await sign_in(place, tab)
    await tab.get(back)
    asked = len(place.provider.requests)
    again = await tab.get(back)

    assert again.status == 400
    assert "belongs to no sign-in of this browser" in again.words
    assert len(place.provider.requests) == asked


async def test_another_browser_cannot_bring_somebody_s_answer(place: Place) -> None:
    back = await sign_in(place, place.tab())
    asked = len(place.provider.requests)
    stranger = await place.tab().get(back)

    assert stranger.status == 400
    assert len(place.provider.requests) == asked


async def test_who_comes_back_without_a_session_is_led_on_by_a_page_of_ours(
    tmp_path: Path,
) -> None:
    async with open_place(tmp_path, rbac=True) as place:
        tab = place.tab()
        await tab.sign_in(ADA)
        back = await sign_in(place, tab)
        # A browser sends no Strict cookie to what another site leads to.
        session = tab.jar.pop("ostiary-manager")
        first = await tab.get(back, sec_fetch_site="cross-site", sec_fetch_mode="navigate")  # fmt: skip
        onward = unescape(re.findall(r'content="0; url=([^"]+)"', first.text)[0])
        asked = len(place.provider.requests)
        lost = await tab.get(onward, sec_fetch_site="same-origin")
        tab.jar["ostiary-manager"] = session
        page = await tab.get(onward, sec_fetch_site="same-origin")

    assert asked == len(place.provider.requests) - 3
    assert lost.location.startswith("/auth/sign-in?next=")
    assert "Everything so far is as it should be." in page.words


async def test_who_may_make_no_plugin_may_not_have_the_node_ask_either(
    tmp_path: Path,
) -> None:
    async with open_place(tmp_path, rbac=True) as place:
        tab = place.tab()
        await tab.sign_in(EVE)
        pages = [await tab.get(PAGE), await tab.post(PAGE, TYPED), await tab.get("/auth/debugger?code=a&state=b")]  # fmt: skip
        stranger = await place.tab().get(PAGE)

    assert [page.status for page in pages] == [403, 403, 403]
    assert stranger.location.startswith("/auth/sign-in")
    assert place.provider.requests == []


async def test_a_run_of_one_admin_is_nothing_to_another(tmp_path: Path) -> None:
    async with open_place(tmp_path, rbac=True) as place:
        ada = place.tab()
        await ada.sign_in(ADA)
        carried = (await ada.post(PAGE, {**TYPED, "act": "discover"})).values()["run"]
        every = {"role": "eves", "endpoint": "*", "actions": "create,read,update,delete", "workspace": "*"}  # fmt: skip
        await place.site.admin("POST", "/rbac/roles/eves/endpoints", every)
        eve = place.tab()
        await eve.sign_in(EVE)
        page = await eve.post(PAGE, {"run": carried[0], "act": "logout"})

    assert page.status == 400
    assert "cannot be read any more" in page.words


async def test_a_sign_in_that_one_admin_began_is_nothing_to_another(
    tmp_path: Path,
) -> None:
    """Not even in the same browser: its cookie holds the first one's client secret."""
    async with open_place(tmp_path, rbac=True) as place:
        tab = place.tab()
        await tab.sign_in(ADA)
        secret = {"client_secret": "ada-has-a-secret-1"}
        shown = await tab.post(PAGE, {**TYPED, **secret})
        back = place.provider.authorize(way_out(shown))
        every = {"role": "eves", "endpoint": "*", "actions": "create,read,update,delete", "workspace": "*"}  # fmt: skip
        await place.site.admin("POST", "/rbac/roles/eves/endpoints", every)
        await tab.post("/auth/sign-out")
        await tab.sign_in(EVE)
        asked = len(place.provider.requests)
        pages = [await tab.get(f"/auth/debugger?{query}") for query in (back, "state=x&code=y")]  # fmt: skip

    assert [page.status for page in pages] == [400, 400]
    assert all("belongs to no sign-in" in page.words for page in pages)
    assert all('name="run"' not in page.text for page in pages)
    assert len(place.provider.requests) == asked


async def test_a_changed_state_is_named_and_redeems_nothing(place: Place) -> None:
    tab = place.tab()
    shown = await tab.post(PAGE, {**TYPED, "client_secret": "ada-has-a-secret-1"})
    query = place.provider.authorize(way_out(shown)).partition("&")[0]
    page = await tab.get(f"/auth/debugger?{query}&state=another")

    assert 'data-cause="state_mismatch"' in page.text
    assert [r for r in place.provider.asked("/token") if r.method == "POST"] == []


@pytest.mark.parametrize(
    "said", [{"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}]
)
async def test_a_form_of_another_site_asks_nobody(
    place: Place, said: Mapping[str, str]
) -> None:
    page = await place.tab().post(PAGE, TYPED, **said)

    assert page.status == 403
    assert place.provider.requests == []


async def test_a_host_that_is_not_allowed_is_not_asked(tmp_path: Path) -> None:
    async with open_place(tmp_path, allowed="other.example") as place:
        page = await place.tab().post(PAGE, TYPED)

    assert "idp.example is not among the hosts that may be asked" in page.words.lower()
    assert place.provider.requests == []


async def test_files_are_saved_and_never_shown_as_pages(place: Place) -> None:
    tab = place.tab()
    run = (await tab.post(PAGE, {**TYPED, "act": "discover"})).values()["run"][0]
    report = await tab.post(PAGE, {"run": run, "act": "save_report"})
    picture = await tab.post(PAGE, {"run": run, "act": "save_diagram"})

    assert report.header("content-disposition").startswith("attachment;")
    assert report.header("content-type").startswith("text/markdown")
    assert picture.header("content-type").startswith("image/svg+xml")
    assert "sandbox" in picture.header("content-security-policy")


async def test_a_workspace_of_ones_own_is_where_the_way_back_leads(
    tmp_path: Path,
) -> None:
    async with open_place(tmp_path, rbac=True) as place:
        await place.site.admin("POST", "/workspaces", {"name": "payments"})
        tab = place.tab()
        await tab.sign_in(ADA)
        page = await tab.get(await sign_in(place, tab, "/payments/debugger"))

    assert 'action="/payments/debugger#result"' in page.text
    assert "http://127.0.0.1:8001/payments/routes/" in page.text


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["request_id"])
async def test_every_story_of_the_gateway_has_its_page(
    place: Place, story: dict[str, Any]
) -> None:
    tab = place.tab()
    listed = await tab.get(f"{HOME}/flows")
    page = await tab.get(f"{HOME}/flows/{story['request_id']}")

    assert listed.status == 200
    assert f"{HOME}/flows/{story['request_id']}" in listed.text
    assert page.status == 200
    assert f"Request {story['outcome']}" in page.words
    assert 'class="run-diagram"' in page.text


async def test_a_story_names_the_cause_as_the_debugger_would(place: Place) -> None:
    page = await place.tab().get(f"{HOME}/flows/refused")

    assert 'data-cause="token_audience"' in page.text
    assert "The token is for somebody-else, not for client-1." in page.words
    assert "idp.example did not answer in time" in page.words


async def test_a_plugin_s_page_leads_to_the_debugger_with_its_values(
    place: Place,
) -> None:
    config = {"issuer": ISSUER, "client_id": [CLIENT_ID]}
    made = await place.site.admin("POST", "/plugins", {"name": "openid-connect", "config": config})  # fmt: skip
    page = await place.tab().get(f"{HOME}/plugins/{made['id']}")
    found = re.findall(rf'href="({PAGE}\?[^"]+)"', page.text)
    shown = await place.tab().get(unescape(found[0]))

    assert f'value="{ISSUER}"' in shown.text
    assert f'value="{CLIENT_ID}"' in shown.text
