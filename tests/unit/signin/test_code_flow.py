"""The code flow, end to end, without a gateway: what a person meets and what an attacker does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.http.head import find
from ostiary.signin.party import SHOWN_CHARS
from ostiary.signin.values import Refused, SendAway
from tests.support.browser import ORIGIN, World, allowed, build_party, refused
from tests.support.provider import ISSUER, OTHER_KEY

CALLBACK = f"{ORIGIN}/cognito"


def query(url: str) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}


@pytest.mark.spec("OIDC-Core#3.1.2.1")
async def test_a_navigation_without_session_is_sent_to_the_provider() -> None:
    world = World()
    asked = query(await world.browser().start(build_party()))

    assert asked["response_type"] == "code"
    assert asked["client_id"] == "client-1"
    assert asked["scope"] == "openid"
    assert asked["redirect_uri"] == CALLBACK
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert len(asked["state"]) <= 1024


async def test_signing_in_ends_at_the_page_that_was_asked_for() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    step = await browser.sign_in(party)

    assert step.status == 303
    assert step.location == f"{ORIGIN}/cognito/page?x=1"
    answer = allowed(await browser.visit(party))
    bearer = find(answer.upstream_fields, b"authorization")
    assert bearer is not None
    assert bearer.startswith(b"Bearer ey")


@pytest.mark.spec("D13")
async def test_cookies_are_host_only_and_named_after_the_instance() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    await browser.sign_in(party)
    names = [n for n in browser.cookies if "session" in n]

    assert names == [f"__Host-session-{party.instance[:SHOWN_CHARS]}"]


async def test_another_worker_knows_the_session() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    await browser.sign_in(party)

    allowed(await browser.visit(party, worker=world.worker()))


async def test_the_second_request_needs_no_io() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    await browser.sign_in(party)
    await browser.visit(party)

    assert (
        world.signin.decide(browser.request(f"{ORIGIN}/cognito/page"), party)
        is not None
    )


@pytest.mark.spec("D2")
async def test_twenty_tabs_opened_at_once_all_arrive() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    workers = [world.signin, world.worker()]
    urls = [f"{ORIGIN}/cognito/page?tab={n}" for n in range(20)]
    locations = [
        await browser.start(party, url, worker=workers[n % 2])
        for n, url in enumerate(urls)
    ]
    for number, location in enumerate(locations):
        step = await browser.ask(
            party,
            f"{CALLBACK}?{world.provider.authorize(location)}",
            worker=workers[(number + 1) % 2],
        )

        assert isinstance(step, SendAway)
        assert step.location == urls[number]


@pytest.mark.spec("D2")
async def test_the_oldest_flow_goes_when_there_are_too_many() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    for _ in range(30):
        world.clock.move(1)
        await browser.start(party)

    assert len(browser.cookies) == 24


@pytest.mark.spec("RFC9700#4.7.1")
async def test_a_changed_state_is_refused_and_starts_nothing() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    step = refused(await browser.ask(party, f"{CALLBACK}?{answer[:-3]}abc"))

    assert (step.status, step.code) == (400, "callback_mismatch")
    assert world.provider.asked("/token") == []


@pytest.mark.spec("RFC9700#4.7.1")
async def test_an_answer_in_another_browser_is_refused() -> None:
    world, party = World(), build_party()
    answer = world.provider.authorize(await world.browser().start(party))
    step = refused(await world.browser().ask(party, f"{CALLBACK}?{answer}"))

    assert (step.status, step.code) == (400, "callback_mismatch")
    assert world.provider.asked("/token") == []


async def test_a_state_of_another_plugin_is_refused() -> None:
    world, party, other = World(), build_party(), build_party("row-2")
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))

    assert (
        refused(await browser.ask(other, f"{CALLBACK}?{answer}")).code
        == "callback_mismatch"
    )


@pytest.mark.spec("D5")
async def test_a_replayed_answer_leads_a_signed_in_browser_to_its_page() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    await browser.ask(party, f"{CALLBACK}?{answer}")
    again = await browser.ask(party, f"{CALLBACK}?{answer}")

    assert isinstance(again, SendAway)
    assert again.location == f"{ORIGIN}/cognito/page?x=1"
    assert len(world.provider.asked("/token")) == 1


async def test_a_replayed_answer_without_session_is_refused_even_with_its_cookie() -> (
    None
):
    world, party = World(), build_party()
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    flow_cookies = dict(browser.cookies)
    await browser.ask(party, f"{CALLBACK}?{answer}")
    browser.cookies = flow_cookies

    assert (
        refused(await browser.ask(party, f"{CALLBACK}?{answer}")).code
        == "callback_mismatch"
    )
    assert len(world.provider.asked("/token")) == 1


async def test_a_flow_that_took_too_long_is_refused() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    world.clock.move(600)

    assert (
        refused(await browser.ask(party, f"{CALLBACK}?{answer}")).code
        == "login_expired"
    )


@pytest.mark.spec("RFC6749#4.1.2.1")
async def test_an_error_of_the_provider_is_shown_and_does_not_restart() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    state = query(await browser.start(party))["state"]
    step = refused(
        await browser.ask(party, f"{CALLBACK}?error=access_denied&state={state}")
    )

    assert (step.status, step.code) == (401, "login_failed")
    assert "access_denied" in world.log.text


@pytest.mark.spec("RFC9207#2.4")
@pytest.mark.parametrize(
    ("iss", "code"), [("https://evil.example", 400), (ISSUER, 303)]
)
async def test_iss_of_the_answer_must_be_the_one_asked(iss: str, code: int) -> None:
    world, party = World(), build_party()
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    step = await browser.ask(party, f"{CALLBACK}?{answer}&iss={iss}")

    assert isinstance(step, Refused | SendAway)
    assert step.status == code


@pytest.mark.spec("RFC9207#2.4")
async def test_a_promised_iss_must_be_there() -> None:
    world, party = World(), build_party()
    world.provider.metadata_edits["authorization_response_iss_parameter_supported"] = (
        True
    )
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))

    assert (
        refused(await browser.ask(party, f"{CALLBACK}?{answer}")).code
        == "callback_mismatch"
    )


async def test_a_repeated_parameter_is_refused() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))

    assert (
        refused(await browser.ask(party, f"{CALLBACK}?{answer}&code=x")).status == 400
    )


@pytest.mark.parametrize(
    ("edit", "claim"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": ["client-1", "x"]}, "azp"),
        ({"azp": "another-client"}, "azp"),
        ({"exp": 1}, "exp"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "iat"),
        ({"iat": 9_000_000_000}, "iat"),
        ({"nbf": 9_000_000_000}, "nbf"),
        ({"nonce": "replayed"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "sub"),
        ({"at_hash": "wrong"}, "at_hash"),
        ({"token_use": "access"}, "token_use"),
        ({"exp": True}, "exp"),
        ({"exp": "soon"}, "exp"),
    ],
)
@pytest.mark.spec("OIDC-Core#3.1.3.7")
async def test_an_id_token_with_a_wrong_claim_signs_nobody_in(
    edit: dict[str, Any], claim: str
) -> None:
    world, party = World(), build_party()
    world.provider.id_edits = edit
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    step = refused(await browser.ask(party, f"{CALLBACK}?{answer}"))

    assert (step.status, step.code) == (401, "login_failed")
    assert f"invalid {claim}" in world.log.text
    assert not any("session" in name for name in browser.cookies)


@pytest.mark.spec("OIDC-Core#3.1.3.7")
async def test_an_id_token_signed_by_a_stranger_signs_nobody_in() -> None:
    world, party = World(), build_party()
    world.provider.signing = OTHER_KEY
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))

    assert (
        refused(await browser.ask(party, f"{CALLBACK}?{answer}")).code == "login_failed"
    )
    assert "suitable jwk was not found" in world.log.text


@pytest.mark.spec("D19")
async def test_a_new_key_is_fetched_at_once() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    world.provider.keys, world.provider.signing = [OTHER_KEY], OTHER_KEY
    step = await browser.ask(party, f"{CALLBACK}?{answer}")

    assert isinstance(step, SendAway)


@pytest.mark.spec("D9")
@pytest.mark.parametrize(
    "fields",
    [
        ((b"X-Requested-With", b"XMLHttpRequest"),),
        ((b"Accept", b"application/json"),),
        ((b"Accept", b"text/event-stream"),),
        ((b"Sec-Fetch-Mode", b"cors"), (b"Sec-Fetch-Dest", b"empty")),
        ((b"Upgrade", b"websocket"),),
    ],
)
async def test_only_navigations_are_redirected(
    fields: tuple[tuple[bytes, bytes], ...],
) -> None:
    world, party = World(), build_party()
    step = refused(await world.browser().visit(party, fields=fields))

    assert step.status == 401
    assert step.challenge
    assert step.login_url == f"{ORIGIN}/cognito/page"


@pytest.mark.spec("D9")
async def test_a_post_is_not_redirected() -> None:
    world, party = World(), build_party()

    assert refused(await world.browser().visit(party, method=b"POST")).status == 401


async def test_a_provider_that_is_away_refuses_and_comes_back_by_itself() -> None:
    world, party = World(), build_party()
    world.provider.down = True
    step = refused(await world.browser().visit(party))

    assert (step.status, step.code) == (500, "provider_unreachable")
    world.provider.down = False
    world.clock.move(5)
    await world.browser().start(party)


@pytest.mark.spec("D19")
async def test_metadata_of_another_issuer_is_refused() -> None:
    world, party = World(), build_party()
    world.provider.metadata_edits["issuer"] = "https://evil.example"

    assert refused(await world.browser().visit(party)).code == "provider_unreachable"
    assert "https://evil.example" in world.log.text


@pytest.mark.spec("D7")
async def test_an_endpoint_without_tls_is_refused() -> None:
    world, party = World(), build_party()
    world.provider.metadata_edits["token_endpoint"] = "http://idp.example/token"

    assert refused(await world.browser().visit(party)).code == "provider_unreachable"


async def test_discovery_is_fetched_once_for_all_workers() -> None:
    world, party = World(), build_party()
    await world.browser().start(party)
    await world.browser().start(party, worker=world.worker())

    assert len(world.provider.asked("openid-configuration")) == 1


async def test_a_browser_that_keeps_no_session_is_told_so() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    for _ in range(3):
        await browser.sign_in(party)
        browser.cookies = {
            k: v for k, v in browser.cookies.items() if "session" not in k
        }
    step = refused(await browser.visit(party))

    assert (step.status, step.code) == (400, "loop_detected")


@pytest.mark.spec("D1")
async def test_pkce_can_be_turned_off() -> None:
    world, party = World(), build_party(require_proof_key_for_code_exchange=False)
    asked = query(await world.browser().start(party))

    assert "code_challenge" not in asked


async def test_extra_arguments_never_replace_ours() -> None:
    world = World()
    party = build_party(
        authorization_query_args_names=["redirect_uri", "prompt"],
        authorization_query_args_values=["https://evil.example", "login"],
    )
    location = await world.browser().start(party)

    assert parse_qs(urlsplit(location).query)["redirect_uri"] == [CALLBACK]
    assert query(location)["prompt"] == "login"


@pytest.mark.spec("D8")
async def test_a_configured_redirect_uri_is_sent_as_written() -> None:
    world, party = World(), build_party(redirect_uri=[f"{ORIGIN}/cb"])
    browser = world.browser()
    location = await browser.start(party)

    assert query(location)["redirect_uri"] == f"{ORIGIN}/cb"
    step = await browser.ask(party, f"{ORIGIN}/cb?{world.provider.authorize(location)}")
    assert isinstance(step, SendAway)


@pytest.mark.spec("D8")
async def test_kongs_way_of_deriving_is_an_option() -> None:
    world, party = World(), build_party(ostiary={"redirect_uri_from": "request"})

    assert (
        query(await world.browser().start(party))["redirect_uri"]
        == f"{ORIGIN}/cognito/page"
    )


async def test_code_and_state_for_the_application_behind_are_not_ours() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    await browser.sign_in(party)

    allowed(await browser.ask(party, f"{ORIGIN}/cognito/app/callback?code=1&state=2"))


async def test_a_long_target_still_fits_into_the_state() -> None:
    world, party = World(), build_party()
    location = await world.browser().start(party, f"{ORIGIN}/cognito/page?{'q' * 5000}")

    assert len(query(location)["state"]) <= 1024


async def test_login_action_redirect_leads_where_it_says() -> None:
    world = World()
    party = build_party(
        login_action="redirect",
        login_redirect_uri=["https://app.example/in"],
        login_tokens=[],
    )

    assert (await world.browser().sign_in(party)).location == "https://app.example/in"


@pytest.mark.spec("D4")
async def test_without_sessions_the_callback_goes_upstream_stripped() -> None:
    world, party = World(), build_party(auth_methods=["authorization_code"])
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    step = allowed(await browser.ask(party, f"{CALLBACK}?{answer}"))

    assert step.strip_query == ("code", "state", "iss", "session_state")


async def test_no_secret_is_logged_or_in_a_repr() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    location = await browser.start(party)
    answer = world.provider.authorize(location)
    step = await browser.ask(party, f"{CALLBACK}?{answer}")
    visited = allowed(await browser.visit(party))
    secrets = [
        *browser.cookies.values(),
        query(location)["state"],
        "code-1",
        "refresh-0",
    ]
    token = visited.session.access_token if visited.session else ""
    text = f"{world.log.text} {step!r} {visited!r} {replace(visited)!r} {party!r}"

    assert [s for s in [*secrets, token] if len(s) > 4 and s in text] == []
