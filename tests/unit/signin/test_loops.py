"""The loop detector: signing in again and again ends in a page that names the cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ostiary.http.head import find_all
from ostiary.plugins.openid_connect.texts import PAGES
from ostiary.sessions.keys import KeyRing, RingKey
from ostiary.signin.authenticate import Signin
from ostiary.signin.flow import CAUSES, OTHER_CAUSE
from ostiary.signin.party import Party
from ostiary.signin.refusals import LOOPS
from ostiary.signin.values import Refused, SendAway, Step
from tests.support.browser import (
    ORIGIN,
    RING,
    Browser,
    FakeStores,
    World,
    allowed,
    build_party,
    refused,
)
from tests.support.parties import LOGOUT, PAGE, XHR
from tests.support.ports import FakeClock

MOST = 12


@dataclass
class Walk:
    """A browser that follows redirects; `at_page` is who answers at the page that was asked for."""

    world: World
    party: Party
    browser: Browser
    at_page: Signin
    before_page: Callable[[], object] = lambda: None

    async def run(self) -> Step:
        """Where it ends: the first answer that is no redirect."""
        url = PAGE
        for _ in range(MOST):
            is_page = url == PAGE
            if is_page:
                self.before_page()
            worker = self.at_page if is_page else None
            step = await self.browser.ask(self.party, url, worker=worker)
            if not isinstance(step, SendAway):
                return step
            url = step.location
            if step.why == "login":
                url = f"{ORIGIN}/cognito?{self.world.provider.authorize(url)}"
        raise AssertionError("it goes on for ever")


def walk(world: World, **config: Any) -> Walk:
    party = build_party(**config)
    return Walk(world, party, world.browser(), world.signin)


def over_at_once(world: World) -> Walk:
    world.provider.gives_refresh = False
    world.provider.access_edits = {"exp": int(world.clock.now()) - 10}
    return walk(world)


def over_and_kept(world: World) -> Walk:
    """The cookies of a refused session stay where the configuration says so."""
    over_at_once(world)
    return walk(world, unauthorized_destroy_session=False)


def never_refreshed(world: World) -> Walk:
    world.provider.access_edits = {"exp": int(world.clock.now()) - 10}

    def reply(form: dict[str, str]) -> Any:
        if form["grant_type"] == "refresh_token":
            return world.provider.json(400, {"error": "invalid_grant"})
        return world.provider.token(form)

    world.provider.token_reply = reply
    return walk(world)


def too_short(world: World) -> Walk:
    made = walk(world, session_rolling_timeout=1)
    made.before_page = lambda: world.clock.move(2)
    return made


def other_keys(world: World) -> Walk:
    """The page's server cannot read what the callback's makes; flows they share."""
    other = RingKey(b"bbbb", b"t" * 32)
    world.ring = KeyRing((*RING.keys, other))
    world.signin = world.worker()
    made = walk(world)
    world.ring = KeyRing((other,))
    made.at_page = world.worker()
    return made


def other_store(world: World) -> Walk:
    made = walk(world, session_storage="redis")
    world.stores = FakeStores(FakeClock())
    made.at_page = world.worker()
    return made


def from_the_future(world: World) -> Walk:
    """The page's server has another clock than the callback's."""
    made = walk(world)
    here, world.clock = world.clock, FakeClock()
    world.clock.move(-400)
    made.at_page = world.worker()
    world.clock = here
    return made


@pytest.mark.parametrize(
    ("fault", "code", "detail"),
    [
        (over_at_once, "loop_token_over", "access tokens that have ended already"),
        (over_and_kept, "loop_token_over", "access tokens that have ended already"),
        (never_refreshed, "loop_refresh_refused", "does not renew the access"),
        (too_short, "loop_timed_out", "run out of time"),
        (other_keys, "loop_unreadable", "another key"),
        (other_store, "loop_not_stored", "where sessions are stored"),
        (from_the_future, "loop_refused", "refused at once"),
    ],
)
@pytest.mark.usefixtures("nobody_else_refreshes")
async def test_the_page_the_log_and_the_story_name_the_cause(
    fault: Callable[[World], Walk], code: str, detail: str
) -> None:
    world = World()

    step = refused(await fault(world).run())

    assert (step.status, step.code, step.login_url) == (400, code, PAGE)
    assert detail in step.message
    assert step.detail.startswith("3 sign-ins within 20 s: ")
    assert detail in step.detail
    assert (world.stories[-1]["code"], world.stories[-1]["why"]) == (code, step.detail)
    assert code in PAGES


async def test_blocked_cookies_are_still_named_as_such() -> None:
    """Even after a session that came back was refused for another reason."""
    world = World()
    made = over_at_once(world)

    visits = 0

    def lose() -> None:
        nonlocal visits
        visits += 1
        if visits > 2:
            made.browser.cookies.pop(made.party.secure.session)
            assert made.browser.cookies[f"{made.party.secure.flow}-why"] == "token_over"

    made.before_page = lose
    step = refused(await made.run())

    assert step.code == "loop_detected"
    assert step.message == "This browser does not keep the session cookie"
    assert step.detail == "3 sign-ins within 20 s left no session cookie"


@pytest.mark.parametrize(
    "planted", ["", "<script>", "loop_ended", "token_over x", "x" * 9999]
)
async def test_only_known_words_are_read_from_the_cookie(planted: str) -> None:
    world = World()
    made = over_at_once(world)
    names = made.party.secure
    made.before_page = lambda: made.browser.cookies.update(
        {f"{names.flow}-why": planted}
        if f"{names.flow}-why" in made.browser.cookies
        else {}
    )

    step = refused(await made.run())

    assert step.code == "loop_detected"
    assert "script" not in f"{step.message}{step.detail}"


async def test_the_page_begins_anew_and_so_does_logging_out() -> None:
    world = World()
    made = over_at_once(world)
    made.party = build_party(**LOGOUT)

    refused(await made.run())
    assert [
        name for name in made.browser.cookies if "-seen" in name or "-why" in name
    ] == []

    location = await made.browser.start(made.party)
    answer = world.provider.authorize(location)
    await made.browser.ask(made.party, f"{ORIGIN}/cognito?{answer}")
    await made.browser.ask(made.party, PAGE)
    assert any(name.endswith("-why") for name in made.browser.cookies)
    await made.browser.ask(made.party, f"{PAGE}?logout=1")
    assert [
        name for name in made.browser.cookies if "-seen" in name or "-why" in name
    ] == []


async def test_a_session_that_ends_long_after_its_sign_in_leaves_no_note() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    await browser.sign_in(party)
    browser.cookies = {k: v for k, v in browser.cookies.items() if "seen" not in k}
    world.clock.move(86400)

    step = refused(await browser.visit(party, fields=XHR))

    assert step.code == "session_expired"
    assert [v for v in find_all(step.fields, b"set-cookie") if b"-why" in v] == []


async def test_sessions_that_hold_make_no_loop() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    for _ in range(3):
        await browser.sign_in(party)
        assert allowed(await browser.visit(party)).method == "session"
        browser.cookies.pop(party.secure.session)
    await world.browser().sign_in(party)

    assert isinstance(await browser.visit(party), Refused)  # it lost three of them


def test_every_cause_has_its_words() -> None:
    words = {*CAUSES.values(), OTHER_CAUSE}

    assert set(LOOPS) == words
    assert {code for code in PAGES if code.startswith("loop_")} == {
        "loop_detected",
        *(f"loop_{word}" for word in words),
    }
    assert len({PAGES[f"loop_{word}"] for word in words}) == len(words)
