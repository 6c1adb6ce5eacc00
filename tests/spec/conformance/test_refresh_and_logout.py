"""Modules of the refresh and the logout plan, and what happens when both meet."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.head import find
from ostiary.jose.keys import parse_jwks
from ostiary.oidc.rp.verify import Rules, verify_id_token
from ostiary.ports.fetch import FetchLimits
from ostiary.signin.party import Party
from ostiary.signin.values import Allowed, SendAway
from tests.spec.conformance.provider import (
    FORGED,
    NOW,
    Suite,
    assert_signs_in,
    session_cookies,
    worker_with,
)
from tests.support.browser import Browser, allowed, build_party
from tests.support.parties import LASTING, LOGOUT, PAGE
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.jose.jose_kit import RSA

BYE = "https://app.example/bye"


async def expired(world: Suite, party: Party) -> Browser:
    """A browser whose session is good and whose access token has just ended."""
    browser = world.browser()
    await assert_signs_in(world, browser, party)
    world.clock.move(3600)
    return browser


@pytest.mark.spec("oidcc-client-test-refresh-token")
async def test_a_refresh_token_brings_new_tokens_for_the_same_client() -> None:
    world, party = Suite(), build_party(**LASTING)
    browser = await expired(world, party)
    world.provider.access_edits = {"jti": "second"}
    answer = allowed(await browser.visit(party))
    form = parse_qs(world.provider.asked("/token")[-1].body.decode())

    assert form == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["refresh-0"],
        "client_id": [CLIENT_ID],
    }
    assert answer.session is not None
    assert answer.session.refresh_token == "refresh-1"
    assert answer.session.id_token == world.provider.last_id_token
    token = answer.session.access_token
    assert find(answer.upstream_fields, b"authorization") == f"Bearer {token}".encode()


@pytest.mark.parametrize(
    ("claims", "detail"),
    [
        pytest.param(
            {"iss": FORGED["issuer"]},
            "invalid issuer (https://idp.example/pool1) was specified for id token",
            marks=pytest.mark.spec("oidcc-client-test-refresh-token-invalid-issuer"),
        ),
        pytest.param(
            {"sub": "eve"},
            "the refreshed id token has another sub claim",
            marks=pytest.mark.spec("oidcc-client-test-refresh-token-invalid-sub"),
        ),
        pytest.param(
            {"sub": None},
            "invalid sub claim (missing or not a text)",
            marks=pytest.mark.spec("oidcc-client-test-refresh-token-invalid-sub"),
        ),
        pytest.param(
            {"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID},
            "the refreshed id token has another aud claim",
            marks=pytest.mark.spec("T-J12"),
        ),
        pytest.param(
            {"exp": NOW},
            "invalid exp claim",
            marks=pytest.mark.spec("T-J12"),
        ),
        pytest.param(
            {"iat": NOW + 7200},
            "invalid iat claim",
            marks=pytest.mark.spec("T-J12"),
        ),
        pytest.param(
            {"at_hash": "wrong"},
            "invalid at_hash claim",
            marks=pytest.mark.spec("T-J12"),
        ),
    ],
)
async def test_a_refreshed_id_token_with_one_fault_ends_the_session(
    claims: dict[str, Any], detail: str
) -> None:
    world, party = Suite(), build_party(**LASTING)
    browser = await expired(world, party)
    world.provider.behave("friendly", claims=claims)
    step = await browser.visit(party)

    assert isinstance(step, SendAway)
    assert step.why == "login"
    assert session_cookies(browser) == []
    assert f"error the refreshed tokens were refused: {detail}" in world.log.text
    await assert_signs_in(world, browser, party)


@pytest.mark.spec("oidcc-client-test-refresh-token")
async def test_a_refreshed_id_token_with_a_broken_signature_lets_nobody_through() -> (
    None
):
    world, party = Suite(), build_party(**LASTING)
    browser = await expired(world, party)
    world.provider.behave("invalid-sig-rs256")
    step = await browser.visit(party)

    assert (getattr(step, "status", 0), getattr(step, "code", "")) == (
        500,
        "provider_unreachable",
    )
    assert "the refresh failed: invalid signature" in getattr(step, "detail", "")
    world.provider.behave("friendly")
    allowed(await browser.visit(party))


@pytest.mark.spec("oidcc-client-test-rp-init-logout")
async def test_logging_out_shows_the_provider_whose_session_ends() -> None:
    world = Suite()
    party = build_party(**LOGOUT, logout_redirect_uri=[BYE])
    browser = world.browser()
    await assert_signs_in(world, browser, party)
    kept = dict(browser.cookies)
    step = await browser.ask(party, f"{PAGE}?logout=1")

    assert isinstance(step, SendAway)
    assert step.location.startswith(f"{ISSUER}/end?")
    asked = parse_qs(urlsplit(step.location).query, strict_parsing=True)
    assert asked == {
        "id_token_hint": [world.provider.last_id_token],
        "post_logout_redirect_uri": [BYE],
        "client_id": [CLIENT_ID],
    }
    verify_id_token(
        asked["id_token_hint"][0],
        parse_jwks({"keys": [RSA.public_jwk()]}),
        Rules(issuers=(ISSUER,), client_ids=(CLIENT_ID,)),
        client_id=CLIENT_ID,
        nonce=None,
        access_token=None,
        now=world.clock.now(),
    )
    browser.cookies = kept
    assert isinstance(await browser.visit(party), SendAway)


@pytest.mark.spec("oidcc-client-test-rp-init-logout")
@pytest.mark.parametrize("query", ["", "?state=", "?state=made-up", "?state=a&state=b"])
async def test_whatever_the_provider_brings_back_after_a_logout_changes_nothing(
    query: str,
) -> None:
    world = Suite()
    party = build_party(**LOGOUT, logout_redirect_uri=[PAGE])
    browser = world.browser()
    await assert_signs_in(world, browser, party)
    await browser.ask(party, f"{PAGE}?logout=1")
    step = await browser.ask(party, f"{PAGE}{query}")

    assert isinstance(step, SendAway)
    assert step.location.startswith(f"{ISSUER}/authorize?")
    assert session_cookies(browser) == []
    await assert_signs_in(world, browser, party)


class Slow:
    """A provider whose refresh waits until it is let go."""

    def __init__(self, world: Suite) -> None:
        self.inner = world.provider
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        if b"refresh_token" in request.body:
            self.asked.set()
            await self.go.wait()
        return await self.inner.send(request, limits)


@pytest.mark.spec("ostiary-client-test-logout-during-refresh")
@pytest.mark.parametrize("logs_out", [True, False])
async def test_a_session_that_ends_while_it_is_refreshed_does_not_come_back(
    logs_out: bool,
) -> None:
    world, party = Suite(), build_party(**LASTING, **LOGOUT)
    browser = await expired(world, party)
    slow = Slow(world)
    worker = worker_with(world, slow)
    request = browser.request(PAGE)
    running = asyncio.create_task(worker.authenticate(request, party))
    await slow.asked.wait()
    if logs_out:
        await browser.ask(party, f"{PAGE}?logout=1")
    slow.go.set()
    browser.keep(await running)
    after = [
        await browser.ask(party, PAGE, worker=w)
        for w in (worker, world.signin, world.worker())
    ]

    assert world.provider.refreshes == 1
    assert [isinstance(step, Allowed) for step in after] == [not logs_out] * 3
    assert bool(session_cookies(browser)) is not logs_out
