"""Running flows: whose they are, what they ask for, and that each ends once."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.ports.fetch import FetchLimits
from ostiary.signin.values import Allowed, ConfirmLogout, SendAway, Step
from tests.spec.conformance.provider import (
    CALLBACK,
    Suite,
    assert_nobody,
    assert_signs_in,
    attempt,
    cookies_set,
    session_cookies,
    worker_with,
)
from tests.support.browser import ORIGIN, allowed, build_party, refused
from tests.support.parties import LOGOUT, PAGE
from tests.support.provider import FakeProvider

OTHER = "https://other.example"
OURS = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)
# What somebody who writes a link would like to say to the provider.
WISHES = (
    *OURS,
    "response_mode",
    "prompt",
    "max_age",
    "acr_values",
    "claims",
    "request",
    "request_uri",
    "audience",
    "resource",
    "login_hint",
    "ui_locales",
    "idp",
    "scopes",
    "auth_request_params",
)


def arguments(location: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(location).query, keep_blank_values=True)


def status(step: Step) -> int:
    return int(getattr(step, "status", 0))


# Nonces and codes of other flows


@pytest.mark.spec("T-C1")
async def test_every_flow_has_a_nonce_of_its_own() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    asked = [arguments(await browser.start(party)) for _ in range(20)]

    for name in ("nonce", "state", "code_challenge"):
        values = [value for one in asked for value in one[name]]
        assert len(set(values)) == 20
        assert min(len(value) for value in values) >= 32


@pytest.mark.spec("T-C1")
async def test_the_nonce_of_another_tab_of_the_same_browser_signs_nobody_in() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    first, second = await browser.start(party), await browser.start(party)
    query = world.provider.authorize(first)
    world.provider.behave("friendly", claims={"nonce": arguments(second)["nonce"][0]})
    step = await browser.ask(party, f"{CALLBACK}?{query}")

    assert_nobody(world, browser, step, detail="invalid nonce claim")
    world.provider.behave("friendly")
    query = world.provider.authorize(second)
    assert status(await browser.ask(party, f"{CALLBACK}?{query}")) == 303


@pytest.mark.spec("T-C1")
@pytest.mark.parametrize(
    ("pkce", "detail"),
    [(None, "the provider said 'invalid_grant'"), (False, "invalid nonce claim")],
)
async def test_a_stolen_code_put_into_another_flow_signs_nobody_in(
    pkce: bool | None, detail: str
) -> None:
    world = Suite()
    party = build_party(require_proof_key_for_code_exchange=pkce)
    victim, thief = world.browser(), world.browser()
    stolen = world.provider.authorize(await victim.start(party)).partition("&")[0]
    state = arguments(await thief.start(party))["state"][0]
    step = await thief.ask(party, f"{CALLBACK}?{stolen}&state={state}")

    assert_nobody(world, thief, step, detail=detail)
    await assert_signs_in(world, victim, party)


@pytest.mark.spec("T-C2")
async def test_twenty_flows_finish_in_any_order_each_at_its_own_page() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    workers = (world.signin, world.worker())
    pages = [f"{ORIGIN}/cognito/page/{n}?tab={n}" for n in range(20)]
    answers = [
        world.provider.authorize(await browser.start(party, p, worker=workers[n % 2]))
        for n, p in enumerate(pages)
    ]
    # 7 and 20 have no common divisor: every flow, in an order that is not the first.
    for n in (7 * k % 20 for k in range(20)):
        step = await browser.ask(
            party, f"{CALLBACK}?{answers[n]}", worker=workers[(n + 1) % 2]
        )
        assert isinstance(step, SendAway)
        assert (step.status, step.location) == (303, pages[n])
    allowed(await browser.visit(party))


# Old and planted sessions


@pytest.mark.spec("T-C3")
async def test_a_planted_session_is_replaced_by_the_one_who_signs_in() -> None:
    world, party = Suite(), build_party()
    attacker, victim = world.browser(), world.browser()
    await assert_signs_in(world, attacker, party)
    (name,) = session_cookies(attacker)
    query = world.provider.authorize(await victim.start(party))
    victim.cookies[name] = attacker.cookies[name]
    before = set(victim.cookies.values())
    world.provider.behave("friendly", claims={"sub": "victim"})
    step = await victim.ask(party, f"{CALLBACK}?{query}")
    sessions = [allowed(await b.visit(party)).session for b in (attacker, victim)]

    assert status(step) == 303
    assert victim.cookies[name] not in before
    assert [s.subject for s in sessions if s] == ["ada", "victim"]
    assert len({s.id for s in sessions if s}) == 2


@pytest.mark.spec("T-C3")
async def test_every_sign_in_makes_a_new_session() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    found = []
    for _ in range(3):
        # The running session stays in the jar while the next sign-in begins elsewhere.
        kept, browser.cookies = browser.cookies, {}
        query = world.provider.authorize(await browser.start(party))
        browser.cookies |= kept
        await browser.ask(party, f"{CALLBACK}?{query}")
        session = allowed(await browser.visit(party)).session
        found.append((session.id if session else "", *session_cookies(browser)))
        found.append(tuple(browser.cookies[n] for n in session_cookies(browser)))

    assert len(set(found)) == 6


@pytest.mark.spec("T-C3")
async def test_chunks_of_a_planted_longer_session_go_at_sign_in() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    query = world.provider.authorize(await browser.start(party))
    first, *later = party.secure.session_chunks
    browser.cookies |= dict.fromkeys((first, *later), "planted")
    step = await browser.ask(party, f"{CALLBACK}?{query}")

    assert status(step) == 303
    assert session_cookies(browser) == [first]
    assert browser.cookies[first] != "planted"


@pytest.mark.spec("T-C4")
@pytest.mark.parametrize("behaviour", ["nonce-invalid", "invalid-sig-rs256", "expired"])
async def test_a_sign_in_that_fails_leaves_the_old_session_whole(
    behaviour: str,
) -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    second = await browser.start(party)
    await assert_signs_in(world, browser, party)
    before = {name: browser.cookies[name] for name in session_cookies(browser)}
    world.provider.behave(behaviour)
    query = world.provider.authorize(second)
    step = refused(await browser.ask(party, f"{CALLBACK}?{query}"))

    assert step.code == "login_failed"
    assert cookies_set(step) == []
    assert {n: browser.cookies[n] for n in session_cookies(browser)} == before
    allowed(await browser.visit(party))


@pytest.mark.spec("T-C4")
async def test_a_sign_in_that_begins_after_an_old_session_removes_it_first() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    await assert_signs_in(world, browser, party)
    world.clock.move(900)
    await browser.start(party)

    assert session_cookies(browser) == []
    await assert_signs_in(world, browser, party)


@pytest.mark.spec("T-C5")
async def test_an_attackers_answer_in_a_victims_browser_signs_nobody_in() -> None:
    world, party = Suite(), build_party()
    attacker, victim = world.browser(), world.browser()
    answer = world.provider.authorize(await attacker.start(party))
    await victim.start(party)
    step = await victim.ask(party, f"{CALLBACK}?{answer}")

    assert_nobody(
        world,
        victim,
        step,
        detail="this browser did not start the flow",
        status=400,
        code="callback_mismatch",
    )
    assert world.provider.asked("/token") == []
    assert status(await attacker.ask(party, f"{CALLBACK}?{answer}")) == 303


@pytest.mark.spec("T-C5")
async def test_a_cookie_of_another_flow_does_not_bind_an_attackers_answer() -> None:
    world, party = Suite(), build_party()
    attacker, victim = world.browser(), world.browser()
    answer = world.provider.authorize(await attacker.start(party))
    await victim.start(party)
    (theirs,), (own,) = list(attacker.cookies), list(victim.cookies)
    victim.cookies = {theirs: victim.cookies[own]}
    step = await victim.ask(party, f"{CALLBACK}?{answer}")

    assert_nobody(
        world,
        victim,
        step,
        detail="this browser did not start the flow",
        status=400,
        code="callback_mismatch",
    )
    assert world.provider.asked("/token") == []


@pytest.mark.spec("T-C5")
async def test_an_attackers_answer_does_not_replace_a_victims_session() -> None:
    world, party = Suite(), build_party()
    attacker, victim = world.browser(), world.browser()
    await assert_signs_in(world, victim, party)
    before = dict(victim.cookies)
    answer = world.provider.authorize(
        await attacker.start(party, f"{ORIGIN}/cognito/attackers")
    )
    step = await victim.ask(party, f"{CALLBACK}?{answer}")

    assert isinstance(step, SendAway)
    assert step.location == f"{ORIGIN}/cognito/attackers"
    assert victim.cookies == before
    assert len(world.provider.asked("/token")) == 1


# Two providers


class Crossing:
    """Two providers behind one way out."""

    def __init__(self, world: Suite) -> None:
        self.ours = world.provider
        self.other = FakeProvider(world.clock)
        metadata = self.other.metadata()
        names = [n for n in metadata if n.endswith(("_endpoint", "_uri"))]
        self.other.metadata_edits = {"issuer": OTHER} | {
            n: OTHER + urlsplit(metadata[n]).path for n in names
        }
        self.other.id_edits = {"iss": OTHER}

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        is_other = request.url.startswith(f"{OTHER}/")
        return await (self.other if is_other else self.ours).send(request, limits)


@pytest.mark.spec("T-C6")
async def test_an_answer_with_the_state_of_another_provider_costs_no_code() -> None:
    world = Suite()
    crossing = Crossing(world)
    worker = worker_with(world, crossing)
    ours, other = build_party(), build_party("row-2", issuer=OTHER)
    browser = world.browser()
    query = crossing.other.authorize(await browser.start(other, worker=worker))
    step = await browser.ask(ours, f"{CALLBACK}?{query}", worker=worker)

    assert_nobody(
        world,
        browser,
        step,
        detail="the state is not one of ours",
        status=400,
        code="callback_mismatch",
    )
    tokens = [*crossing.ours.asked("/token"), *crossing.other.asked("/token")]
    assert tokens == []
    end = await browser.ask(other, f"{CALLBACK}?{query}", worker=worker)
    assert status(end) == 303


@pytest.mark.spec("T-C6")
async def test_each_provider_can_have_a_redirect_uri_of_its_own() -> None:
    world = Suite()
    crossing = Crossing(world)
    worker = worker_with(world, crossing)
    party = build_party("row-2", issuer=OTHER, redirect_uri=[f"{ORIGIN}/cb/other"])
    browser = world.browser()
    location = await browser.start(party, worker=worker)
    query = crossing.other.authorize(location)
    elsewhere = await browser.ask(party, f"{CALLBACK}?{query}", worker=worker)
    assert isinstance(elsewhere, SendAway)
    assert elsewhere.why == "login"
    step = await browser.ask(party, f"{ORIGIN}/cb/other?{query}", worker=worker)

    assert arguments(location)["redirect_uri"] == [f"{ORIGIN}/cb/other"]
    assert status(step) == 303
    (exchange,) = crossing.other.asked("/token")
    assert parse_qs(exchange.body.decode())["redirect_uri"] == [f"{ORIGIN}/cb/other"]
    assert crossing.ours.asked("/token") == []


@pytest.mark.spec("T-C6")
@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [
        ("iss-parameter-wrong", "the response is from issuer 'https://evil.example'"),
        ("iss-parameter-missing", "the response has no iss although"),
    ],
)
async def test_an_answer_that_does_not_name_our_provider_costs_no_code(
    behaviour: str, detail: str
) -> None:
    world, party = Suite(behaviour), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(
        world, browser, step, detail=detail, status=400, code="callback_mismatch"
    )
    assert world.provider.asked("/token") == []
    friendly = Suite()
    await assert_signs_in(
        friendly, friendly.browser(), party, behaviour="iss-parameter-right"
    )


# Parameters


@pytest.mark.spec("T-C7")
@pytest.mark.parametrize("second", ["", "another", None])
@pytest.mark.parametrize(
    "name",
    ["code", "state", "iss", "session_state", "error", "error_description"],
)
async def test_a_parameter_given_twice_is_refused_before_anybody_is_asked(
    name: str, second: str | None
) -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    query = world.provider.authorize(await browser.start(party))
    given = dict(parse_qs(query, keep_blank_values=True))
    first = given.get(name, ["x"])[0]
    doubled = urlencode([(name, first), (name, first if second is None else second)])
    rest = urlencode([(k, v[0]) for k, v in given.items() if k != name])
    for form in (doubled, doubled.replace(name[0], f"%{ord(name[0]):02x}", 1)):
        step = refused(await browser.ask(party, f"{CALLBACK}?{form}&{rest}"))
        assert (step.status, step.code) == (400, "callback_mismatch")
        assert step.detail == f"the response has {name} twice"

    assert world.provider.asked("/token") == []
    assert session_cookies(browser) == []
    assert status(await browser.ask(party, f"{CALLBACK}?{query}")) == 303


@pytest.mark.spec("T-C8")
async def test_an_answer_that_comes_twice_at_once_is_exchanged_once() -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    query = world.provider.authorize(await browser.start(party))
    request = browser.request(f"{CALLBACK}?{query}")
    workers = (world.signin, world.worker())
    steps = await asyncio.gather(*(w.authenticate(request, party) for w in workers))

    assert sorted(status(step) for step in steps) == [303, 400]
    assert len(world.provider.asked("/token")) == 1
    assert sum(bool(cookies_set(step)) for step in steps) == 1


@pytest.mark.spec("T-C8")
@pytest.mark.parametrize("keeps_session", [True, False])
async def test_the_back_button_leads_to_the_page_or_says_so(
    keeps_session: bool,
) -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    query = world.provider.authorize(await browser.start(party))
    running = dict(browser.cookies)
    assert status(await browser.ask(party, f"{CALLBACK}?{query}")) == 303
    browser.cookies = (browser.cookies if keeps_session else {}) | running
    step = await browser.ask(party, f"{CALLBACK}?{query}")

    assert len(world.provider.asked("/token")) == 1
    if keeps_session:
        assert isinstance(step, SendAway)
        assert step.location == f"{ORIGIN}/cognito/page?x=1"
    else:
        assert_nobody(
            world,
            browser,
            step,
            detail="the flow was finished before",
            status=400,
            code="callback_mismatch",
        )


@pytest.mark.spec("T-C9")
@pytest.mark.parametrize("name", WISHES)
async def test_a_link_cannot_say_anything_to_the_provider(name: str) -> None:
    world, party = Suite(), build_party()
    plain = arguments(await world.browser().start(party, PAGE))
    location = await world.browser().start(party, f"{PAGE}?{name}=evil&x=1")
    asked = arguments(location)

    assert asked.keys() == plain.keys() == set(OURS)
    assert "evil" not in location
    kept = ("response_type", "client_id", "redirect_uri", "scope")
    assert {n: asked[n] for n in kept} == {n: plain[n] for n in kept}


@pytest.mark.spec("T-C9")
@pytest.mark.parametrize("name", WISHES)
async def test_a_link_says_what_the_configuration_lets_it_say_and_no_more(
    name: str,
) -> None:
    world = Suite()
    party = build_party(authorization_query_args_client=[name])
    url = f"{PAGE}?{name}=evil&other=evil2"
    asked = arguments(await world.browser().start(party, url))

    said = {n for n, values in asked.items() if "evil" in values}
    ours = {*OURS, "response_mode"}
    assert said == ({name} - ours)
    assert asked.keys() == set(OURS) | said


@pytest.mark.spec("T-C10")
@pytest.mark.parametrize("pkce", [None, False])
@pytest.mark.parametrize("name", [*OURS, "response_mode"])
async def test_a_configured_extra_never_stands_beside_one_of_ours(
    name: str, pkce: bool | None
) -> None:
    world = Suite()
    changes: dict[str, Any] = {"require_proof_key_for_code_exchange": pkce}
    plain = arguments(await world.browser().start(build_party(**changes)))
    party = build_party(
        authorization_query_args_names=[name, "prompt"],
        authorization_query_args_values=["evil", "login"],
        **changes,
    )
    location = await world.browser().start(party)
    asked = arguments(location)

    assert "evil" not in location
    assert {n: len(v) for n, v in asked.items()} == dict.fromkeys(asked, 1)
    assert asked.keys() == plain.keys() | {"prompt"}
    assert asked["prompt"] == ["login"]


# Logging somebody else out


@pytest.mark.spec("T-C15")
@pytest.mark.parametrize(
    ("method", "fields"),
    [
        (b"GET", ((b"Sec-Fetch-Site", b"cross-site"),)),
        (
            b"GET",
            ((b"Sec-Fetch-Site", b"cross-site"), (b"Sec-Fetch-Dest", b"image")),
        ),
        (b"POST", ((b"Sec-Fetch-Site", b"cross-site"),)),
        (b"DELETE", ((b"Sec-Fetch-Site", b"cross-site"),)),
    ],
)
async def test_another_site_logs_nobody_out(
    method: bytes, fields: tuple[tuple[bytes, bytes], ...]
) -> None:
    world = Suite()
    methods = ["GET", "POST", "DELETE"]
    party = build_party(**{**LOGOUT, "logout_methods": methods})
    browser = world.browser()
    await assert_signs_in(world, browser, party)
    before = dict(browser.cookies)
    url = f"{PAGE}?logout=1"
    step = await browser.ask(party, url, method=method, fields=fields)

    assert isinstance(step, ConfirmLogout)
    assert step.action == (url if method == b"GET" else None)
    assert browser.cookies == before
    allowed(await browser.visit(party))


@pytest.mark.spec("T-C15")
@pytest.mark.parametrize(
    "fields",
    [
        ((b"Sec-Purpose", b"prefetch"),),
        ((b"Sec-Purpose", b"prefetch;prerender"),),
        ((b"Purpose", b"prefetch"),),
    ],
)
async def test_a_link_that_is_only_fetched_ahead_logs_nobody_out(
    fields: tuple[tuple[bytes, bytes], ...],
) -> None:
    world, party = Suite(), build_party(**LOGOUT)
    browser = world.browser()
    await assert_signs_in(world, browser, party)

    assert isinstance(
        await browser.ask(party, f"{PAGE}?logout=1", fields=fields), Allowed
    )
    allowed(await browser.visit(party))


@pytest.mark.spec("T-C15")
@pytest.mark.parametrize("site", [b"same-origin", b"same-site", b"none", None])
async def test_ones_own_site_logs_out(site: bytes | None) -> None:
    world, party = Suite(), build_party(**LOGOUT)
    browser = world.browser()
    await assert_signs_in(world, browser, party)
    fields = () if site is None else ((b"Sec-Fetch-Site", site),)
    step = await browser.ask(party, f"{PAGE}?logout=1", fields=fields)

    assert isinstance(step, SendAway)
    assert step.why == "logout"
    assert browser.cookies == {}


@pytest.mark.spec("T-C15")
async def test_a_method_that_is_not_configured_logs_nobody_out() -> None:
    world = Suite()
    party = build_party(**{**LOGOUT, "logout_methods": ["POST"]})
    browser = world.browser()
    await assert_signs_in(world, browser, party)

    allowed(await browser.ask(party, f"{PAGE}?logout=1"))
    step = await browser.ask(party, f"{PAGE}?logout=1", method=b"POST")
    assert getattr(step, "why", "") == "logout"
