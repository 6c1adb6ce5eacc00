"""PKCE on both sides: what the relying party sends, and what the provider asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.oidc.op import token
from ostiary.oidc.op.client import Client
from ostiary.oidc.op.errors import TokenRefused
from ostiary.oidc.pkce import build_challenge
from tests.spec.conformance.provider import (
    CALLBACK,
    Suite,
    assert_nobody,
    assert_signs_in,
)
from tests.support.browser import build_party

CLIENT = Client(id="c", flows=frozenset({"code"}))
VERIFIER = "v" * 43
EXCHANGE = token.CodeExchange(
    code="k", redirect_uri="https://a/cb", code_verifier=VERIFIER
)
ISSUED = token.IssuedCode(
    client_id="c",
    redirect_uri="https://a/cb",
    code_challenge=build_challenge(VERIFIER),
    expires_at=100,
    first=True,
)


@pytest.mark.spec("T-C11")
@pytest.mark.parametrize(
    ("challenge", "verifier"),
    [
        (build_challenge(VERIFIER), None),
        (build_challenge(VERIFIER), ""),
        (build_challenge(VERIFIER), "w" * 43),
        (build_challenge(VERIFIER), build_challenge(VERIFIER)),
        (None, VERIFIER),
        (None, ""),
    ],
)
def test_a_code_and_its_verifier_belong_together(
    challenge: str | None, verifier: str | None
) -> None:
    token.check_code(ISSUED, EXCHANGE, CLIENT, now=99)
    unproved = replace(ISSUED, code_challenge=None)
    token.check_code(unproved, replace(EXCHANGE, code_verifier=None), CLIENT, now=99)
    with pytest.raises(TokenRefused) as caught:
        token.check_code(
            replace(ISSUED, code_challenge=challenge),
            replace(EXCHANGE, code_verifier=verifier),
            CLIENT,
            now=99,
        )

    assert caught.value.code == "invalid_grant"


@pytest.mark.spec("T-C11")
@pytest.mark.parametrize("methods", [None, [], ["plain"], ["plain", "S256"], "plain"])
async def test_whatever_a_provider_offers_only_s256_is_sent(methods: Any) -> None:
    world = Suite(metadata={"code_challenge_methods_supported": methods})
    party = build_party()
    browser = world.browser()
    location = await browser.start(party)
    asked = parse_qs(urlsplit(location).query)
    query = world.provider.authorize(location)
    step = await browser.ask(party, f"{CALLBACK}?{query}")
    (exchange,) = world.provider.asked("/token")
    (verifier,) = parse_qs(exchange.body.decode())["code_verifier"]

    assert getattr(step, "status", 0) == 303
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["code_challenge"] == [build_challenge(verifier)]
    assert verifier not in location


@pytest.mark.spec("T-C11")
async def test_a_provider_that_got_another_challenge_gives_no_tokens() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    query = world.provider.authorize(await browser.start(party))
    (asked,) = world.provider.codes.values()
    asked["code_challenge"] = build_challenge("x" * 43)
    step = await browser.ask(party, f"{CALLBACK}?{query}")

    assert_nobody(world, browser, step, detail="the provider said 'invalid_grant'")
    await assert_signs_in(world, browser, party)
