"""Modules of the Config plan: where the provider is, its keys, and new keys."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.ports.fetch import FetchLimits
from tests.spec.conformance.provider import (
    OLD_RSA,
    Suite,
    assert_nobody,
    assert_signs_in,
    attempt,
)
from tests.support.browser import build_party, refused
from tests.support.provider import ISSUER
from tests.unit.jose.jose_kit import RSA

ELSEWHERE = {
    "authorization_endpoint": "https://idp.example/a/b?tenant=1",
    "token_endpoint": "https://tokens.example/t",
    "jwks_uri": "https://keys.example/k",
}
OLD_KEYS: dict[str, Any] = {"key": OLD_RSA, "published": (OLD_RSA.public_jwk(),)}
NEW_KEYS: dict[str, Any] = {
    "key": RSA,
    "published": (RSA.public_jwk(), OLD_RSA.public_jwk()),
}


@pytest.mark.spec("oidcc-client-test-discovery-openid-config")
async def test_every_endpoint_is_the_one_the_metadata_names() -> None:
    world, party = Suite(metadata=ELSEWHERE), build_party()
    browser = world.browser()
    location = await browser.start(party)
    query = world.provider.authorize(location)
    step = await browser.ask(party, f"https://gw.example/cognito?{query}")

    assert getattr(step, "status", 0) == 303
    assert location.startswith("https://idp.example/a/b?tenant=1&response_type=code&")
    assert [(r.method, r.url) for r in world.provider.requests] == [
        ("GET", f"{ISSUER}/.well-known/openid-configuration"),
        ("GET", "https://keys.example/k"),
        ("POST", "https://tokens.example/t"),
    ]


@pytest.mark.spec("oidcc-client-test-discovery-openid-config")
@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (404, b"{}", "the discovery document answered with status 404"),
        (302, b"{}", "the discovery document answered with status 302"),
        (200, b"<html>", "the discovery document is not JSON"),
        (200, b'{"issuer":"a","issuer":"b"}', "has the same name twice"),
    ],
)
async def test_a_discovery_document_that_is_none_sends_nobody_anywhere(
    status: int, body: bytes, detail: str
) -> None:
    world, party = Suite(), build_party()
    friendly = world.provider.send

    async def send(request: OutgoingRequest, limits: FetchLimits) -> IncomingReply:
        await friendly(request, limits)
        return IncomingReply(status=status, fields={}, body=body)

    world.provider.send = send  # type: ignore[method-assign] # one odd reply
    browser = world.browser()
    step = await browser.visit(party)

    assert_nobody(
        world, browser, step, detail=detail, status=500, code="provider_unreachable"
    )
    world.provider.send = friendly  # type: ignore[method-assign] # as it was
    world.clock.move(5)
    await assert_signs_in(world, browser, party)


@pytest.mark.spec("oidcc-client-test-discovery-jwks-uri-keys")
async def test_the_keys_of_jwks_uri_decide_who_is_believed() -> None:
    world, party = Suite("key-not-published"), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(world, browser, step, detail="suitable jwk was not found")
    world.clock.move(31)
    await assert_signs_in(world, browser, party)
    assert {r.url for r in world.provider.asked("/jwks")} == {f"{ISSUER}/jwks"}


@pytest.mark.spec("oidcc-client-test-discovery-issuer-mismatch")
@pytest.mark.parametrize(
    "issuer",
    [
        f"{ISSUER}1",
        ISSUER.upper(),
        ISSUER.replace("https:", "http:"),
        f"{ISSUER}//",
        f"{ISSUER}?",
        "https://evil.example/pool",
        "",
        None,
        [ISSUER],
    ],
)
async def test_metadata_that_names_another_issuer_sends_nobody_anywhere(
    issuer: Any,
) -> None:
    world, party = Suite(metadata={"issuer": issuer}), build_party()
    browser = world.browser()
    step = refused(await browser.visit(party))

    detail = f"the discovery document says issuer {issuer!r}, configured is {ISSUER!r}"
    assert_nobody(
        world, browser, step, detail=detail, status=500, code="provider_unreachable"
    )
    assert browser.cookies == {}
    assert world.provider.asked("/jwks") == []
    world.clock.move(5)
    await assert_signs_in(world, browser, party)


@pytest.mark.spec("oidcc-client-test-signing-key-rotation")
async def test_a_key_that_changes_between_two_sign_ins_is_fetched() -> None:
    world, party = Suite(**OLD_KEYS), build_party()
    first, second = world.browser(), world.browser()
    step = await attempt(world, first, party)
    world.provider.behave("friendly", **NEW_KEYS)
    again = await attempt(world, second, party)

    assert [getattr(s, "status", 0) for s in (step, again)] == [303, 303]
    assert len(world.provider.asked("/jwks")) == 2


@pytest.mark.spec("oidcc-client-test-signing-key-rotation-just-before-signing")
async def test_a_key_that_changes_just_before_it_signs_is_fetched() -> None:
    world, party = Suite(**OLD_KEYS), build_party()
    browser = world.browser()
    location = await browser.start(party)
    assert len(world.provider.asked("/jwks")) == 1
    world.provider.behave("friendly", **NEW_KEYS)
    query = world.provider.authorize(location)
    step = await browser.ask(party, f"https://gw.example/cognito?{query}")

    assert getattr(step, "status", 0) == 303
    assert len(world.provider.asked("/jwks")) == 2


@pytest.mark.spec("oidcc-client-test-signing-key-rotation")
@pytest.mark.spec("oidcc-client-test-signing-key-rotation-just-before-signing")
async def test_a_new_key_that_is_not_published_signs_nobody_in() -> None:
    world, party = Suite(**OLD_KEYS), build_party()
    browser = world.browser()
    location = await browser.start(party)
    world.provider.behave("friendly", published=OLD_KEYS["published"])
    query = world.provider.authorize(location)
    step = await browser.ask(party, f"https://gw.example/cognito?{query}")

    assert_nobody(world, browser, step, detail="suitable jwk was not found")
    assert len(world.provider.asked("/jwks")) == 2


@pytest.mark.spec("oidcc-client-test-signing-key-rotation")
async def test_a_key_that_was_withdrawn_signs_nobody_in() -> None:
    world, party = Suite(**OLD_KEYS), build_party()
    browser = world.browser()
    assert getattr(await attempt(world, browser, party), "status", 0) == 303
    world.provider.behave("friendly", published=(RSA.public_jwk(),))
    other = world.browser()
    await assert_signs_in(world, other, party)
    world.provider.behave("friendly", key=OLD_RSA, published=(RSA.public_jwk(),))
    third = world.browser()
    step = await attempt(world, third, party)

    assert_nobody(world, third, step, detail="suitable jwk was not found")
