"""Tokens at the door: forged, confused, oversized, or made for somebody else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.signin.party import Party
from ostiary.signin.schema import OpenidConnectConfig, describe_warnings
from ostiary.signin.values import Allowed, Step
from tests.spec.conformance.provider import (
    BEHAVIOURS,
    NOW,
    OLD_RSA,
    STRANGER,
    Suite,
    assert_nobody,
    assert_signs_in,
    attempt,
)
from tests.support.browser import allowed, build_config, build_party, refused
from tests.support.parties import PAGE, XHR, bearer
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.jose.jose_kit import EC, RSA, part, sign_with

ACCESS = {
    "iss": ISSUER,
    "sub": "ada",
    "client_id": CLIENT_ID,
    "token_use": "access",
    "scope": "openid",
    "iat": NOW,
    "exp": NOW + 3600,
}
HEADER = {"alg": "RS256", "kid": "rsa"}


def build_token(
    header: dict[str, Any] | None = None,
    claims: dict[str, Any] | None = None,
    **how: Any,
) -> str:
    """An access token with edits; None takes a member away. `key`: who signs it."""
    head = {**HEADER, **(header or {})}
    body = {**ACCESS, **(claims or {})}
    return sign_with(
        how.get("key", RSA),
        {k: v for k, v in head.items() if v is not None},
        json.dumps({k: v for k, v in body.items() if v is not None}).encode(),
    )


async def show(world: Suite, party: Party, token: str) -> Step:
    return await world.browser().visit(party, fields=(*bearer(token), *XHR))


async def assert_refused(world: Suite, party: Party, token: str, detail: str) -> None:
    """The token is invalid for that reason, and a good one is let through beside it."""
    step = refused(await show(world, party, token))

    assert (step.status, step.error) == (401, "invalid_token")
    assert step.detail == f"unable to verify bearer token ({detail})"
    assert token not in f"{step!r} {step.message} {world.log.text}"
    allowed(await show(world, party, build_token()))


@pytest.mark.parametrize(
    ("token", "detail"),
    [
        pytest.param(
            build_token({"alg": "HS256"}),
            "algorithm 'HS256' is not allowed",
            marks=pytest.mark.spec("T-J1"),
        ),
        pytest.param(
            build_token({"alg": "ES256"}, key=EC),
            "suitable jwk was not found",
            marks=pytest.mark.spec("T-J1"),
        ),
        pytest.param(
            build_token({"alg": "PS256"}),
            "suitable jwk was not found",
            marks=pytest.mark.spec("T-J1"),
        ),
        pytest.param(
            build_token({"alg": "none"}),
            "algorithm 'none' is not allowed",
            marks=pytest.mark.spec("T-J2"),
        ),
        pytest.param(
            build_token({"alg": "NONE"}),
            "algorithm 'NONE' is not allowed",
            marks=pytest.mark.spec("T-J2"),
        ),
        pytest.param(
            build_token({"alg": None}),
            "alg is missing or not a text",
            marks=pytest.mark.spec("T-J2"),
        ),
        pytest.param(
            build_token({"crit": ["bork"], "bork": 1}),
            "the header has crit or b64",
            marks=pytest.mark.spec("T-J3"),
        ),
        pytest.param(
            build_token({"crit": []}),
            "the header has crit or b64",
            marks=pytest.mark.spec("T-J3"),
        ),
        pytest.param(
            build_token({"b64": False}),
            "the header has crit or b64",
            marks=pytest.mark.spec("T-J3"),
        ),
        pytest.param(
            build_token({"jwk": STRANGER.public_jwk()}, key=STRANGER),
            "invalid signature",
            marks=pytest.mark.spec("T-J4"),
        ),
        pytest.param(
            build_token({"jku": "https://evil.example/keys"}, key=STRANGER),
            "invalid signature",
            marks=pytest.mark.spec("T-J4"),
        ),
        pytest.param(
            build_token({"kid": None, "x5c": ["MIIB"]}, key=OLD_RSA),
            "invalid signature",
            marks=pytest.mark.spec("T-J4"),
        ),
        pytest.param(
            build_token({"kid": "../../../dev/null"}),
            "suitable jwk was not found",
            marks=pytest.mark.spec("T-J5"),
        ),
        pytest.param(
            build_token({"kid": "rsa' OR '1'='1"}),
            "suitable jwk was not found",
            marks=pytest.mark.spec("T-J5"),
        ),
        pytest.param(
            build_token({"kid": "k" * 257}),
            "kid is not a text of at most 256 characters",
            marks=pytest.mark.spec("T-J5"),
        ),
        pytest.param(
            sign_with(RSA, HEADER, b'{"sub":"ada","sub":"root"}'),
            "a JSON object has the same name twice",
            marks=pytest.mark.spec("T-J19"),
        ),
        pytest.param(
            part(b'{"alg":"none","alg":"RS256"}') + ".e30.AAAA",
            "a JSON object has the same name twice",
            marks=pytest.mark.spec("T-J19"),
        ),
        pytest.param(
            sign_with(RSA, HEADER, b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"),
            "JSON is nested too deeply",
            marks=pytest.mark.spec("T-J14"),
        ),
        pytest.param(
            build_token(claims={"pad": "x" * 13_000}),
            "a token of 17938 characters is over 16384",
            marks=pytest.mark.spec("T-J14"),
        ),
        pytest.param(
            build_token({"alg": "PBES2-HS256+A128KW", "p2c": 2_147_483_647}),
            "algorithm 'PBES2-HS256+A128KW' is not allowed",
            marks=pytest.mark.spec("T-J14"),
        ),
        pytest.param(
            build_token({"alg": "RSA1_5", "enc": "A128GCM", "zip": "DEF"}),
            "algorithm 'RSA1_5' is not allowed",
            marks=pytest.mark.spec("T-J14"),
        ),
    ],
    ids=lambda value: value if " " in value else "token",
)
async def test_a_forged_bearer_token_is_refused_for_its_own_reason(
    token: str, detail: str
) -> None:
    world, party = Suite(), build_party()
    await assert_refused(world, party, token, detail)

    assert {r.url.partition("/pool")[0] for r in world.provider.requests} == {
        "https://idp.example"
    }


@pytest.mark.spec("T-J1")
async def test_a_key_that_names_its_algorithm_serves_no_other() -> None:
    free = {k: v for k, v in RSA.public_jwk().items() if k != "alg"}
    bound = RSA.public_jwk()
    token = build_token({"alg": "RS384"})

    for published, detail in (
        (bound, "suitable jwk was not found"),
        (free, "invalid signature"),
    ):
        world = Suite(published=(published,))
        await assert_refused(world, build_party(), token, detail)


@pytest.mark.spec("T-J4")
@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
async def test_a_good_token_may_carry_keys_that_nobody_looks_at(name: str) -> None:
    world, party = Suite(), build_party()
    value = {"jwk": STRANGER.public_jwk(), "x5c": ["MIIB"]}.get(
        name, "https://evil.example/keys"
    )
    allowed(await show(world, party, build_token({name: value})))

    assert len(world.provider.requests) == 2


@pytest.mark.spec("T-J14")
async def test_a_token_of_just_under_16_kb_is_judged_by_what_it_says() -> None:
    world, party = Suite(), build_party()
    token = build_token(claims={"pad": "x" * 11_400})

    assert 15_000 < len(token) <= 16_384
    allowed(await show(world, party, token))


@pytest.mark.spec("T-J14")
@pytest.mark.parametrize("token", ["." * 9000, "a.b.c.d.e", "a" * 1_000_000, "..", "a"])
async def test_what_has_not_three_segments_is_no_token(token: str) -> None:
    world, party = Suite(), build_party()
    step = refused(await show(world, party, token))

    assert step.status == 401
    assert world.provider.asked("/token") == []
    allowed(await show(world, party, build_token()))


# For whom


@pytest.mark.spec("T-J8")
@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({}, None),
        ({"aud": CLIENT_ID}, None),
        ({"aud": [CLIENT_ID, "api"]}, None),
        ({"aud": "api"}, "invalid aud claim (has none of the configured client ids)"),
        ({"aud": ["api"]}, "invalid aud claim (has none of the configured client ids)"),
        ({"aud": []}, "invalid aud claim (has none of the configured client ids)"),
        ({"aud": f"{CLIENT_ID} api"}, "invalid aud claim (has none"),
        ({"aud": 5}, "invalid aud claim (not a text or array of texts)"),
        ({"aud": [CLIENT_ID, 5]}, "invalid aud claim (not a text or array of texts)"),
        ({"client_id": "other"}, "invalid client_id claim (is none"),
        ({"client_id": None}, "invalid client_id claim (is none"),
        ({"client_id": [CLIENT_ID]}, "invalid client_id claim (is none"),
        ({"token_use": "id"}, "an id token was given as access token"),
        ({"token_use": "other"}, "invalid token_use claim (is not access)"),
    ],
)
async def test_a_bearer_token_must_be_made_for_this_client(
    claims: dict[str, Any], reason: str | None
) -> None:
    world, party = Suite(), build_party()
    step = await show(world, party, build_token(claims=claims))

    if reason is None:
        allowed(step)
    else:
        assert (refused(step).status, refused(step).error) == (401, "invalid_token")
        assert reason in refused(step).detail


@pytest.mark.spec("T-J8")
@pytest.mark.parametrize(
    ("audience", "ok"),
    [("api", True), (["x", "api"], True), ("web", False), ([], False), (None, False)],
)
async def test_a_configured_audience_is_asked_of_every_token(
    audience: object, ok: bool
) -> None:
    world, party = Suite(), build_party(audience_required=["api"])
    step = await show(world, party, build_token(claims={"aud": audience}))

    assert isinstance(step, Allowed) is ok
    if not ok:
        assert refused(step).status == 403
        assert refused(step).detail == "required audience were not found"


@pytest.mark.spec("T-J8")
async def test_tokens_for_anybody_need_a_loud_word_in_the_configuration() -> None:
    foreign = build_token(claims={"aud": "somebody else", "client_id": "other"})
    loud: dict[str, Any] = {"ostiary": {"accept_any_audience": True}}

    assert refused(await show(Suite(), build_party(), foreign)).status == 401
    allowed(await show(Suite(), build_party(**loud), foreign))
    assert any("made for anybody" in w for w in describe_warnings(build_config(**loud)))
    assert not any("made for anybody" in w for w in describe_warnings(build_config()))


@pytest.mark.spec("T-J8")
async def test_without_a_client_no_bearer_token_is_good_and_the_operator_is_told() -> (
    None
):
    config = OpenidConnectConfig.model_validate({"issuer": ISSUER}, strict=False)
    party = build_party(client_id=None)

    assert any("no bearer token" in w for w in describe_warnings(config))
    for aud in (None, "", "None"):
        step = await show(Suite(), party, build_token(claims={"aud": aud}))
        assert refused(step).status == 401


@pytest.mark.spec("T-J9")
@pytest.mark.parametrize(
    ("header", "claims", "detail"),
    [
        ({}, {"nonce": "n"}, "an id token was given as access token"),
        ({}, {"at_hash": "h"}, "an id token was given as access token"),
        ({}, {"token_use": "id"}, "an id token was given as access token"),
        (
            {},
            {
                "aud": CLIENT_ID,
                "scope": None,
                "client_id": None,
                "token_use": None,
            },
            "an id token was given as access token",
        ),
        (
            {"typ": "logout+jwt"},
            {},
            "the token's typ is not that of an access token",
        ),
        ({"typ": "dpop+jwt"}, {}, "the token's typ is not that of an access token"),
    ],
)
async def test_a_token_of_another_kind_is_no_access_token(
    header: dict[str, Any], claims: dict[str, Any], detail: str
) -> None:
    world, party = Suite(), build_party()
    await assert_refused(world, party, build_token(header, claims), detail)


@pytest.mark.spec("T-J9")
@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "AT+JWT", "application/at+jwt", None])
async def test_an_access_token_is_one_whatever_its_typ_is_spelt_like(
    typ: str | None,
) -> None:
    allowed(await show(Suite(), build_party(), build_token({"typ": typ})))


@pytest.mark.spec("T-J9")
async def test_an_access_token_is_no_id_token() -> None:
    world, party = Suite(claims={"token_use": "access"}), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)

    assert_nobody(
        world, browser, step, detail="invalid token_use claim (is not id) was specified"
    )
    await assert_signs_in(world, browser, party)


@pytest.mark.spec("T-J9")
@pytest.mark.parametrize(
    "issuer",
    [
        f"{ISSUER}1",
        "https://idp.example",
        ISSUER.upper(),
        f"{ISSUER}?",
        "",
        5,
        [ISSUER],
    ],
)
async def test_a_token_of_another_issuer_with_the_same_keys_is_refused(
    issuer: object,
) -> None:
    world, party = Suite(), build_party()
    step = refused(await show(world, party, build_token(claims={"iss": issuer})))

    assert (step.status, step.error) == (401, "invalid_token")
    assert "invalid iss" in step.detail
    allowed(await show(world, party, build_token()))


@pytest.mark.spec("D14")
@pytest.mark.parametrize(
    ("row_id", "changes", "status"),
    [
        ("row-1", {"audience_required": ["api"]}, 403),
        ("row-1", {"scopes_required": ["admin"]}, 403),
        ("row-2", {"client_id": ["client-2"]}, 401),
        ("row-1", {"claims_forbidden": ["sub"]}, 403),
        ("row-1", {"issuers_allowed": ["https://other.example"]}, 401),
    ],
)
async def test_a_token_judged_for_one_configuration_is_judged_anew_for_another(
    row_id: str, changes: dict[str, Any], status: int
) -> None:
    world, party = Suite(), build_party()
    other = build_party(row_id, **changes)
    token = build_token()
    allowed(await show(world, party, token))
    request = world.browser().request(PAGE, fields=(*bearer(token), *XHR))

    assert world.signin.decide(request, party) is not None
    assert world.signin.decide(request, other) is None
    assert refused(await show(world, other, token)).status == status


# Times


@pytest.mark.spec("T-J11")
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value",
    ["soon", "", True, False, [], {}, 1e300, -1e300, 10**400, "1e999", "nan", "inf"],
)
async def test_a_time_that_is_none_is_refused_in_every_token(
    name: str, value: object
) -> None:
    world, party = Suite(claims={name: value}), build_party()
    browser = world.browser()
    step = await attempt(world, browser, party)
    seen = refused(await show(world, party, build_token(claims={name: value})))

    assert_nobody(world, browser, step, detail=f"invalid {name} claim")
    assert (seen.status, seen.error) == (401, "invalid_token")
    assert f"invalid {name} claim" in seen.detail
    world.provider.behave("friendly")
    allowed(await show(world, party, build_token()))


@pytest.mark.spec("T-J11")
@pytest.mark.parametrize(
    "value", [NOW + 10, NOW + 9.5, 2**31 + 5, 2**33, f"{NOW + 10}", 4e9]
)
async def test_a_time_that_is_one_in_any_spelling_counts(value: Any) -> None:
    world, party = Suite(), build_party()
    token = build_token(claims={"exp": value})
    allowed(await show(world, party, token))
    world.clock.move(float(value) - NOW)

    assert refused(await show(world, party, token)).status == 401


# Oddities


TEXTS = st.text("abcXYZ019-_.=~ é{}\"'%&\x00", max_size=60)


@pytest.mark.spec("T-J15")
@given(TEXTS, TEXTS, st.integers(0, 5))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_odd_token_or_query_is_more_than_unauthorized(
    one: str, two: str, dots: int
) -> None:
    world, party = Suite(), build_party()
    token = ".".join([one.replace("\x00", ""), *[two.replace("\x00", "")] * dots])
    fields = ((b"Authorization", b"Bearer " + token.encode("utf-8")), *XHR)
    request = world.browser().request(PAGE, fields=fields)
    assert world.signin.decide(request, party) is None
    step = asyncio.run(world.signin.authenticate(request, party))

    assert refused(step).status == 401


@pytest.mark.spec("T-J15")
@pytest.mark.parametrize(
    "query",
    ["&", "&&=&", "access_token", "access_token=&", "access_token=a.b.c&", "=&=", "%"],
)
async def test_odd_queries_are_no_credentials_and_do_no_harm(query: str) -> None:
    world, party = Suite(), build_party()
    step = refused(await world.browser().ask(party, f"{PAGE}?{query}", fields=XHR))

    assert step.status == 401
    good = f"{PAGE}?{query.replace('access_token', 'x')}&access_token={build_token()}"
    if "%" not in query:
        allowed(await world.browser().ask(party, good, fields=XHR))


@pytest.mark.spec("T-J15")
@pytest.mark.parametrize("parts", [4, 5])
async def test_an_encrypted_token_is_no_token(parts: int) -> None:
    world, party = Suite(), build_party()
    header = part({"alg": "dir", "enc": "A256GCM", "zip": "DEF"})
    token = ".".join([header, *["AAAA"] * (parts - 1)])
    step = refused(await show(world, party, token))

    assert step.status == 401
    allowed(await show(world, party, build_token()))


# Nothing but an issuer and a client


HARMLESS = ("friendly", "almost-", "present-", "aud-array", "sig-es256", "azp-ours")
FAULTS = sorted(
    name
    for name in BEHAVIOURS
    if not name.startswith((*HARMLESS, "duplicate-unknown", "discovery-"))
    and not name.endswith(("-right", "-harmless", "-jwks"))
)


@pytest.mark.spec("T-J20")
@pytest.mark.parametrize("behaviour", FAULTS)
async def test_an_issuer_and_a_client_are_all_that_safety_needs(behaviour: str) -> None:
    world, party = Suite(behaviour), build_party()
    assert party.config.model_fields_set == {"issuer", "client_id"}
    browser = world.browser()
    step = refused(await attempt(world, browser, party))

    assert step.code in {"login_failed", "callback_mismatch"}
    assert not any("session" in name for name in browser.cookies)
    fresh = Suite()
    await assert_signs_in(fresh, fresh.browser(), party)
