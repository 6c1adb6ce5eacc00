"""Answers that the provider posts, and logging out by an argument of the body."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.http.head import find_all
from ostiary.signin.party import Party
from ostiary.signin.values import Refused, Respond, SendAway, Step
from tests.support.browser import ORIGIN, Browser, World, allowed, build_party, refused
from tests.support.parties import PAGE, signed_in

CALLBACK = f"{ORIGIN}/cognito"
FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


def post_party(**changes: Any) -> Party:
    return build_party(response_mode="form_post", **changes)


async def answer(browser: Browser, party: Party, body: str) -> Step:
    return await browser.ask(
        party, CALLBACK, method=b"POST", fields=FORM, body=body.encode()
    )


@pytest.mark.spec("OP25-1")
async def test_a_posted_answer_signs_in_and_goes_back_to_the_page() -> None:
    world = World()
    party = post_party(
        auth_methods=["authorization_code", "session"],
        login_action="redirect",
        login_tokens=None,
        preserve_query_args=True,
    )
    browser = world.browser()

    location = await browser.start(party, f"{PAGE}?hello=world")
    step = await answer(browser, party, world.provider.authorize(location))

    asked = parse_qs(urlsplit(location).query)
    assert asked["response_mode"] == ["form_post"]
    assert asked["code_challenge_method"] == ["S256"]
    assert isinstance(step, SendAway)
    assert (step.status, step.location) == (303, f"{PAGE}?hello=world")
    assert allowed(await browser.visit(party)).subject == "ada"


async def test_the_flows_cookie_comes_along_with_a_post_from_another_site() -> None:
    world, party = World(), post_party()
    browser = world.browser()

    step = await browser.ask(party, PAGE)

    assert isinstance(step, SendAway)
    flow = find_all(step.fields, b"set-cookie")[0]
    assert b"SameSite=None" in flow
    assert b"Secure" in flow
    usual = await browser.ask(build_party(), PAGE)
    assert isinstance(usual, SendAway)
    assert b"SameSite" not in find_all(usual.fields, b"set-cookie")[0]


async def test_only_the_mode_that_was_asked_for_is_answered() -> None:
    world = World()
    posted, queried = post_party(), build_party()
    browser = world.browser()
    body = world.provider.authorize(await browser.start(posted))

    by_get = await browser.ask(posted, f"{CALLBACK}?{body}")
    query = world.provider.authorize(await browser.start(queried))
    by_post = await answer(browser, queried, query)

    assert isinstance(by_get, Refused)
    assert by_get.status == 400
    assert "asked for was response_mode form_post" in by_get.detail
    assert isinstance(by_post, Refused)
    assert by_post.status == 401
    assert world.provider.asked("/token") == []


@pytest.mark.parametrize(
    ("edit", "status"),
    [
        (lambda body: body + "&state=x", 400),
        (lambda body: body + "&code=x", 400),
        (lambda body: body + "&iss=https://other.example", 400),
        (lambda body: body.replace("state=", "state=x"), 400),
        (lambda body: body.split("&")[1] + "&error=access_denied", 401),
    ],
)
@pytest.mark.spec("oidcc-client-test-form-post-error")
async def test_a_posted_answer_is_judged_like_any_other(edit: Any, status: int) -> None:
    world, party = World(), post_party()
    browser = world.browser()
    body = world.provider.authorize(await browser.start(party))

    step = refused(await answer(browser, party, edit(body)))

    assert step.status == status
    assert not any(name.startswith("__Host-session") for name in browser.cookies)


@pytest.mark.spec("T-C5")
async def test_a_posted_answer_of_another_browser_is_refused() -> None:
    world, party = World(), post_party()
    body = world.provider.authorize(await world.browser().start(party))

    step = refused(await answer(world.browser(), party, body))

    assert (step.status, step.code) == (400, "callback_mismatch")
    assert world.provider.asked("/token") == []


# Logging out


@pytest.mark.spec("oidc-plugin#11.1")
async def test_an_argument_of_the_body_logs_out() -> None:
    world = World()
    party = build_party(logout_post_arg="logout")
    browser = await signed_in(world, party)
    sent: dict[str, Any] = {"method": b"POST", "fields": FORM}

    other = await browser.ask(party, PAGE, **sent, body=b"log=1")
    step = await browser.ask(party, PAGE, **sent, body=b"a=1&logout=")

    assert allowed(other).method == "session"
    assert isinstance(step, (SendAway, Respond))
    assert refused(await browser.ask(party, PAGE, **sent, body=b"")).status == 401


async def test_a_method_that_does_not_log_out_keeps_its_body() -> None:
    world = World()
    party = build_party(logout_post_arg="logout", logout_methods=["DELETE"])
    browser = await signed_in(world, party)

    step = await browser.ask(party, PAGE, method=b"POST", fields=FORM, body=b"logout=1")

    assert allowed(step).method == "session"
