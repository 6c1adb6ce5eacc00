"""Faults that the OpenID suite has no module for: times, headers, parameters."""

from __future__ import annotations

import pytest

from tests.spec.conformance.provider import (
    CALLBACK,
    Suite,
    assert_nobody,
    assert_signs_in,
    attempt,
)
from tests.support.browser import build_party, refused
from tests.support.provider import ISSUER


@pytest.mark.parametrize(
    ("behaviour", "detail", "mended"),
    [
        pytest.param(
            "expired",
            "invalid exp claim (1800000000, expired 0 s ago)",
            "almost-expired",
            marks=pytest.mark.spec("ostiary-client-test-expired"),
        ),
        pytest.param(
            "missing-exp",
            "invalid exp claim (missing)",
            "friendly",
            marks=pytest.mark.spec("ostiary-client-test-missing-exp"),
        ),
        pytest.param(
            "future-iat",
            "invalid iat claim (1800000001, 1 s ahead: the clocks differ, see leeway)",
            "present-iat",
            marks=pytest.mark.spec("ostiary-client-test-future-iat"),
        ),
        pytest.param(
            "azp-missing",
            "invalid azp claim (missing with several audiences)",
            "azp-ours",
            marks=pytest.mark.spec("ostiary-client-test-azp-multi-aud"),
        ),
        pytest.param(
            "azp-other",
            "invalid azp claim (is not the client id)",
            "azp-ours",
            marks=pytest.mark.spec("ostiary-client-test-azp-multi-aud"),
        ),
        pytest.param(
            "azp-other-single",
            "invalid azp claim (is not the client id)",
            "aud-array",
            marks=pytest.mark.spec("ostiary-client-test-azp-multi-aud"),
        ),
        pytest.param(
            "azp-without-aud",
            "invalid aud claim (does not contain the client id)",
            "azp-ours",
            marks=pytest.mark.spec("ostiary-client-test-azp-multi-aud"),
        ),
        pytest.param(
            "crit",
            "the header has crit or b64",
            "friendly",
            marks=pytest.mark.spec("ostiary-client-test-crit"),
        ),
        pytest.param(
            "crit-empty",
            "the header has crit or b64",
            "friendly",
            marks=pytest.mark.spec("ostiary-client-test-crit"),
        ),
        pytest.param(
            "crit-b64",
            "the header has crit or b64",
            "friendly",
            marks=pytest.mark.spec("ostiary-client-test-crit"),
        ),
        pytest.param(
            "at-hash-wrong",
            "invalid at_hash claim (does not match the access token)",
            "at-hash-right",
            marks=pytest.mark.spec("ostiary-client-test-at-hash-in-code-flow"),
        ),
        pytest.param(
            "at-hash-of-another-kind",
            "invalid at_hash claim (does not match the access token)",
            "friendly",
            marks=pytest.mark.spec("ostiary-client-test-at-hash-in-code-flow"),
        ),
    ],
)
async def test_one_fault_in_an_id_token_signs_nobody_in_and_without_it_somebody(
    behaviour: str, detail: str, mended: str
) -> None:
    world, party = Suite(behaviour), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(world, browser, step, detail=detail)
    assert len(world.provider.asked("/token")) == 1
    await assert_signs_in(world, browser, party, mended)


@pytest.mark.spec("ostiary-client-test-expired")
@pytest.mark.spec("ostiary-client-test-future-iat")
@pytest.mark.parametrize("behaviour", ["expired", "future-iat"])
async def test_clocks_may_differ_by_the_leeway_and_no_more(behaviour: str) -> None:
    world, party = Suite(), build_party(leeway=1)
    await assert_signs_in(world, world.browser(), party, behaviour)
    world.clock.move(1 if behaviour == "expired" else -1)
    world.provider.behave(behaviour)
    browser = world.browser()
    step = await attempt(world, browser, party)

    claim = "exp" if behaviour == "expired" else "iat"
    assert_nobody(world, browser, step, detail=f"invalid {claim} claim")


