"""Logging out: here, at the provider, on every worker."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.signin.values import Allowed, ConfirmLogout, Respond, SendAway
from tests.support.browser import (
    ORIGIN,
    World,
    allowed,
    build_party,
)
from tests.support.parties import LASTING, LOGOUT, PAGE, signed_in


@pytest.mark.spec("OIDC-RPInitiated#2")
async def test_logging_out_ends_the_session_here_and_there() -> None:
    world = World()
    party = build_party(**LOGOUT, logout_redirect_uri=["https://app.example/bye"])
    browser = await signed_in(world, party)
    old = dict(browser.cookies)
    step = await browser.ask(party, f"{PAGE}?logout=true")

    assert isinstance(step, SendAway)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(step.location).query).items()}
    assert asked["post_logout_redirect_uri"] == "https://app.example/bye"
    assert asked["client_id"] == "client-1"
    assert "id_token_hint" in asked
    assert browser.cookies == {}
    browser.cookies = old
    assert isinstance(await browser.visit(party), SendAway)
    assert isinstance(await browser.visit(party, worker=world.worker()), SendAway)


@pytest.mark.spec("T-K10")
async def test_an_ended_session_leaves_the_memory_of_every_worker_at_once() -> None:
    world = World()
    party = build_party(**LOGOUT)
    browser = await signed_in(world, party)
    other = world.worker()
    await browser.visit(party, worker=other)
    request = browser.request(PAGE)
    assert other.decide(request, party) is not None
    await browser.ask(party, f"{PAGE}?logout=true")

    assert other.decide(request, party) is None


@pytest.mark.spec("D16")
async def test_cognitos_own_logout_form_is_used_as_written() -> None:
    world = World()
    target = (
        "https://idp.example/pool/end?client_id=client-1&logout_uri=app.example/bye"
    )
    party = build_party(**LOGOUT, logout_redirect_uri=[target])
    browser = await signed_in(world, party)
    step = await browser.ask(party, f"{PAGE}?logout=true")

    assert isinstance(step, SendAway)
    assert parse_qs(urlsplit(step.location).query)["logout_uri"] == [
        "https://app.example/bye"
    ]
    assert "post_logout_redirect_uri" not in step.location
    assert "completed to https://app.example/bye" in world.log.text


@pytest.mark.spec("D15")
async def test_a_logout_from_another_site_asks_first() -> None:
    world = World()
    party = build_party(**LOGOUT)
    browser = await signed_in(world, party)
    foreign = ((b"Sec-Fetch-Site", b"cross-site"),)
    step = await browser.ask(party, f"{PAGE}?logout=true", fields=foreign)

    assert isinstance(step, ConfirmLogout)
    allowed(await browser.visit(party))


@pytest.mark.spec("D15")
async def test_a_prefetched_logout_does_nothing() -> None:
    world = World()
    party = build_party(**LOGOUT)
    browser = await signed_in(world, party)
    prefetch = ((b"Sec-Purpose", b"prefetch"),)

    allowed(await browser.ask(party, f"{PAGE}?logout=true", fields=prefetch))


async def test_logging_out_without_session_still_goes_to_the_provider() -> None:
    world = World()
    party = build_party(**LOGOUT)

    assert isinstance(await world.browser().ask(party, f"{PAGE}?logout=1"), SendAway)


async def test_logging_out_revokes_tokens_when_asked_to() -> None:
    world = World()
    party = build_party(**LOGOUT, logout_revoke=True)
    browser = await signed_in(world, party)
    await browser.ask(party, f"{PAGE}?logout=true")
    hints = [
        parse_qs(r.body.decode())["token_type_hint"][0]
        for r in world.provider.asked("/revoke")
    ]

    assert hints == ["refresh_token", "access_token"]


async def test_logging_out_without_a_place_to_go_says_so() -> None:
    world = World()
    party = build_party(**LOGOUT)
    world.provider.metadata_edits = {"end_session_endpoint": None}
    browser = await signed_in(world, party)

    assert isinstance(await browser.ask(party, f"{PAGE}?logout=true"), Respond)


async def test_logging_out_works_while_the_provider_is_away() -> None:
    world = World()
    party = build_party(
        **LASTING, **LOGOUT, logout_redirect_uri=["https://app.example/bye"]
    )
    browser = await signed_in(world, party)
    old = dict(browser.cookies)
    world.clock.move(3601)
    world.provider.down = True
    step = await browser.ask(party, f"{PAGE}?logout=true")

    assert isinstance(step, SendAway)
    browser.cookies = old
    world.provider.down = False
    assert isinstance(await browser.visit(party), SendAway)


async def test_the_logout_confirmation_leads_back_here_and_nowhere_else() -> None:
    world = World()
    party = build_party(**LOGOUT)
    browser = await signed_in(world, party)
    foreign = ((b"Sec-Fetch-Site", b"cross-site"),)
    step = await browser.ask(
        party, f"{ORIGIN}//evil.example/x?logout=1", fields=foreign
    )

    assert isinstance(step, ConfirmLogout)
    assert step.action == f"{ORIGIN}//evil.example/x?logout=1"


@pytest.mark.spec("D14")
@pytest.mark.parametrize(("look", "is_let_in"), [(1, False), (2, False), (3, True)])
async def test_an_end_heard_while_a_session_is_opened_is_not_forgotten(
    look: int, *, is_let_in: bool
) -> None:
    """Just after the last look it is too late for this request (the front ends its streams)."""
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    request = browser.request(PAGE)
    looks = 0
    inner = world.shared.get

    async def get(key: str) -> bytes | None:
        nonlocal looks
        found = await inner(key)
        if key.startswith("ended:"):
            looks += 1
            if looks == look:
                await world.shared.set(key, b"1", ttl_s=60)
            await world.shared.publish("sessions-ended", key[6:].encode())
        return found

    world.shared.get = get  # type: ignore[method-assign] # the race, made certain
    step = await world.signin.authenticate(request, party)

    assert isinstance(step, Allowed) is is_let_in
    assert world.signin.decide(request, party) is None
