"""Answers in the wrong way, credentials that were refused, sessions that are ended: second review."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.signin.values import SendAway
from tests.support.browser import World, allowed, build_party, refused
from tests.support.parties import PAGE, signed_in
from tests.unit.signin.test_form_post import CALLBACK, post_party
from tests.unit.signin.test_mapping import NOBODY, browser_with
from tests.unit.signin.test_methods import party_with

REDIS: dict[str, Any] = {"session_storage": "redis"}


@pytest.mark.spec("D5")
@pytest.mark.parametrize("signed", [False, True])
async def test_an_answer_by_query_where_a_post_was_asked_for_ends_on_a_page(
    *, signed: bool
) -> None:
    world, party = World(), post_party()
    browser = world.browser()
    query = world.provider.authorize(await browser.start(party))
    if signed:
        browser = await signed_in(world, build_party())

    for answer in (query, "error=access_denied&state=x"):
        step = refused(await browser.ask(party, f"{CALLBACK}?{answer}"))
        assert step.status == 400
        assert "asked for was response_mode form_post" in step.detail
    assert world.provider.asked("/token") == [] or signed


@pytest.mark.spec("D5")
async def test_a_code_without_state_ends_on_a_page_while_a_sign_in_is_under_way() -> (
    None
):
    world, party = World(), build_party()
    browser = world.browser()
    shop = f"{CALLBACK}?code=SPRING"

    first = await browser.ask(party, shop)  # an argument of the application's own
    lost = refused(await browser.ask(party, shop))

    assert isinstance(first, SendAway)
    assert lost.status == 400
    assert "without a state" in lost.detail


@pytest.mark.spec("oidc-plugin#8.6")
@pytest.mark.parametrize("bound", [None, ["user-agent"]])
async def test_a_secret_in_the_query_of_a_session_never_goes_upstream(
    bound: list[str] | None,
) -> None:
    world, party = World(), build_party(session_bind=bound)
    browser = await signed_in(world, party)

    for _ in range(2):  # looked up, then from memory
        step = allowed(await browser.ask(party, f"{PAGE}?access_token=x&a=1"))
        assert step.method == "session"
        assert "access_token" in step.strip_query
    kept = build_party(session_bind=bound, hide_credentials=False)
    browser = await signed_in(world, kept)
    step = allowed(await browser.ask(kept, f"{PAGE}?access_token=x"))
    assert step.strip_query == ()


@pytest.mark.spec("oidc-plugin#7.7")
async def test_what_was_refused_does_not_reach_the_upstream_by_the_anonymous() -> None:
    world = World()
    party = party_with(
        "bearer",
        "password",
        anonymous=NOBODY.id,
        bearer_token_param_type=["header", "query", "body", "cookie"],
        bearer_token_cookie_name="jwt",
    )
    browser = browser_with(world, NOBODY)
    form = ((b"Content-Type", b"application/x-www-form-urlencoded"),)

    query = allowed(await browser.ask(party, f"{PAGE}?access_token=x&password=p"))
    body = allowed(
        await browser.ask(
            party, PAGE, method=b"POST", fields=form, body=b"a=1&access_token=x.y.z"
        )
    )
    browser.cookies["jwt"] = "x.y.z"
    cookie = allowed(await browser.ask(party, PAGE))

    for step in (query, body, cookie):
        assert step.method == "anonymous"
    assert {"access_token", "password"} <= set(query.strip_query)
    assert body.new_body == b"a=1"
    assert cookie.strip_cookies == {"jwt"}


@pytest.mark.spec("D14")
@pytest.mark.parametrize("storage", [{}, REDIS])
@pytest.mark.parametrize("destroys", [True, False])
async def test_a_session_that_is_destroyed_for_being_forbidden_is_over(
    storage: dict[str, Any], *, destroys: bool
) -> None:
    world = World()
    party = build_party(
        **storage, forbidden_destroy_session=destroys, session_idling_timeout=0
    )
    strict = build_party(
        **storage,
        forbidden_destroy_session=destroys,
        session_idling_timeout=0,
        groups_required=["admins"],
    )
    browser = await signed_in(world, party)
    kept = dict(browser.cookies)

    assert refused(await browser.ask(strict, PAGE)).status == 403
    left = {name for name in browser.cookies if "session" in name}
    assert bool(left) is not destroys
    browser.cookies = kept
    step = await browser.ask(party, PAGE)
    assert isinstance(step, SendAway) is destroys
