"""Answers in the wrong way, credentials that were refused, sessions that are ended: second review."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.signin.flow import BEGUN_WINDOW_S, LOOP_AFTER
from ostiary.signin.values import SendAway
from tests.support.browser import World, allowed, build_party, refused
from tests.support.parties import PAGE, bearer, signed_in
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

    state = query.rpartition("state=")[2]
    for answer in (query, f"error=access_denied&state={state}"):
        step = refused(await browser.ask(party, f"{CALLBACK}?{answer}"))
        assert step.status == 400
        assert "asked for was response_mode form_post" in step.detail
    assert world.provider.asked("/token") == [] or signed


@pytest.mark.spec("D5")
async def test_a_code_without_state_ends_on_a_page_when_it_comes_again_and_again() -> (
    None
):
    world, party = World(), build_party()
    browser = world.browser()
    shop = f"{CALLBACK}?code=SPRING"

    for _ in range(LOOP_AFTER):  # an argument of the application's own, in many tabs
        assert isinstance(await browser.ask(party, shop), SendAway)
    lost = refused(await browser.ask(party, shop))

    assert lost.status == 400
    assert "without a state" in lost.detail


@pytest.mark.spec("D5")
async def test_an_application_s_own_link_works_beside_a_sign_in() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    shop = f"{CALLBACK}?code=SPRING"
    await browser.start(party)

    location = await browser.start(party, shop)
    back = await browser.ask(party, f"{CALLBACK}?{world.provider.authorize(location)}")

    assert isinstance(back, SendAway)
    assert back.location == shop
    assert allowed(await browser.ask(party, shop)).method == "session"


@pytest.mark.spec("D5")
async def test_an_error_without_state_ends_on_a_page_at_once() -> None:
    world, party = World(), build_party()

    lost = refused(await world.browser().ask(party, f"{CALLBACK}?error=server_error"))

    assert (lost.status, lost.code) == (400, "login_failed")


NOT_UTF_8 = "error_description=Zugriff+verweigert+f%FCr+Ada"
TOO_MANY = "&".join(["x=1"] * 101)


@pytest.mark.spec("D5")
@pytest.mark.parametrize("more", [NOT_UTF_8, TOO_MANY])
@pytest.mark.parametrize("mode", ["query", "form_post"])
async def test_an_error_that_cannot_be_read_ends_on_a_page_at_once(
    mode: str, more: str
) -> None:
    world, party = World(), build_party(response_mode=mode)
    browser = world.browser()
    state = world.provider.authorize(await browser.start(party)).partition("state=")[2]

    for answer in (f"error=access_denied&{more}", f"{more}&error=x&state={state}"):
        step = refused(await browser.ask(party, f"{CALLBACK}?{answer}"))
        assert step.status == 400


@pytest.mark.spec("D5")
@pytest.mark.parametrize("timeout_s", [0, 86400])
async def test_sign_ins_begun_long_ago_make_no_loop(timeout_s: int) -> None:
    world, party = World(), build_party(authorization_rolling_timeout=timeout_s)
    browser = world.browser()
    for _ in range(LOOP_AFTER):
        await browser.start(party)
    shop = f"{CALLBACK}?code=SPRING"
    world.clock.move(BEGUN_WINDOW_S)
    assert refused(await browser.ask(party, shop)).status == 400

    world.clock.move(1)

    assert isinstance(await browser.ask(party, shop), SendAway)


FOREIGN = [
    "code=1&state=CA",
    "state=CA",
    "state=CA&state=TX&code=1",
    f"error=none&state={'x' * 5000}",
    "code=1&state=%ff",
]


@pytest.mark.spec("D5")
@pytest.mark.parametrize("query", FOREIGN)
async def test_a_state_of_the_application_s_own_is_no_answer_where_answers_are_posted(
    query: str,
) -> None:
    world, party = World(), post_party()
    browser = world.browser()
    url = f"{CALLBACK}?{query}"

    anew = await browser.ask(party, url)
    assert isinstance(anew, SendAway)
    body = world.provider.authorize(anew.location).encode()
    form = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
    await browser.ask(party, CALLBACK, method=b"POST", fields=form, body=body)

    step = allowed(await browser.ask(party, url))
    assert step.method == "session"
    assert "state" not in step.strip_query


@pytest.mark.spec("D5")
async def test_the_state_of_another_plugin_is_not_ours() -> None:
    world, party = World(), post_party()
    browser = world.browser()
    state = (await browser.start(build_party("row-2"))).rpartition("state=")[2]

    url = f"{CALLBACK}?code=1&state={state.partition('&')[0]}"

    assert isinstance(await browser.ask(party, url), SendAway)


@pytest.mark.spec("D5")
async def test_a_state_of_ours_among_others_is_an_answer_in_the_wrong_way() -> None:
    world, party = World(), post_party()
    browser = world.browser()
    query = world.provider.authorize(await browser.start(party))

    step = refused(await browser.ask(party, f"{CALLBACK}?state=CA&{query}"))

    assert step.status == 400
    assert "asked for was response_mode form_post" in step.detail


@pytest.mark.spec("oidc-plugin#9.5")
@pytest.mark.parametrize("mode", ["query", "form_post"])
async def test_without_the_code_method_nothing_is_an_answer(mode: str) -> None:
    world = World()
    party = build_party(auth_methods=["bearer"], response_mode=mode)
    fields = bearer(world.provider.access_token())

    for _ in range(2):  # looked at, then from memory
        step = await world.browser().ask(
            party, f"{CALLBACK}?code=1&state=CA&state=TX", fields=fields
        )
        assert allowed(step).method == "bearer"


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
