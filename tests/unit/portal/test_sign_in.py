"""Signing in to a portal: who gets in, who is told why not, and that it counts at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ostiary.adapters.shared import MemoryStore
from tests.unit.portal.portal_kit import (
    API,
    CONF,
    EMAIL,
    GUI,
    HOME,
    PortalWorld,
    portal_world,
)

pytestmark = pytest.mark.spec("portal#2.3")


async def test_a_developer_signs_in_and_is_where_they_wanted_to_be(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    browser = world.browser()
    stopped = await browser.ask(f"{HOME}/settings")
    login = await browser.ask(f"{GUI}{stopped.field('location')}")
    seen = await browser.go(f"{API}/default/auth")

    assert stopped.field("location") == "/default/login?next=/default/settings"
    assert login.status == 200
    assert f'href="{API}/default/auth"' in login.text
    assert seen.url == f"{HOME}/settings"
    assert seen.status == 200
    assert EMAIL in seen.text


async def test_without_a_wish_a_sign_in_leads_to_the_dashboard(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    browser = world.browser()
    seen = await browser.go(f"{API}/default/auth")

    assert seen.url == f"{HOME}/dashboard"
    # Once: the home page is the home page from then on.
    again = await browser.ask(HOME)
    assert again.status == 200


async def test_the_session_is_kept_here_and_the_cookie_is_only_its_name(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    browser = world.browser()
    await browser.sign_in()
    name, value = next((n, v) for n, v in browser.jar.items() if "session" in n)

    assert name.startswith("__Host-ostiary-portal-session-")
    assert len(value) < 400
    # Nobody else's store: without it there is no session.
    world.base.stores.store = MemoryStore(world.base.clock)
    assert (await browser.ask(f"{HOME}/dashboard")).field("location") == (
        "/default/login?next=/default/dashboard"
    )


@pytest.mark.spec("portal#2.4")
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (1, "Your registration waits for approval"),
        (2, "You cannot use this portal"),
        (3, "You cannot use this portal any more"),
        (5, "Your address is not verified yet"),
    ],
)
async def test_every_other_standing_has_its_page_and_nobody_goes_in_circles(
    world: PortalWorld, status: int, words: str
) -> None:
    await world.developer(status=status)
    browser = world.browser()
    seen = await browser.sign_in()

    assert seen.url == f"{HOME}/unauthorized"
    assert seen.status == 403
    assert words in seen.text
    for path in ("/dashboard", "/settings", "/settings/delete", "/login", "/register"):
        again = await browser.go(f"{HOME}{path}")
        assert again.url == f"{HOME}/unauthorized"
        assert words in again.text
    refused = await browser.call("GET", "/developer")
    assert refused.status == 403
    assert (await browser.ask(HOME)).status == 200


@pytest.mark.spec("portal#2.4")
async def test_approval_and_revocation_count_from_the_next_request(
    world: PortalWorld,
) -> None:
    await world.developer()
    browser = world.browser()
    await browser.sign_in()
    assert (await browser.call("GET", "/developer")).status == 403

    await world.set_status(0)
    assert (await browser.call("GET", "/developer")).status == 200
    assert (await browser.ask(f"{HOME}/dashboard")).status == 200

    await world.set_status(3)
    assert (await browser.call("GET", "/developer")).status == 403
    assert (await browser.go(f"{HOME}/dashboard")).url == f"{HOME}/unauthorized"

    await world.node.send("DELETE", f"/developers/{EMAIL}")
    assert (await browser.call("GET", "/developer")).status == 403


@pytest.mark.spec("portal#2.2")
async def test_whoever_is_unknown_registers_with_the_address_that_was_verified(
    world: PortalWorld,
) -> None:
    browser = world.browser()
    seen = await browser.sign_in()
    form = await browser.ask(f"{HOME}/register")
    done = await browser.post(
        f"{HOME}/register", email="victim@example.com", meta__full_name="Ada"
    )

    assert seen.url == f"{HOME}/unauthorized"
    assert "You are not registered here yet" in seen.text
    assert "readonly" in form.text
    assert "Thank you" in done.text
    listed = (await world.node.call("/developers")).json()["data"]
    assert [row["email"] for row in listed] == [EMAIL]


@pytest.mark.spec("portal#2.2")
@pytest.mark.parametrize("verified", [False, "false", None, 1, [], "True"])
async def test_an_address_that_is_not_verified_proves_nothing(
    world: PortalWorld, verified: object
) -> None:
    await world.developer(status=0)
    world.base.provider.id_edits = {"email_verified": verified}
    browser = world.browser()
    seen = await browser.sign_in()

    assert seen.url == f"{HOME}/unauthorized"
    assert "has not verified your address" in seen.text
    assert (await browser.call("GET", "/developer")).status == 403


@pytest.mark.spec("portal#2.2")
@pytest.mark.parametrize(
    ("verified", "is_in"), [(None, True), (False, False), ("false", False)]
)
async def test_an_operator_may_trust_a_provider_that_says_nothing_of_it(
    world: PortalWorld, verified: object, is_in: bool
) -> None:
    await world.switch_on(portal_oidc_trust_email=True)
    await world.developer(status=0)
    world.base.provider.id_edits = {"email_verified": verified}
    browser = world.browser()
    await browser.sign_in()

    expected = 200 if is_in else 403
    assert (await browser.call("GET", "/developer")).status == expected


@pytest.mark.spec("portal#2.1")
async def test_a_claim_that_people_choose_themselves_is_no_address(
    world: PortalWorld,
) -> None:
    await world.switch_on(conf={"consumer_claim": ["preferred_username"]})
    await world.developer("victim@example.com", status=0)
    world.base.provider.id_edits = {"preferred_username": "victim@example.com"}
    browser = world.browser()
    seen = await browser.sign_in()

    assert "You are not registered here yet" in seen.text


@pytest.mark.spec("portal#2.1")
async def test_a_developer_may_be_known_by_an_id_of_the_providers(
    world: PortalWorld,
) -> None:
    await world.switch_on(conf={"consumer_claim": ["sub"]})
    await world.developer(status=0, custom_id="ada")
    world.base.provider.id_edits = {"email_verified": None}
    browser = world.browser()
    await browser.sign_in()

    assert (await browser.call("GET", "/developer")).json()["email"] == EMAIL


@pytest.mark.spec("portal#2.4")
async def test_a_claim_that_is_missing_is_named(world: PortalWorld) -> None:
    await world.switch_on(conf={"consumer_claim": ["nowhere"]})
    seen = await world.browser().sign_in()

    assert "looks for the claim nowhere" in seen.text


@pytest.mark.spec("portal#2.2")
async def test_accounts_are_made_at_the_first_login_where_that_is_asked_for(
    world: PortalWorld,
) -> None:
    world.base.provider.id_edits = {"email_verified": True, "name": "Ada L"}
    await world.switch_on(portal_oidc_auto_register=True, portal_auto_approve=True)
    browser = world.browser()
    seen = await browser.sign_in()

    assert seen.url == f"{HOME}/dashboard"
    (row,) = (await world.node.call("/developers")).json()["data"]
    assert (row["email"], row["status"]) == (EMAIL, 0)
    assert row["meta"] == '{"full_name": "Ada L"}'


@pytest.mark.spec("portal#2.4")
async def test_accounts_are_a_workspaces_own(world: PortalWorld) -> None:
    await world.node.send("POST", "/workspaces", {"name": "team"})
    conf = {
        **CONF, "login_redirect_uri": [f"{GUI}/team"], "forbidden_redirect_uri": [f"{GUI}/team/x"],
        "redirect_uri": [f"{API}/team/auth"], "logout_redirect_uri": [f"{GUI}/team"],
    }  # fmt: skip
    config = {"portal": True, "portal_auth": "openid-connect", "portal_auth_conf": conf}
    reply = await world.node.send("PATCH", "/workspaces/team", {"config": config})
    assert reply.status == 200, reply.text
    await world.developer(status=0)
    browser = world.browser()
    await browser.sign_in()

    assert (await browser.call("GET", "/developer")).status == 200
    elsewhere = await browser.ask(f"{API}/team/developer", navigates=False)
    assert elsewhere.status == 401


@pytest.mark.spec("portal#2.5")
async def test_signing_out_ends_the_session_everywhere(world: PortalWorld) -> None:
    await world.developer(status=0)
    browser, thief = world.browser(), world.browser()
    await browser.sign_in()
    thief.jar = dict(browser.jar)
    left = await browser.go(f"{HOME}/logout")

    assert left.url.startswith("https://kong-ee:8447/default/auth?logout=true")
    assert left.field("location") is not None
    for one in (browser, thief):
        assert (await one.call("GET", "/developer")).status == 401


@pytest.mark.spec("T-C15")
@pytest.mark.parametrize("path", [f"{HOME}/logout", f"{API}/default/auth?logout=true"])
async def test_another_site_signs_nobody_out(world: PortalWorld, path: str) -> None:
    await world.developer(status=0)
    browser = world.browser()
    await browser.sign_in()
    seen = await browser.ask(path, fields={"sec-fetch-site": "cross-site"})

    assert seen.status == 403
    assert "Do you want to sign out?" in seen.text
    assert (await browser.call("GET", "/developer")).status == 200


@pytest.mark.spec("portal#6.1")
async def test_scripts_are_told_and_not_sent_away(world: PortalWorld) -> None:
    browser = world.browser()
    session = await browser.call("GET", "/session")
    auth = await browser.call("GET", "/auth")

    assert (session.status, auth.status) == (401, 401)
    assert session.json() == {"message": "Invalid authentication credentials"}
    assert session.field("access-control-allow-origin") == GUI
    assert session.field("access-control-allow-credentials") == "true"


@pytest.mark.spec("T-K13")
async def test_nothing_that_is_told_of_a_session_is_a_token(world: PortalWorld) -> None:
    await world.developer(status=0)
    browser = world.browser()
    await browser.sign_in()
    texts = [
        (await browser.call("GET", path)).text
        for path in ("/session", "/developer", "/config", "/auth")
    ]
    texts += [(await browser.ask(f"{HOME}{p}")).text for p in ("", "/dashboard")]

    assert not any("eyJ" in text or "refresh-" in text for text in texts)
    assert set(await_json(texts[0])["session"]) == {"expires", "cookie"}


def await_json(text: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(text)
    return found


@pytest.mark.spec("D6")
async def test_a_store_that_is_away_is_no_sign_out(world: PortalWorld) -> None:
    await world.developer(status=0)
    browser = world.browser()
    await browser.sign_in()
    world.base.stores.down = True

    for seen in (
        await browser.ask(f"{HOME}/dashboard"),
        await browser.call("GET", "/developer"),
    ):
        assert seen.status == 503
        assert seen.field("retry-after") == "5"
    world.base.stores.down = False
    assert (await browser.call("GET", "/developer")).status == 200


async def test_a_portal_without_sign_in_is_public(tmp_path: Path) -> None:
    async with portal_world(tmp_path) as world:
        await world.configure(portal=True)
        browser = world.browser()

        home = await browser.ask(HOME)
        assert home.status == 200
        assert "Sign in" not in home.text
        for path in ("/login", "/register"):
            assert (await browser.ask(f"{HOME}{path}")).status == 404
        assert (await browser.call("POST", "/register", {})).status == 404
        assert (await browser.call("GET", "/auth")).status == 404


@pytest.mark.parametrize("name", ["nowhere", "default"])
async def test_a_portal_that_is_off_looks_like_one_that_is_not_there(
    tmp_path: Path, name: str
) -> None:
    async with portal_world(tmp_path) as world:
        browser = world.browser()
        page = await browser.ask(f"{GUI}/{name}")
        api = await browser.ask(f"{API}/{name}/session", navigates=False)

        assert (page.status, api.status) == (404, 404)
        assert "There is no portal here" in page.text
        assert api.json() == {"message": "Not found"}