@pytest.mark.spec("ostiary-client-test-jku-jwk-header")
@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [
        ("jwk-forged", "invalid signature"),
        ("jku-forged", "invalid signature"),
        ("x5u-forged", "invalid signature"),
        ("jku-unknown-kid", "suitable jwk was not found"),
    ],
)
async def test_a_key_that_the_token_itself_brings_signs_nobody_in(
    behaviour: str, detail: str
) -> None:
    world, party = Suite(behaviour), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(world, browser, step, detail=detail)
    assert {r.url.partition("/pool")[0] for r in world.provider.requests} == {
        "https://idp.example"
    }
    await assert_signs_in(world, browser, party)


@pytest.mark.spec("ostiary-client-test-jku-jwk-header")
@pytest.mark.parametrize("behaviour", ["jwk-harmless", "jku-harmless"])
async def test_a_key_in_the_header_is_ignored_and_nobody_is_asked_for_it(
    behaviour: str,
) -> None:
    world, party = Suite(), build_party()
    await assert_signs_in(world, world.browser(), party, behaviour)

    assert "evil" not in str([r.url for r in world.provider.requests])
    assert len(world.provider.asked("/jwks")) == 1


@pytest.mark.spec("ostiary-client-test-duplicate-params")
@pytest.mark.parametrize(
    ("behaviour", "name"),
    [
        ("duplicate-code", "code"),
        ("duplicate-state", "state"),
        ("duplicate-iss", "iss"),
    ],
)
async def test_an_answer_that_says_one_thing_twice_is_refused(
    behaviour: str, name: str
) -> None:
    world, party = Suite(behaviour), build_party()
    browser = world.browser()
    step = refused(await attempt(world, browser, party))

    assert (step.status, step.code) == (400, "callback_mismatch")
    assert step.detail == f"the response has {name} twice"
    assert not any("session" in cookie for cookie in browser.cookies)
    assert world.provider.asked("/token") == []
    await assert_signs_in(world, browser, party)


@pytest.mark.spec("ostiary-client-test-duplicate-params")
async def test_an_answer_may_say_twice_what_no_specification_knows() -> None:
    world, party = Suite(), build_party()

    await assert_signs_in(world, world.browser(), party, "duplicate-unknown")


@pytest.mark.spec("ostiary-client-test-iss-parameter")
@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [
        (
            "iss-parameter-wrong",
            f"the response is from issuer 'https://evil.example', asked was {ISSUER!r}",
        ),
        (
            "iss-parameter-missing",
            "the response has no iss although the provider promises it",
        ),
    ],
)
async def test_an_answer_of_another_issuer_costs_no_code(
    behaviour: str, detail: str
) -> None:
    world, party = Suite(behaviour), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(
        world, browser, step, detail=detail, status=400, code="callback_mismatch"
    )
    assert world.provider.asked("/token") == []


@pytest.mark.spec("ostiary-client-test-iss-parameter")
async def test_an_answer_with_the_promised_issuer_signs_in() -> None:
    world, party = Suite("iss-parameter-right"), build_party()

    await assert_signs_in(world, world.browser(), party, "iss-parameter-right")


@pytest.mark.spec("ostiary-client-test-iss-parameter")
@pytest.mark.parametrize(
    ("iss", "status", "code", "detail"),
    [
        ("&iss=https://evil.example", 400, "callback_mismatch", "is from issuer"),
        ("", 400, "callback_mismatch", "the response has no iss although"),
        (f"&iss={ISSUER}", 401, "login_failed", "the provider said 'access_denied'"),
    ],
)
async def test_an_error_of_another_issuer_is_not_the_providers(
    iss: str, status: int, code: str, detail: str
) -> None:
    world, party = Suite("iss-parameter-missing"), build_party()
    browser = world.browser()
    state = world.provider.authorize(await browser.start(party)).partition("state=")[2]
    step = await browser.ask(
        party, f"{CALLBACK}?error=access_denied&state={state}{iss}"
    )

    assert_nobody(world, browser, step, detail=detail, status=status, code=code)
