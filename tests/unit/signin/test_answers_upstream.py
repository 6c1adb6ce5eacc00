"""What of a provider's answer the upstream gets where the callback itself goes there (D4)."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.http.head import find_all
from ostiary.signin.party import Party
from ostiary.signin.values import SendAway, Step
from tests.support.browser import Browser, World, allowed, build_party, refused
from tests.unit.signin.test_form_post import CALLBACK, answer
from tests.unit.signin.test_mapping import NOBODY, browser_with

STRIPPED = ("code", "state", "iss", "session_state")
WITHOUT: list[dict[str, Any]] = [
    {"auth_methods": ["authorization_code"]},
    {"disable_session": ["authorization_code"]},
]
PICKY: dict[str, Any] = {
    "anonymous": "nobody",
    "ostiary": {"sign_in_before_anonymous": True},
    "groups_required": ["admins"],
}


async def come_back(world: World, browser: Browser, party: Party, more: str) -> Step:
    """Sign in; the answer comes as the party asked for it, with something beside it."""
    body = world.provider.authorize(await browser.start(party)) + more
    if party.config.response_mode == "form_post":
        return await answer(browser, party, body)
    return await browser.ask(party, f"{CALLBACK}?{body}")


@pytest.mark.spec("D4")
@pytest.mark.parametrize("config", WITHOUT)
async def test_of_a_posted_answer_only_what_is_not_the_answer_goes_upstream(
    config: dict[str, Any],
) -> None:
    world = World()
    party = build_party(response_mode="form_post", **config)
    more = "&session_state=s&hello=w%26rld&st%61te2=x"

    step = allowed(await come_back(world, world.browser(), party, more))

    assert step.new_body == b"hello=w%26rld&st%61te2=x"
    assert step.strip_query == STRIPPED
    assert (b"Referrer-Policy", b"no-referrer") in step.downstream_fields


async def test_an_answer_whose_names_are_written_otherwise_is_left_out_too() -> None:
    world = World()
    party = build_party(response_mode="form_post", **WITHOUT[0])
    browser = world.browser()
    body = world.provider.authorize(await browser.start(party))

    step = allowed(await answer(browser, party, body.replace("code=", "c%6Fde=")))

    assert step.new_body == b""


async def test_an_answer_in_the_query_leaves_the_body_alone() -> None:
    world, party = World(), build_party(**WITHOUT[0])

    step = allowed(await come_back(world, world.browser(), party, "&hello=world"))

    assert step.new_body is None
    assert step.strip_query == STRIPPED


async def test_a_posted_answer_that_starts_a_session_goes_nowhere() -> None:
    world, party = World(), build_party(response_mode="form_post")

    step = await come_back(world, world.browser(), party, "")

    assert isinstance(step, SendAway)


@pytest.mark.spec("oidc-plugin#7.7")
@pytest.mark.parametrize("mode", [None, "form_post"])
async def test_whom_the_requirements_refuse_at_the_callback_is_anonymous(
    mode: str | None,
) -> None:
    world = World()
    party = build_party(**PICKY, response_mode=mode or "query")
    browser = browser_with(world, NOBODY)

    step = allowed(await come_back(world, browser, party, "&hello=world"))

    assert (step.method, step.session, step.marks) == ("anonymous", None, ())
    assert (b"x-anonymous-consumer", b"true") in step.upstream_fields
    assert step.strip_query == STRIPPED
    assert step.new_body == (b"hello=world" if mode else None)
    assert browser.cookies == {}  # no session began, and the flow is over


async def test_who_meets_them_signs_in_though_there_is_an_anonymous_consumer() -> None:
    world, party = World(), build_party(**PICKY)
    world.provider.access_edits = {"groups": ["admins"]}
    browser = browser_with(world, NOBODY)

    step = await come_back(world, browser, party, "")

    assert isinstance(step, SendAway)
    assert allowed(await browser.visit(party)).method == "session"


async def test_without_an_anonymous_consumer_the_callback_is_refused() -> None:
    world, party = World(), build_party(groups_required=["admins"])
    browser = world.browser()

    step = refused(await come_back(world, browser, party, ""))

    assert (step.status, step.code) == (403, "forbidden")
    assert find_all(step.fields, b"set-cookie")
    assert not any("session" in name for name in browser.cookies)


async def test_an_anonymous_consumer_that_is_missing_refuses_at_the_callback() -> None:
    world, party = World(), build_party(**PICKY)

    step = refused(await come_back(world, browser_with(world), party, ""))

    assert (step.status, step.code) == (500, "anonymous_missing")
