"""Modules of the Basic plan, and of the signature modules beside it: one fault each."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.http.head import find
from ostiary.jose.jwt import parse_header
from tests.spec.conformance.provider import (
    SECRET,
    Suite,
    assert_nobody,
    assert_signs_in,
    attempt,
)
from tests.support.browser import ORIGIN, allowed, build_party


@pytest.mark.spec("oidcc-client-test")
async def test_a_whole_sign_in_asks_for_what_the_specification_wants() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    location = await browser.start(party)
    asked = parse_qs(urlsplit(location).query, strict_parsing=True)

    assert location.startswith("https://idp.example/pool/authorize?")
    assert {name: len(values) for name, values in asked.items()} == dict.fromkeys(
        asked, 1
    )
    assert asked["response_type"] == ["code"]
    assert asked["client_id"] == ["client-1"]
    assert asked["scope"] == ["openid"]
    assert asked["redirect_uri"] == [f"{ORIGIN}/cognito"]
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= asked.keys()


@pytest.mark.spec("oidcc-client-test")
async def test_a_whole_sign_in_ends_in_a_session_that_carries_the_token() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    await assert_signs_in(world, browser, party)
    (exchange,) = world.provider.asked("/token")
    form = parse_qs(exchange.body.decode())
    answer = allowed(await browser.visit(party))

    assert form["grant_type"] == ["authorization_code"]
    assert form["redirect_uri"] == [f"{ORIGIN}/cognito"]
    assert answer.subject == "ada"
    token = answer.session.access_token if answer.session else ""
    assert find(answer.upstream_fields, b"authorization") == f"Bearer {token}".encode()


@pytest.mark.spec("oidcc-client-test")
async def test_a_code_that_the_provider_does_not_know_signs_nobody_in() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    location = await browser.start(party)
    query = world.provider.authorize(location)
    world.provider.codes.clear()
    step = await browser.ask(party, f"{ORIGIN}/cognito?{query}")

    assert_nobody(world, browser, step, detail="the provider said 'invalid_grant'")


@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [
        pytest.param(
            "invalid-iss",
            "invalid issuer (https://idp.example/pool1) was specified for id token,"
            " https://idp.example/pool was expected",
            marks=pytest.mark.spec("oidcc-client-test-invalid-iss"),
        ),
        pytest.param(
            "missing-sub",
            "invalid sub claim (missing or not a text) was specified for id token",
            marks=pytest.mark.spec("oidcc-client-test-missing-sub"),
        ),
        pytest.param(
            "invalid-aud",
            "invalid aud claim (does not contain the client id)",
            marks=pytest.mark.spec("oidcc-client-test-invalid-aud"),
        ),
        pytest.param(
            "missing-aud",
            "invalid aud claim (does not contain the client id)",
            marks=pytest.mark.spec("oidcc-client-test-missing-aud"),
        ),
        pytest.param(
            "missing-iat",
            "invalid iat claim (missing) was specified for id token",
            marks=pytest.mark.spec("oidcc-client-test-missing-iat"),
        ),
        pytest.param(
            "nonce-invalid",
            "invalid nonce claim (is not the one we sent)",
            marks=pytest.mark.spec("oidcc-client-test-nonce-invalid"),
        ),
        pytest.param(
            "nonce-missing",
            "invalid nonce claim (is not the one we sent)",
            marks=pytest.mark.spec("oidcc-client-test-nonce-invalid"),
        ),
        pytest.param(
            "invalid-sig-rs256",
            "invalid signature",
            marks=pytest.mark.spec("oidcc-client-test-invalid-sig-rs256"),
        ),
        pytest.param(
            "stranger-under-our-kid",
            "invalid signature",
            marks=pytest.mark.spec("oidcc-client-test-invalid-sig-rs256"),
        ),
    ],
)
async def test_an_id_token_with_one_fault_signs_nobody_in_and_without_it_somebody(
    behaviour: str, detail: str
) -> None:
    world, party = Suite(behaviour), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(world, browser, step, detail=detail)
    assert len(world.provider.asked("/token")) == 1
    await assert_signs_in(world, browser, party)


@pytest.mark.spec("oidcc-client-test-idtoken-sig-rs256")
async def test_an_id_token_signed_with_rs256_signs_in() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    await assert_signs_in(world, browser, party)

    header = parse_header(world.provider.last_id_token)
    assert (header.alg, header.kid) == ("RS256", "rsa")


@pytest.mark.spec("T-J2")
@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [
        ("sig-none", "a compact JWS has three segments"),
        ("sig-none-with-signature", "algorithm 'none' is not allowed"),
    ],
)
async def test_an_unsigned_id_token_signs_nobody_in_though_it_came_over_tls(
    behaviour: str, detail: str
) -> None:
    world, party = Suite(behaviour), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(world, browser, step, detail=detail)
    await assert_signs_in(world, browser, party)


@pytest.mark.spec("oidcc-client-test-invalid-sig-es256")
async def test_a_broken_es256_signature_signs_nobody_in_and_a_whole_one_somebody() -> (
    None
):
    world, party = Suite("invalid-sig-es256"), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(world, browser, step, detail="invalid signature")
    await assert_signs_in(world, browser, party, "sig-es256")


@pytest.mark.spec("oidcc-client-test-invalid-sig-hs256")
@pytest.mark.parametrize(
    "behaviour", ["invalid-sig-hs256", "sig-hs256-with-public-key", "sig-hs256"]
)
async def test_hs256_signs_nobody_in_whoever_knows_the_secret(behaviour: str) -> None:
    world = Suite(behaviour)
    world.provider.client_secret = SECRET
    party = build_party(client_secret=[SECRET])
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(world, browser, step, detail="algorithm 'HS256' is not allowed")
    await assert_signs_in(world, browser, party)


@pytest.mark.spec("oidcc-client-test-kid-absent-single-jwks")
async def test_without_kid_the_only_key_decides() -> None:
    world, party = Suite("kid-absent-single-jwks-stranger"), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(world, browser, step, detail="invalid signature")
    await assert_signs_in(world, browser, party, "kid-absent-single-jwks")


@pytest.mark.spec("oidcc-client-test-kid-absent-multiple-jwks")
async def test_without_kid_every_key_is_tried_and_one_must_fit() -> None:
    world, party = Suite("kid-absent-multiple-jwks-stranger"), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(world, browser, step, detail="invalid signature")
    await assert_signs_in(world, browser, party, "kid-absent-multiple-jwks")


@pytest.mark.spec("oidcc-client-test-client-secret-basic")
async def test_the_client_shows_its_secret_form_encoded_in_the_header_only() -> None:
    world = Suite()
    world.provider.client_secret = SECRET
    party = build_party(client_secret=[SECRET], client_auth=["client_secret_basic"])
    browser = world.browser()
    await assert_signs_in(world, browser, party)
    (exchange,) = world.provider.asked("/token")
    value = dict(exchange.fields)["Authorization"].removeprefix("Basic ")

    assert base64.b64decode(value) == b"client-1:s%3Ae+cr%25t%26%2B%3D%C3%BC"
    assert b"secret" not in exchange.body
    assert b"client_id" not in exchange.body


@pytest.mark.spec("oidcc-client-test-client-secret-basic")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_client_that_the_provider_does_not_know_signs_nobody_in(
    method: str,
) -> None:
    world = Suite()
    world.provider.client_secret = SECRET
    secret = SECRET if method == "client_secret_post" else "another secret"
    party = build_party(client_secret=[secret], client_auth=[method])
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(world, browser, step, detail="the provider said 'invalid_client'")
    assert secret not in f"{world.log.text} {step!r}"
