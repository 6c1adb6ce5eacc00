"""Sessions that end while a request of theirs is being judged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.ports.fetch import FetchLimits
from ostiary.signin.values import Allowed, SendAway, Step
from tests.support.browser import Browser, World, allowed, build_party, refused
from tests.support.parties import LASTING, LOGOUT, PAGE, XHR, signed_in
from tests.unit.signin.test_backchannel import logged_in, logout_token, order
from tests.unit.signin.test_backchannel import party_that_hears as hearing

Act = Callable[[], Awaitable[object]]
SHOWN: dict[str, Any] = {
    "upstream_user_info_header": "x-user-info",
    "cache_user_info": False,
}


def meanwhile(
    world: World, patch: pytest.MonkeyPatch, path: str, act: Act
) -> list[object]:
    """Do something while the provider's next answer from a path is on its way."""
    real = world.provider.send
    done: list[object] = []

    async def send(request: OutgoingRequest, limits: FetchLimits) -> IncomingReply:
        reply = await real(request, limits)
        if request.url.endswith(path) and not done:
            done.append(None)
            done[0] = await act()
        return reply

    patch.setattr(world.provider, "send", send)
    return done


def log_out(world: World, browser: Browser, *, elsewhere: bool) -> Act:
    """The same person's other tab, on this worker or another, logs out."""
    tab = world.browser()
    tab.cookies = dict(browser.cookies)
    worker = world.worker() if elsewhere else None

    async def act() -> Step:
        return await tab.ask(
            build_party(**LASTING, **LOGOUT, **SHOWN), f"{PAGE}?logout=1", worker=worker
        )

    return act


@pytest.mark.spec("D14")
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_who_logs_out_during_a_refresh_is_out(
    monkeypatch: pytest.MonkeyPatch, *, elsewhere: bool
) -> None:
    world, party = World(), build_party(**LASTING, **LOGOUT)
    browser = await signed_in(world, party)
    kept = dict(browser.cookies)
    world.clock.move(3601)
    act = log_out(world, browser, elsewhere=elsewhere)
    done = meanwhile(world, monkeypatch, "/token", act)

    step = refused(await browser.visit(party, fields=XHR))

    assert isinstance(done[0], SendAway)
    assert (step.status, step.code) == (401, "session_expired")
    browser.cookies = kept
    assert not isinstance(await browser.visit(party), Allowed)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_who_logs_out_during_the_last_question_is_out(
    monkeypatch: pytest.MonkeyPatch, *, elsewhere: bool
) -> None:
    world = World()
    party = build_party(**LASTING, **LOGOUT, **SHOWN)
    world.provider.replies["userinfo"] = world.provider.json(200, {"sub": "ada"})
    browser = await signed_in(world, party)
    act = log_out(world, browser, elsewhere=elsewhere)
    done = meanwhile(world, monkeypatch, "/userinfo", act)

    step = refused(await browser.visit(party, worker=world.worker()))

    assert done
    assert (step.status, step.detail) == (401, "session was ended")


@pytest.mark.spec("D14")
async def test_an_order_during_a_refresh_ends_the_persons_session_and_nobody_elses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, party = World(), hearing(**LASTING)
    ada = await logged_in(world, party)
    world.clock.move(3601)
    world.provider.id_edits = {}

    async def order_out(sub: str) -> Step:
        token = logout_token(world, sid=None, sub=sub, jti=sub)
        return await order(world, party, f"logout_token={token}")

    meanwhile(world, monkeypatch, "/token", lambda: order_out("eve"))
    assert allowed(await ada.visit(party)).method == "session"
    world.clock.move(3601)
    meanwhile(world, monkeypatch, "/token", lambda: order_out("ada"))

    assert not isinstance(await ada.visit(party), Allowed)
