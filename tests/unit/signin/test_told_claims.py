"""What introspection and user info tell: which form it has, until when it is true, what is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ostiary.http.exchange import IncomingReply
from ostiary.jose.jwt import sign_jwt
from tests.support.browser import World, allowed, refused
from tests.support.parties import PAGE, bearer
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.signin.test_methods import NOW_ACTIVE, OPAQUE, party_with

DOTS = {"sub": "ada", "email": "a@b.c.d", "active": True}


def reply(body: str, kind: str | None) -> IncomingReply:
    fields = {} if kind is None else {"content-type": kind}
    return IncomingReply(status=200, fields=fields, body=body.encode())


def signed(world: World, **claims: Any) -> IncomingReply:
    text = sign_jwt(
        {"iss": ISSUER, "aud": CLIENT_ID, "sub": "ada", **claims},
        world.provider.signing,
    )
    return reply(text, "application/jwt")


@pytest.mark.spec("OIDC-Core#5.3.2")
@pytest.mark.parametrize("kind", [None, "text/plain", "application/hal+json"])
@pytest.mark.parametrize(
    ("method", "name"), [("introspection", "introspect"), ("userinfo", "userinfo")]
)
async def test_an_object_with_two_dots_in_it_is_an_object(
    method: str, name: str, kind: str | None
) -> None:
    world, party = World(), party_with(method)
    world.provider.replies[name] = reply(f" \n{json.dumps(DOTS)}", kind)

    step = allowed(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))

    assert step.subject == "ada"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/jwt; charset=x"])
async def test_a_signed_form_is_read_under_any_type(kind: str | None) -> None:
    world, party = World(), party_with("userinfo")
    good = signed(world).body.decode()
    broken = good[:-6] + "AAAAAA"
    browser = world.browser()

    world.provider.replies["userinfo"] = reply(good, kind)
    assert allowed(await browser.ask(party, PAGE, fields=bearer("one"))).subject
    world.provider.replies["userinfo"] = reply(broken, kind)
    assert refused(await browser.ask(party, PAGE, fields=bearer("two"))).status == 401


async def test_an_object_that_says_it_is_a_jwt_is_refused() -> None:
    world, party = World(), party_with("userinfo", userinfo_accept="application/jwt")
    world.provider.replies["userinfo"] = reply(json.dumps(DOTS), "application/jwt")

    step = refused(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))

    assert step.status == 401


@pytest.mark.spec("RFC7519#4.1.4")
@pytest.mark.parametrize(
    ("claim", "offset_s", "leeway_s", "is_good"),
    [
        ("exp", 60, 0, True),
        ("exp", -1, 0, False),
        ("exp", 0, 0, False),
        ("exp", -4, 5, True),
        ("nbf", 0, 0, True),
        ("nbf", 1, 0, False),
        ("iat", 1, 0, True),
        ("iat", -100_000, 0, True),
    ],
)
async def test_signed_user_info_counts_in_its_time_only(
    claim: str, offset_s: int, leeway_s: int, *, is_good: bool
) -> None:
    world, party = World(), party_with("userinfo", leeway=leeway_s)
    moment = int(world.clock.now()) + offset_s
    world.provider.replies["userinfo"] = signed(world, **{claim: moment})

    step = await world.browser().ask(party, PAGE, fields=bearer(OPAQUE))

    if is_good:
        assert allowed(step).subject == "ada"
    else:
        assert f"invalid {claim} claim" in refused(step).detail


@pytest.mark.spec("oidc-plugin#13")
async def test_the_end_that_user_info_tells_ends_the_keeping_and_refuses_nobody() -> (
    None
):
    world, party = World(), party_with("userinfo")
    people = world.provider.people
    people["soon"] = {"sub": "ada", "exp": int(world.clock.now()) + 20}
    people["past"] = {"sub": "ada", "exp": int(world.clock.now()) - 5000}
    people["none"] = {"sub": "ada"}

    async def ask(token: str) -> int:
        before = len(world.provider.asked("/userinfo"))
        for _ in range(2):
            step = await world.browser().ask(
                party, PAGE, fields=bearer(token), worker=world.worker()
            )
            assert allowed(step).subject == "ada"
        return len(world.provider.asked("/userinfo")) - before

    first = [await ask(token) for token in ("soon", "past", "none")]
    world.clock.move(21)
    later = [await ask(token) for token in ("soon", "past", "none")]

    assert first == [1, 2, 1]
    assert later == [2, 2, 0]


@pytest.mark.spec("oidc-plugin#13")
@pytest.mark.parametrize(
    "passing",
    [{"nbf": 1}, {"iat": 1}, {"iss": "https://old.example"}, {"aud": "old"}],
)
async def test_a_refusal_that_passes_is_not_kept(passing: dict[str, Any]) -> None:
    world, party = World(), party_with("introspection", cache_ttl_neg=300)
    now, browser = int(world.clock.now()), world.browser()
    claims = {k: now + v if isinstance(v, int) else v for k, v in passing.items()}
    world.provider.told[OPAQUE] = {**NOW_ACTIVE, **claims}
    refused(await browser.ask(party, PAGE, fields=bearer(OPAQUE)))

    world.clock.move(2)
    world.provider.told[OPAQUE] = {**NOW_ACTIVE, **claims, "iss": ISSUER, "aud": CLIENT_ID}  # fmt: skip

    assert allowed(await browser.ask(party, PAGE, fields=bearer(OPAQUE)))


@pytest.mark.spec("oidc-plugin#13")
async def test_a_refusal_that_lasts_is_kept() -> None:
    world, party = World(), party_with("introspection", cache_ttl_neg=300)
    browser = world.browser()
    refused(await browser.ask(party, PAGE, fields=bearer(OPAQUE)))
    world.clock.move(2)
    world.provider.told[OPAQUE] = NOW_ACTIVE

    refused(await browser.ask(party, PAGE, fields=bearer(OPAQUE)))

    assert len(world.provider.asked("/introspect")) == 1


@pytest.mark.spec("oidc-plugin#13")
async def test_signed_user_info_of_a_clock_ahead_is_asked_for_again() -> None:
    world, party = World(), party_with("userinfo", cache_ttl_neg=300)
    browser, moment = world.browser(), int(world.clock.now()) + 1
    world.provider.replies["userinfo"] = signed(world, nbf=moment)
    refused(await browser.ask(party, PAGE, fields=bearer(OPAQUE)))

    world.clock.move(2)

    assert allowed(await browser.ask(party, PAGE, fields=bearer(OPAQUE)))
