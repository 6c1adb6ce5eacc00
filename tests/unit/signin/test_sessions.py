"""Sessions over time: clocks, cookies, keys, refresh."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ostiary.http.exchange import IncomingReply
from ostiary.http.head import find_all
from ostiary.jose.jwt import sign_jwt
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.keys import KeyRing, RingKey
from ostiary.signin.party import SHOWN_CHARS
from ostiary.signin.values import Allowed, SendAway
from tests.support.browser import (
    ORIGIN,
    RING,
    World,
    allowed,
    build_party,
    refused,
)
from tests.support.parties import LASTING, PAGE, signed_in
from tests.support.provider import KEY


@pytest.mark.parametrize(("idle", "ok"), [(899, True), (900, False)])
async def test_a_session_ends_when_nobody_uses_it(idle: float, ok: bool) -> None:
    world, party = World(), build_party()
    world.provider.lifetime = 86400
    browser = await signed_in(world, party)
    world.clock.move(idle)

    assert isinstance(await browser.visit(party), Allowed) is ok


async def test_a_used_session_rolls_on_until_its_absolute_end() -> None:
    world, party = World(), build_party(session_absolute_timeout=10_000)
    world.provider.lifetime = 86400
    browser = await signed_in(world, party)
    for _ in range(16):
        world.clock.move(600)
        allowed(await browser.visit(party))
    world.clock.move(600)

    assert isinstance(await browser.visit(party), SendAway)


@pytest.mark.spec("T-K6")
async def test_a_changed_cookie_is_no_session_and_is_removed() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    name = next(n for n in browser.cookies if "session" in n)
    text = browser.cookies[name]
    browser.cookies[name] = text[:40] + ("A" if text[40] != "A" else "B") + text[41:]
    step = await browser.visit(party)

    assert isinstance(step, SendAway)
    assert name not in browser.cookies


@pytest.mark.spec("T-K4")
async def test_a_session_of_another_plugin_is_no_session() -> None:
    world, party, other = World(), build_party(), build_party("row-2")
    browser = await signed_in(world, party)
    value = browser.cookies[f"__Host-session-{party.instance[:SHOWN_CHARS]}"]
    browser.cookies = {f"__Host-session-{other.instance[:SHOWN_CHARS]}": value}

    assert isinstance(await browser.visit(other), SendAway)


async def test_an_explicit_secret_shares_a_session_as_kong_does() -> None:
    shared: dict[str, Any] = {
        "session_secret": "a shared secret",
        "session_cookie_name": "session",
    }
    world, party, other = World(), build_party(**shared), build_party("row-2", **shared)
    browser = await signed_in(world, party)

    allowed(await browser.visit(other))


@pytest.mark.spec("T-K8")
async def test_a_planted_second_cookie_does_not_shadow_the_session() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    name = f"__Host-session-{party.instance[:SHOWN_CHARS]}"
    planted = ((b"Cookie", f"{name}=1AAAA".encode()),)

    allowed(await browser.visit(party, fields=planted))


@pytest.mark.spec("D17")
async def test_rotating_the_key_keeps_people_in() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    world.ring = KeyRing((RingKey(b"bbbb", b"t" * 32), *RING.keys))

    allowed(await browser.visit(party, worker=world.worker()))


async def test_a_key_that_left_the_ring_opens_nothing() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    world.ring = KeyRing((RingKey(b"bbbb", b"t" * 32),))

    assert isinstance(await browser.visit(party, worker=world.worker()), SendAway)


async def test_large_tokens_travel_in_several_cookies() -> None:
    world, party = World(), build_party()
    world.provider.access_edits = {
        "groups": [f"{n * 7919 % 99991:x}" * 4 for n in range(300)]
    }
    browser = await signed_in(world, party)

    assert sum("session" in n for n in browser.cookies) >= 2
    allowed(await browser.visit(party))


async def test_a_missing_chunk_is_no_session() -> None:
    world, party = World(), build_party()
    world.provider.access_edits = {
        "groups": [f"{n * 7919 % 99991:x}" * 4 for n in range(300)]
    }
    browser = await signed_in(world, party)
    del browser.cookies[f"__Host-session-{party.instance[:SHOWN_CHARS]}2"]

    assert isinstance(await browser.visit(party), SendAway)


async def test_tokens_that_fit_nowhere_are_said_at_login() -> None:
    world, party = World(), build_party()
    huge = sign_jwt({"x": [f"{n * 2654435761 % 2**32:x}" for n in range(9000)]}, KEY)
    original = world.provider.grant

    def grant(nonce: str, more: dict[str, Any]) -> IncomingReply:
        reply = original(nonce, more)
        return IncomingReply(
            status=200,
            fields={},
            body=reply.body[:-1] + f', "refresh_token": "{huge}"}}'.encode(),
        )

    world.provider.gives_refresh = False
    world.provider.token_reply = lambda form: grant(
        world.provider.codes.pop(form["code"])["nonce"], {}
    )
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))

    assert (
        refused(await browser.ask(party, f"{ORIGIN}/cognito?{answer}")).code
        == "session_too_large"
    )


@pytest.mark.spec("RFC6749#6")
async def test_an_expired_access_token_is_refreshed_unseen() -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    world.clock.move(3601)
    first = allowed(await browser.visit(party))

    assert world.provider.refreshes == 1
    assert find_all(first.downstream_fields, b"set-cookie")
    allowed(await browser.visit(party))
    assert world.provider.refreshes == 1


async def test_parallel_requests_refresh_once_over_all_workers() -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    world.clock.move(3601)
    workers = [world.signin, world.worker()]
    request = browser.request(PAGE)
    steps = await asyncio.gather(
        *(workers[n % 2].authenticate(request, party) for n in range(10))
    )

    assert all(isinstance(step, Allowed) for step in steps)
    assert world.provider.refreshes == 1


@pytest.mark.usefixtures("nobody_else_refreshes")
async def test_a_refused_refresh_ends_the_session_everywhere() -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    old = dict(browser.cookies)
    world.clock.move(3601)
    world.provider.token_reply = lambda _: world.provider.json(
        400, {"error": "invalid_grant"}
    )

    assert isinstance(await browser.visit(party), SendAway)
    world.provider.token_reply = None
    browser.cookies = old
    assert isinstance(await browser.visit(party, worker=world.worker()), SendAway)
    assert world.provider.refreshes == 0


@pytest.mark.spec("T-J12")
@pytest.mark.parametrize(
    "edit", [{"sub": "eve"}, {"aud": ["client-1", "x"], "azp": "client-1"}]
)
async def test_a_refreshed_id_token_of_somebody_else_is_refused(
    edit: dict[str, Any],
) -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    world.clock.move(3601)
    world.provider.id_edits = edit

    assert isinstance(await browser.visit(party), SendAway)


async def test_without_a_refresh_token_the_session_ends_with_the_access_token() -> None:
    world, party = World(), build_party(**LASTING)
    world.provider.gives_refresh = False
    browser = await signed_in(world, party)
    world.clock.move(3599)
    allowed(await browser.visit(party))
    world.clock.move(1)

    assert isinstance(await browser.visit(party), SendAway)


class Broken:
    """Shared state that is away."""

    def subscribe(self, channel: str, hear: Any) -> None:
        pass

    async def _away(self, *_: Any, **__: Any) -> Any:
        raise SharedUnavailable("away")

    get = set = add = delete = publish = _away


@pytest.mark.spec("D6")
async def test_shared_state_that_is_away_is_503_never_no_session() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    world.shared = Broken()  # type: ignore[assignment] # a port's fake, on purpose
    step = refused(await browser.visit(party, worker=world.worker()))

    assert (step.status, step.retry_after_s) == (503, 5)


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, "too_many_requests"), (401, "invalid_client"), (503, "unavailable")],
)
async def test_a_provider_that_cannot_refresh_now_signs_nobody_out(
    status: int, error: str
) -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    world.clock.move(3601)
    world.provider.token_reply = lambda _: world.provider.json(status, {"error": error})
    step = refused(await browser.visit(party))

    assert (step.status, step.code) == (500, "provider_unreachable")
    assert any("session" in name for name in browser.cookies)
    world.provider.token_reply = None
    allowed(await browser.visit(party))


async def test_an_early_refresh_that_fails_is_not_missed_by_anybody() -> None:
    world, party = World(), build_party(**LASTING, leeway=100)
    browser = await signed_in(world, party)
    world.clock.move(3550)
    world.provider.down = True

    allowed(await browser.visit(party))


async def test_after_a_lost_connection_every_session_is_looked_at_anew() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    await browser.visit(party)
    request = browser.request(PAGE)
    assert world.signin.decide(request, party) is not None
    world.signin.forget_sessions()

    assert world.signin.decide(request, party) is None


async def test_a_shared_secret_does_not_mix_clients() -> None:
    shared: dict[str, Any] = {
        "session_secret": "s3cret",
        "session_cookie_name": "session",
    }
    world, party = World(), build_party(**shared)
    other = build_party("row-2", client_id=["client-2"], **shared)
    browser = await signed_in(world, party)

    assert isinstance(await browser.visit(other), SendAway)


async def test_of_two_ends_the_earlier_counts() -> None:
    world, party = World(), build_party(**LASTING)
    world.provider.access_edits = {"exp": int(world.clock.now()) + 100}
    browser = await signed_in(world, party)
    world.clock.move(99)
    allowed(await browser.visit(party))
    assert world.provider.refreshes == 0
    world.provider.access_edits = {}
    world.clock.move(1)
    allowed(await browser.visit(party))

    assert world.provider.refreshes == 1


async def test_a_person_who_declines_does_not_fill_the_error_log() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    location = await browser.start(party)
    state = location.partition("state=")[2].partition("&")[0]
    await browser.ask(party, f"{ORIGIN}/cognito?error=access_denied&state={state}")

    assert [line for line in world.log.lines if line.startswith("error")] == []


async def test_an_ended_session_says_so_to_what_cannot_be_redirected() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    world.clock.move(900)
    step = refused(await browser.visit(party, method=b"POST"))

    assert (step.status, step.code) == (401, "session_expired")
    assert step.login_url == PAGE
    assert not any("session" in name for name in browser.cookies)
    assert refused(await browser.visit(party, method=b"POST")).code == "unauthorized"
