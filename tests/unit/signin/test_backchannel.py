"""Logging out from elsewhere: what a logout token must say, and what it ends."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.jose.encoding import encode_base64url
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey, SharedSecret
from ostiary.oidc.rp.logout_token import EVENT
from ostiary.signin.party import Party
from ostiary.signin.values import Respond, Step
from tests.support.browser import ORIGIN, Browser, World, allowed, build_party, refused
from tests.support.parties import LASTING, PAGE
from tests.support.provider import CLIENT_ID, ISSUER, KEY, OTHER_KEY

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
CALLBACK = f"{ORIGIN}/cognito"
SID = "provider-session-1"


def party_that_hears(row_id: str = "row-1", **changes: Any) -> Party:
    return build_party(row_id, ostiary={"backchannel_logout": True}, **changes)


def logout_token(
    world: World, key: Any = KEY, *, typ: str | None = "logout+jwt", **edits: Any
) -> str:
    now = int(world.clock.now())
    claims = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 120,
        "jti": f"j{now}",
        "events": {EVENT: {}},
        "sid": SID,
        **edits,
    }  # fmt: skip
    return sign_jwt({k: v for k, v in claims.items() if v is not None}, key, typ=typ)


async def order(world: World, party: Party, body: str, *, worker: Any = None) -> Step:
    """What the provider posts: no cookies, straight to the redirect URI."""
    return await world.browser().ask(
        party,
        CALLBACK,
        method=b"POST",
        fields=FORM,
        body=body.encode(),
        worker=worker,
    )


async def logged_in(world: World, party: Party, sid: str | None = SID) -> Browser:
    world.provider.id_edits = {"sid": sid}
    browser = world.browser()
    await browser.sign_in(party)
    allowed(await browser.visit(party))
    return browser


@pytest.mark.spec("oidcc-client-test-rp-backchannel-rpinitlogout")
async def test_a_logout_token_ends_its_session_on_every_worker() -> None:
    world, party = World(), party_that_hears()
    browser = await logged_in(world, party)
    other = await logged_in(world, party, "provider-session-2")
    second = world.worker()
    allowed(await browser.visit(party, worker=second))

    step = await order(world, party, f"logout_token={logout_token(world)}")

    assert isinstance(step, Respond)
    assert step.body == b""
    assert (b"Cache-Control", b"no-store") in step.fields
    for worker in (None, second, world.worker()):
        assert not _is_in(await browser.visit(party, worker=worker))
    assert _is_in(await other.visit(party))


def _is_in(step: Step) -> bool:
    return getattr(step, "method", None) == "session"


@pytest.mark.spec("ostiary-client-test-logout-sub-only-several-sessions")
async def test_a_person_without_sid_loses_every_session_but_not_the_next() -> None:
    world, party = World(), party_that_hears()
    browsers = [await logged_in(world, party, sid) for sid in (SID, "two", None)]
    world.clock.move(5)

    await order(
        world, party, f"logout_token={logout_token(world, sid=None, sub='ada')}"
    )
    gone = [_is_in(await browser.visit(party)) for browser in browsers]
    world.clock.move(5)
    again = await logged_in(world, party)

    assert gone == [False] * 3
    assert _is_in(await again.visit(party))


@pytest.mark.parametrize("edits", [{}, {"sid": None, "sub": "ada"}])
async def test_a_session_that_was_ended_as_soon_as_it_began_has_ended(
    edits: dict[str, Any],
) -> None:
    world, party = World(), party_that_hears()
    world.clock.move(0.6)
    browser = await logged_in(world, party)
    world.clock.move(0.2)

    await order(world, party, f"logout_token={logout_token(world, **edits)}")
    seen = [_is_in(await browser.visit(party))]
    world.clock.move(30)
    seen.append(_is_in(await browser.visit(party, worker=world.worker())))

    assert seen == [False, False]


async def test_who_signs_in_right_after_an_order_is_in() -> None:
    world, party = World(), party_that_hears()
    await logged_in(world, party)
    world.clock.move(0.2)
    await order(
        world, party, f"logout_token={logout_token(world, sid=None, sub='ada')}"
    )
    world.clock.move(0.1)

    again = await logged_in(world, party, None)

    assert _is_in(await again.visit(party))


@pytest.mark.parametrize("edits", [{}, {"sid": None, "sub": "ada"}])
async def test_a_persistent_session_does_not_bring_an_ended_one_back(
    edits: dict[str, Any],
) -> None:
    world, party = World(), party_that_hears(session_remember=True)
    browser = await logged_in(world, party)
    world.clock.move(5)
    await order(world, party, f"logout_token={logout_token(world, **edits)}")

    for seconds in (1, 4000, 90_000):
        world.clock.move(seconds)
        kept = {k: v for k, v in browser.cookies.items() if "remember" in k}
        assert not _is_in(await browser.visit(party))
        browser.cookies |= kept


async def test_other_people_stay_and_other_providers_cannot_end_them() -> None:
    world, party = World(), party_that_hears()
    browser = await logged_in(world, party)

    await order(
        world, party, f"logout_token={logout_token(world, sid=None, sub='eve')}"
    )
    await order(world, party, f"logout_token={logout_token(world, sid='else')}")

    assert _is_in(await browser.visit(party))


async def test_one_order_ends_the_sessions_of_every_plugin_of_the_provider() -> None:
    world = World()
    one, two = party_that_hears("row-1"), party_that_hears("row-2")
    browser = world.browser()
    world.provider.id_edits = {"sid": SID}
    await browser.sign_in(one)
    await browser.sign_in(two)

    await order(world, one, f"logout_token={logout_token(world)}")

    assert not _is_in(await browser.visit(one))
    assert not _is_in(await browser.visit(two))


@pytest.mark.spec("ostiary-client-test-logout-during-refresh")
async def test_a_session_whose_tokens_are_refreshed_meanwhile_ends_too() -> None:
    world, party = World(), party_that_hears(**LASTING)
    browser = await logged_in(world, party)
    world.provider.id_edits = {"sid": None}
    world.clock.move(world.provider.lifetime + 1)
    kept = dict(browser.cookies)
    allowed(await browser.visit(party))

    await order(world, party, f"logout_token={logout_token(world)}")

    assert not _is_in(await browser.visit(party))
    browser.cookies = kept
    assert not _is_in(await browser.visit(party))


def _unsigned(world: World) -> str:
    _, payload, _ = logout_token(world).split(".")
    header = encode_base64url(b'{"alg":"none"}')
    return f"{header}.{payload}."


@pytest.mark.parametrize(
    ("module", "make", "detail"),
    [
        ("alg-none", _unsigned, "three segments"),
        ("wrong-alg", lambda w: logout_token(w, SharedSecret("s" * 32, "HS256")),
         "HS256"),
        ("no-event", lambda w: logout_token(w, events=None), "events"),
        ("wrong-event", lambda w: logout_token(w, events={"http://other": {}}), "events"),
        ("with-nonce", lambda w: logout_token(w, nonce="n"), "nonce"),
        ("wrong-aud", lambda w: logout_token(w, aud="else"), "aud"),
        ("wrong-iss", lambda w: logout_token(w, iss="https://o.example"), "issuer"),
        ("", lambda w: logout_token(w, OTHER_KEY), "jwk was not found"),
        ("", lambda w: logout_token(w, PrivateKey.generate_ec("key-1")), "signature"),
        ("", lambda w: logout_token(w, events={EVENT: True}), "events"),
        ("", lambda w: logout_token(w, events=[EVENT]), "events"),
        ("", lambda w: logout_token(w, iat=None), "iat"),
        ("", lambda w: logout_token(w, iat=int(w.clock.now()) - 601), "iat"),
        ("", lambda w: logout_token(w, iat=int(w.clock.now()) + 60), "iat"),
        ("", lambda w: logout_token(w, exp=int(w.clock.now())), "exp"),
        ("", lambda w: logout_token(w, jti=None), "jti"),
        ("", lambda w: logout_token(w, jti="j" * 257), "jti"),
        ("", lambda w: logout_token(w, sid=None), "neither sub nor sid"),
        ("", lambda w: logout_token(w, sid=7), "neither sub nor sid"),
        ("", lambda w: logout_token(w, typ="at+jwt"), "typ"),
        ("", lambda w: w.provider.id_token("n"), "events"),
        ("", lambda _: "", "segments"),
    ],
)  # fmt: skip
@pytest.mark.spec("oidcc-client-test-rp-backchannel-rpinitlogout-alg-none")
@pytest.mark.spec("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg")
@pytest.mark.spec("oidcc-client-test-rp-backchannel-rpinitlogout-no-event")
@pytest.mark.spec("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event")
@pytest.mark.spec("oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce")
@pytest.mark.spec("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud")
@pytest.mark.spec("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss")
@pytest.mark.spec("ostiary-client-test-logout-token-without-iat")
@pytest.mark.spec("ostiary-client-test-logout-token-without-jti")
async def test_a_token_that_is_no_order_ends_nothing(
    module: str, make: Any, detail: str
) -> None:
    world, party = World(), party_that_hears()
    browser = await logged_in(world, party)

    step = refused(await order(world, party, f"logout_token={make(world)}"))

    assert (step.status, step.message) == (400, "invalid_request"), module
    assert detail in step.detail
    assert (b"Cache-Control", b"no-store") in step.fields
    assert _is_in(await browser.visit(party))


@pytest.mark.spec("ostiary-client-test-logout-token-replayed-jti")
async def test_an_order_counts_once() -> None:
    world, party = World(), party_that_hears()
    token = logout_token(world, sid=None, sub="ada")
    await order(world, party, f"logout_token={token}")
    world.clock.move(5)
    browser = await logged_in(world, party)

    again = refused(
        await order(world, party, f"logout_token={token}", worker=world.worker())
    )

    assert again.status == 400
    assert "used before" in again.detail
    assert _is_in(await browser.visit(party))


@pytest.mark.spec("T-C7")
async def test_two_tokens_in_one_order_are_none() -> None:
    world, party = World(), party_that_hears()
    browser = await logged_in(world, party)
    token = logout_token(world)

    step = await order(world, party, f"logout_token={token}&logout_token={token}")

    assert refused(step).status == 400
    assert _is_in(await browser.visit(party))


async def test_a_rotated_key_is_fetched_for_an_order() -> None:
    world, party = World(), party_that_hears()
    browser = await logged_in(world, party)
    world.provider.keys = [KEY, OTHER_KEY]

    step = await order(world, party, f"logout_token={logout_token(world, OTHER_KEY)}")

    assert isinstance(step, Respond)
    assert not _is_in(await browser.visit(party))


async def test_orders_are_heard_only_where_that_is_switched_on_and_at_one_place() -> (
    None
):
    world = World()
    deaf, hearing = build_party(), party_that_hears()
    body = f"logout_token={logout_token(world)}"

    at_deaf = refused(await order(world, deaf, body))
    elsewhere = refused(
        await world.browser().ask(
            hearing, PAGE, method=b"POST", fields=FORM, body=body.encode()
        )
    )

    assert (at_deaf.status, elsewhere.status) == (401, 401)


async def test_an_order_that_nobody_can_judge_now_is_not_taken() -> None:
    world, party = World(), party_that_hears()
    world.provider.down = True

    step = refused(await order(world, party, f"logout_token={logout_token(world)}"))

    assert step.status == 500
