"""Every fault that people bring is named in the story of the request, and no secret is in it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ostiary.jose.keys import PrivateKey
from ostiary.signin.party import Party
from ostiary.signin.trace import PER_SECOND
from tests.support.browser import ORIGIN, Browser, World, allowed, build_party
from tests.support.parties import PAGE, XHR, bearer
from tests.support.provider import OTHER_KEY
from tests.unit.signin.test_methods import basic, party_with

CALLBACK = f"{ORIGIN}/cognito"
Act = Callable[[World, Browser, Party], Awaitable[object]]


async def finish(world: World, browser: Browser, party: Party) -> None:
    location = await browser.start(party)
    await browser.ask(party, f"{CALLBACK}?{world.provider.authorize(location)}")


def with_claim(**edits: Any) -> Act:
    async def act(world: World, browser: Browser, party: Party) -> None:
        world.provider.id_edits = edits
        await finish(world, browser, party)

    return act


def with_reply(status: int, body: Any) -> Act:
    async def act(world: World, browser: Browser, party: Party) -> None:
        world.provider.token_reply = lambda _: world.provider.json(status, body)
        await finish(world, browser, party)

    return act


def with_bearer(key: Any = None, **claims: Any) -> Act:
    async def act(world: World, browser: Browser, party: Party) -> None:
        world.provider.signing = key or world.provider.signing
        token = world.provider.access_token(**claims)
        await browser.ask(party, PAGE, fields=bearer(token))

    return act


async def without_cookies(world: World, browser: Browser, party: Party) -> None:
    location = await browser.start(party)
    browser.cookies = {}
    await browser.ask(party, f"{CALLBACK}?{world.provider.authorize(location)}")


async def over_http(world: World, browser: Browser, party: Party) -> None:
    location = await browser.start(party)
    answer = world.provider.authorize(location)
    await browser.ask(party, f"{CALLBACK.replace('https', 'http')}?{answer}")


async def too_late(world: World, browser: Browser, party: Party) -> None:
    location = await browser.start(party)
    world.clock.move(601)
    await browser.ask(party, f"{CALLBACK}?{world.provider.authorize(location)}")


async def another_issuer(world: World, browser: Browser, party: Party) -> None:
    answer = world.provider.authorize(await browser.start(party))
    await browser.ask(party, f"{CALLBACK}?{answer}&iss=https://other.example")


async def again_and_again(world: World, browser: Browser, party: Party) -> None:
    for _ in range(4):
        location = await browser.start(party)
        answer = world.provider.authorize(location)
        await browser.ask(party, f"{CALLBACK}?{answer}")
        browser.cookies = {
            k: v for k, v in browser.cookies.items() if "session" not in k
        }
        if "seen" in " ".join(browser.cookies) and _ == 2:
            await browser.ask(party, PAGE)
            return


async def away(world: World, browser: Browser, party: Party) -> None:
    world.provider.down = True
    await browser.ask(party, PAGE)


async def wrong_metadata(world: World, browser: Browser, party: Party) -> None:
    world.provider.metadata_edits = {"issuer": "https://other.example"}
    await browser.ask(party, PAGE)


async def script(_: World, browser: Browser, party: Party) -> None:
    await browser.ask(party, PAGE, fields=XHR)


async def idle(world: World, browser: Browser, party: Party) -> None:
    await browser.sign_in(party)
    world.clock.move(901)
    await browser.visit(party)


async def refresh_refused(world: World, browser: Browser, party: Party) -> None:
    await browser.sign_in(party)
    world.clock.move(world.provider.lifetime - 1 - 2700)
    await browser.visit(party)
    world.provider.token_reply = lambda _: world.provider.json(
        400, {"error": "invalid_grant"}
    )
    for _ in range(5):
        world.clock.move(890)
        await browser.visit(party)


async def store_away(world: World, browser: Browser, party: Party) -> None:
    await browser.sign_in(party)
    world.stores.down = True
    await browser.visit(party)


FAULTS: list[tuple[str, dict[str, Any], Act, str]] = [
    ("redirect URI not registered", {},
     with_reply(400, {"error": "invalid_request", "error_description": "redirect_mismatch"}),
     "redirect_mismatch"),
    ("wrong client secret", {}, with_reply(401, {"error": "invalid_client"}), "invalid_client"),
    ("code spent", {}, with_reply(400, {"error": "invalid_grant"}), "invalid_grant"),
    ("no ID token", {}, with_reply(200, {"access_token": "a", "token_type": "Bearer"}),
     "no id_token"),
    ("no JSON", {}, with_reply(200, []), "token endpoint answered 200"),
    ("clock ahead", {}, with_claim(iat=1_800_000_600), "the clocks differ"),
    ("expired", {}, with_claim(exp=1_799_999_000), "expired 1000 s ago"),
    ("wrong audience", {}, with_claim(aud="else"), "does not contain the client id"),
    ("wrong issuer", {}, with_claim(iss="https://o.example"), "https://o.example"),
    ("wrong nonce", {}, with_claim(nonce="else"), "invalid nonce"),
    ("unknown key", {}, with_bearer(PrivateKey.generate_ec("key-9")), "jwk was not found"),
    ("wrong audience of an API", {}, with_bearer(aud="other-api"), "configured client ids"),
    ("missing scope", {"scopes_required": ["admin"]}, with_bearer(), "required scopes"),
    ("no consumer", {"consumer_claims": [["email"]]}, with_bearer(), "was not found for consumer"),
    ("blocked cookie", {}, without_cookies, "lost its cookie"),
    ("http for https", {}, over_http, "X-Forwarded-Proto"),
    ("too late", {}, too_late, "authorization_rolling_timeout"),
    ("mixed-up provider", {}, another_issuer, "https://other.example"),
    ("session cookie never comes back", {}, again_and_again, "left no session cookie"),
    ("provider away", {}, away, "no connection to idp.example (refused)"),
    ("wrong issuer configured", {}, wrong_metadata, "configured is"),
    ("script", {}, script, "not a navigation"),
    ("idle", {}, idle, "session idling timeout exceeded"),
    ("refresh refused", {}, refresh_refused, "the refresh was refused"),
    ("store away", {"session_storage": "redis"}, store_away, "the store is away"),
]  # fmt: skip


@pytest.mark.usefixtures("nobody_else_refreshes")
@pytest.mark.parametrize(("_name", "config", "act", "named"), FAULTS)
async def test_a_fault_is_named_in_the_story_of_its_request(
    _name: str, config: dict[str, Any], act: Act, named: str
) -> None:
    world, party = World(), build_party(**config)
    browser = world.browser()

    await act(world, browser, party)

    told = [json.dumps(story) for story in world.stories]
    assert any(named in story for story in told[-2:]), told[-1]
    secrets = (
        "code-1",
        "refresh-0",
        "correct horse",
        "eyJhbGciOi",
        "eyJraWQiOi",
        *browser.cookies.values(),
    )
    assert not any(s in story for s in secrets if len(s) > 4 for story in told)


def test_there_are_more_than_twenty_faults() -> None:
    assert len({named for _, _, _, named in FAULTS}) >= 20


async def test_a_story_shows_each_rule_with_what_was_expected_and_what_came() -> None:
    world, party = World(), build_party()
    world.provider.id_edits = {"aud": "else", "iat": 1_800_000_600}
    browser = world.browser()

    await finish(world, browser, party)

    story = world.stories[-1]
    checks = {check["name"]: check for check in story["checks"]}
    assert (story["outcome"], story["status"]) == ("refused", 401)
    assert checks["alg"]["passed"]
    assert checks["kid"]["passed"]
    assert checks["iss"]["passed"]
    assert (
        checks["aud"]["passed"],
        checks["aud"]["expected"],
        checks["aud"]["got"],
    ) == (
        False,
        "client-1",
        "else",
    )
    assert not checks["iat"]["passed"]
    assert "+600 s" in checks["iat"]["got"]
    asked = [e["text"] for e in story["events"] if e["kind"] == "provider"]
    assert asked == ["POST https://idp.example/pool/token"]


async def test_a_wrong_key_is_shown_beside_those_that_are_known() -> None:
    world, party = World(), build_party()
    world.provider.signing = OTHER_KEY

    await world.browser().ask(party, PAGE, fields=bearer(world.provider.access_token()))

    checks = {check["name"]: check for check in world.stories[-1]["checks"]}
    assert (checks["kid"]["passed"], checks["kid"]["got"]) == (False, "key-2")
    assert "key-1" in checks["kid"]["expected"]


async def test_a_good_request_has_a_short_story() -> None:
    world, party = World(), party_with("password")

    allowed(
        await world.browser().ask(party, PAGE, fields=basic("ada", "correct horse"))
    )

    story = world.stories[-1]
    assert (story["outcome"], story["by"]) == ("allowed", "password")
    assert "correct horse" not in json.dumps(story)


async def test_a_flood_of_requests_makes_a_bounded_number_of_stories() -> None:
    world, party = World(), build_party()
    browser = world.browser()

    for _ in range(200):
        await browser.ask(party, PAGE, fields=XHR, cookies=False)
    before = len(world.stories)
    world.clock.move(1)
    await browser.ask(party, PAGE, fields=XHR)

    assert before == PER_SECOND
    assert len(world.stories) == PER_SECOND + 1
