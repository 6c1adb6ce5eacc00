"""Bearer tokens, and what configurations require of anybody."""

from __future__ import annotations

from typing import Any, cast

import pytest

from ostiary.http.head import find
from ostiary.signin.values import SendAway
from tests.support.browser import (
    ORIGIN,
    World,
    allowed,
    build_party,
    refused,
)
from tests.support.parties import PAGE, XHR, bearer, signed_in
from tests.support.provider import OTHER_KEY


@pytest.mark.spec("RFC9068#4")
async def test_a_bearer_token_is_let_through_and_passed_on() -> None:
    world, party = World(), build_party()
    token = world.provider.access_token()
    step = allowed(await world.browser().visit(party, fields=bearer(token)))

    assert find(step.upstream_fields, b"authorization") == f"Bearer {token}".encode()
    assert step.session is None


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ({"exp": 1}, "exp"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"client_id": "another"}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"aud": "another"}, "aud"),
        ({"token_use": "id"}, "id token"),
        ({"nonce": "x"}, "id token"),
        ({"nbf": 9_000_000_000}, "nbf"),
    ],
)
@pytest.mark.spec("D3")
async def test_a_bearer_token_with_a_wrong_claim_is_refused(
    edit: dict[str, Any], reason: str
) -> None:
    world, party = World(), build_party()
    token = world.provider.access_token(**edit)
    step = refused(await world.browser().visit(party, fields=bearer(token)))

    assert (step.status, step.error) == (401, "invalid_token")
    assert reason in step.detail


@pytest.mark.spec("T-J9")
async def test_an_id_token_is_no_bearer_token() -> None:
    world, party = World(), build_party()
    token = world.provider.id_token("", token_use="id")

    assert (
        refused(await world.browser().visit(party, fields=bearer(token))).status == 401
    )


@pytest.mark.spec("T-J6")
async def test_a_flood_of_unknown_keys_costs_one_fetch() -> None:
    world, party = World(), build_party()
    await world.browser().visit(party, fields=bearer(world.provider.access_token()))
    before = len(world.provider.asked("/jwks"))
    world.provider.signing = OTHER_KEY
    for _ in range(50):
        token = world.provider.access_token()
        assert (
            refused(await world.browser().visit(party, fields=bearer(token))).status
            == 401
        )

    assert len(world.provider.asked("/jwks")) - before == 1


@pytest.mark.spec("D14")
async def test_a_remembered_token_is_still_checked_for_its_end() -> None:
    world, party = World(), build_party()
    token = world.provider.access_token()
    allowed(await world.browser().visit(party, fields=bearer(token)))
    world.clock.move(100)
    assert world.signin.decide(
        world.browser().request(PAGE, fields=bearer(token)), party
    )
    world.clock.move(3500)

    assert (
        refused(await world.browser().visit(party, fields=bearer(token))).status == 401
    )


async def test_a_token_in_the_query_is_used_and_hidden() -> None:
    world, party = World(), build_party()
    token = world.provider.access_token()
    step = allowed(await world.browser().ask(party, f"{PAGE}?access_token={token}"))

    assert "access_token" in step.strip_query


async def test_disabled_bearer_stays_disabled() -> None:
    world, party = World(), build_party(auth_methods=["session", "authorization_code"])
    token = world.provider.access_token()

    assert isinstance(
        await world.browser().visit(party, fields=bearer(token)), SendAway
    )


@pytest.mark.parametrize(
    ("field", "value", "ok"),
    [
        ("scopes_required", ["openid"], True),
        ("scopes_required", ["openid email"], False),
        ("scopes_required", ["admin", "openid"], True),
        ("audience_required", ["api"], False),
        ("groups_required", ["staff"], False),
        ("roles_required", ["root"], False),
        ("claims_forbidden", ["email"], False),
        ("claims_forbidden", ["phone"], True),
    ],
)
@pytest.mark.spec("T-O4")
async def test_requirements_really_deny(field: str, value: list[str], ok: bool) -> None:
    world, party = World(), build_party(**cast("Any", {field: value}))
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    step = await browser.ask(party, f"{ORIGIN}/cognito?{answer}")

    if ok:
        assert isinstance(step, SendAway)
    else:
        assert refused(step).status == 403
        assert not any("session" in n for n in browser.cookies)


async def test_requirements_are_checked_on_every_request() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    stricter = build_party(scopes_required=["admin"])

    assert refused(await browser.visit(stricter)).status == 403


async def test_claims_travel_in_headers() -> None:
    headers = [
        {"header": "X-Email", "path": ["email"]},
        {"header": "X-None", "path": ["nope"]},
    ]
    world, party = World(), build_party(upstream_headers=headers)
    browser = await signed_in(world, party)
    step = allowed(await browser.visit(party))

    assert find(step.upstream_fields, b"x-email") == b"ada@example.com"
    assert find(step.upstream_fields, b"x-none") is None
    assert {b"x-email", b"x-none", b"x-consumer-id"} <= party.managed_headers


@pytest.mark.spec("D3")
async def test_a_token_with_the_client_as_audience_must_look_like_an_access_token() -> (
    None
):
    world, party = World(), build_party()
    plain = {"aud": "client-1", "client_id": None, "token_use": None, "scope": None}
    token = world.provider.access_token(**plain)

    assert (
        refused(await world.browser().visit(party, fields=bearer(token))).status == 401
    )
    scoped = world.provider.access_token(**{**plain, "scope": "openid"})
    allowed(await world.browser().visit(party, fields=bearer(scoped)))


@pytest.mark.spec("T-H8")
async def test_two_authorization_fields_are_no_credentials() -> None:
    world, party = World(), build_party()
    good = bearer(world.provider.access_token())
    step = refused(await world.browser().visit(party, fields=(*good, *good, *XHR)))

    assert step.status == 401
