"""Every method by its own credential: introspection, user info, refresh token, the two grants."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from ostiary.http.exchange import IncomingReply
from ostiary.jose.jwt import sign_jwt
from ostiary.signin.party import Party
from ostiary.signin.values import Respond, SendAway
from tests.support.browser import World, allowed, build_party, refused
from tests.support.parties import PAGE, XHR, bearer
from tests.support.provider import CLIENT_ID, ISSUER, OTHER_KEY

OPAQUE = "opaque-token"
NOW_ACTIVE: dict[str, Any] = {"active": True, "sub": "ada", "scope": "read write"}
Fields = tuple[tuple[bytes, bytes], ...]


def basic(name: str, secret: str) -> Fields:
    pair = base64.b64encode(f"{name}:{secret}".encode())
    return ((b"Authorization", b"Basic " + pair),)


def party_with(*methods: str, **changes: Any) -> Party:
    return build_party(auth_methods=[*methods], client_secret=["s"], **changes)


def forms(world: World, path: str) -> list[dict[str, str]]:
    return [
        {k: v[0] for k, v in parse_qs(r.body.decode()).items()}
        for r in world.provider.asked(path)
    ]


def value_of(step: Any, name: bytes) -> bytes | None:
    return dict(allowed(step).upstream_fields).get(name)


# Introspection


@pytest.mark.spec("OP25-4")
async def test_an_active_token_is_let_in_and_an_inactive_one_is_not() -> None:
    world, party = World(), party_with("introspection")
    world.provider.told[OPAQUE] = NOW_ACTIVE
    browser = world.browser()

    step = allowed(await browser.ask(party, PAGE, fields=bearer(OPAQUE)))
    other = refused(await browser.ask(party, PAGE, fields=bearer("unknown")))

    assert (step.method, step.subject) == ("introspection", "ada")
    assert value_of(step, b"authorization") == f"Bearer {OPAQUE}".encode()
    assert (other.status, other.error) == (401, "invalid_token")
    form = forms(world, "/introspect")[0]
    assert (form["token"], form["token_type_hint"]) == (OPAQUE, "access_token")


async def test_the_provider_is_asked_once_about_a_token() -> None:
    world, party = World(), party_with("introspection")
    world.provider.told[OPAQUE] = NOW_ACTIVE

    for worker in (world.signin, world.worker(), world.signin):
        browser = world.browser()
        allowed(await browser.ask(party, PAGE, fields=bearer(OPAQUE), worker=worker))

    assert len(world.provider.asked("/introspect")) == 1


async def test_without_the_cache_it_is_asked_every_time() -> None:
    world, party = World(), party_with("introspection", cache_introspection=False)
    world.provider.told[OPAQUE] = NOW_ACTIVE

    for _ in range(3):
        allowed(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))

    assert len(world.provider.asked("/introspect")) == 3


@pytest.mark.spec("T-J10")
async def test_a_kept_answer_ends_with_its_token_and_serves_no_other_configuration() -> (
    None
):
    world, party = World(), party_with("introspection")
    ends = world.clock.now() + 100
    world.provider.told[OPAQUE] = {**NOW_ACTIVE, "exp": ends}
    stricter = party_with("introspection", scopes_required=["admin"])
    browser = world.browser()
    allowed(await browser.ask(party, PAGE, fields=bearer(OPAQUE)))

    step = refused(await browser.ask(stricter, PAGE, fields=bearer(OPAQUE)))
    world.clock.move(101)
    late = refused(await browser.ask(party, PAGE, fields=bearer(OPAQUE)))

    assert step.status == 403
    assert late.status == 401


@pytest.mark.parametrize(
    "told",
    [
        {"active": "true", "sub": "ada"},
        {"active": 1, "sub": "ada"},
        {"sub": "ada"},
        {**NOW_ACTIVE, "exp": 1},
        {**NOW_ACTIVE, "iss": "https://other.example"},
        {**NOW_ACTIVE, "nbf": 4_000_000_000},
    ],
)
@pytest.mark.spec("RFC7662#2.2")
async def test_what_is_not_plainly_active_now_is_refused(told: dict[str, Any]) -> None:
    world, party = World(), party_with("introspection")
    world.provider.told[OPAQUE] = told

    step = refused(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))

    assert step.status == 401


async def test_providers_that_leave_active_out_can_be_believed() -> None:
    world = World()
    party = party_with("introspection", introspection_check_active=False)
    world.provider.told[OPAQUE] = {"sub": "ada"}

    allowed(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))


@pytest.mark.spec("RFC7662#2.1")
@pytest.mark.parametrize(
    ("method", "alg"),
    [
        ("client_secret_jwt", "RS256"),
        ("client_secret_jwt", "HS256"),
        ("private_key_jwt", "HS256"),
        ("private_key_jwt", "ES256"),
    ],
)
async def test_a_fixed_authorization_takes_the_place_of_an_assertion(
    method: str, alg: str
) -> None:
    world = World()
    party = party_with(
        "introspection",
        introspection_endpoint_auth_method=method,
        client_alg=[alg],
        introspection_headers_names=["Authorization"],
        introspection_headers_values=["Bearer of-the-operator"],
    )
    world.provider.told[OPAQUE] = NOW_ACTIVE

    allowed(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))

    asked = world.provider.asked("/introspect")[0]
    assert dict(asked.fields)["Authorization"] == "Bearer of-the-operator"
    assert "client_assertion" not in forms(world, "/introspect")[0]


async def test_an_endpoint_that_fails_lets_nobody_in() -> None:
    world, party = World(), party_with("introspection")
    world.provider.replies["introspect"] = world.provider.json(500, {"active": True})

    step = refused(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))

    assert step.status == 401
    assert "invalid status code" in step.detail


@pytest.mark.spec("RFC9701#5")
async def test_a_signed_result_is_verified_and_read() -> None:
    world = World()
    party = party_with(
        "introspection",
        introspection_accept="application/token-introspection+jwt",
        upstream_introspection_header="x-told",
        upstream_introspection_jwt_header="x-told-jwt",
    )
    claims = {"iss": ISSUER, "aud": CLIENT_ID, "token_introspection": NOW_ACTIVE}
    provider = world.provider
    kind = {"content-type": "application/token-introspection+jwt"}

    def answer(key: Any, **changes: Any) -> IncomingReply:
        text = sign_jwt({**claims, **changes}, key)
        return IncomingReply(status=200, fields=kind, body=text.encode())

    provider.replies["introspect"] = answer(provider.signing)
    step = allowed(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))
    for reply in (
        answer(OTHER_KEY),
        answer(provider.signing, aud="else"),
        answer(provider.signing, iss="https://other.example"),
    ):
        provider.replies["introspect"] = reply
        other = await world.browser().ask(party, PAGE, fields=bearer("another"))
        assert refused(other).status == 401

    told = value_of(step, b"x-told")
    assert told is not None
    assert b'"scope":"read write"' in base64.b64decode(told)
    assert (value_of(step, b"x-told-jwt") or b"").count(b".") == 2


async def test_a_jwt_is_introspected_where_bearer_is_off_and_where_it_is_asked_for() -> (
    None
):
    world = World()
    token = world.provider.access_token()
    only = party_with("introspection")
    both = party_with("bearer", "introspection", introspect_jwt_tokens=True)
    for party in (only, both):
        step = await world.browser().ask(party, PAGE, fields=bearer(token))
        assert refused(step).status == 401

    world.provider.told[token] = NOW_ACTIVE

    by_only = allowed(await world.browser().ask(only, PAGE, fields=bearer(token)))
    by_both = allowed(await world.browser().ask(both, PAGE, fields=bearer(token)))
    assert (by_only.method, by_both.method) == ("introspection", "bearer")


@pytest.mark.spec("oidc-plugin#2.6")
async def test_the_question_can_be_shaped() -> None:
    world = World()
    party = party_with(
        "introspection",
        introspection_hint="opaque",
        introspection_token_param_name="ticket",
        introspection_post_args_names=["realm"],
        introspection_post_args_values=["r"],
        introspection_post_args_client=["purpose"],
        introspection_post_args_client_headers=["X-Tenant"],
        introspection_headers_names=["X-Key"],
        introspection_headers_values=["k"],
        introspection_headers_client=["X-Trace"],
    )
    world.provider.replies["introspect"] = world.provider.json(200, NOW_ACTIVE)
    fields = (*bearer(OPAQUE), (b"X-Tenant", b"t"), (b"X-Trace", b"1"))

    allowed(await world.browser().ask(party, f"{PAGE}?purpose=p", fields=fields))

    request = world.provider.asked("/introspect")[0]
    form = {k: v[0] for k, v in parse_qs(request.body.decode()).items()}
    assert {
        "ticket": OPAQUE,
        "realm": "r",
        "purpose": "p",
        "X-Tenant": "t",
    }.items() <= (form.items())
    assert {("X-Key", "k"), ("X-Trace", "1")} <= set(request.fields)


# User info


@pytest.mark.spec("OP25-5")
async def test_a_token_that_the_userinfo_endpoint_takes_is_good() -> None:
    world = World()
    party = party_with("userinfo", upstream_user_info_header="x-userinfo")
    world.provider.people[OPAQUE] = {"sub": "ada", "email": "ada@example.com"}

    step = allowed(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))
    other = refused(await world.browser().ask(party, PAGE, fields=bearer("revoked")))

    assert (step.method, step.subject) == ("userinfo", "ada")
    told = value_of(step, b"x-userinfo")
    assert told is not None
    assert b"ada@example.com" in base64.b64decode(told)
    assert other.status == 401
    assert "userinfo endpoint (401)" in other.detail


@pytest.mark.spec("oidcc-client-test-userinfo-invalid-sub")
@pytest.mark.spec("T-J13")
async def test_user_info_about_somebody_else_is_not_believed() -> None:
    world = World()
    party = build_party(
        search_user_info=True,
        upstream_headers=[{"header": "x-team", "path": ["team"]}],
    )
    browser = world.browser()
    token = world.provider.access_token()
    world.provider.people[token] = {"sub": "eve", "team": "red"}
    other = world.provider.access_token(jti="2")
    world.provider.people[other] = {"sub": "ada", "team": "blue"}

    eve = await browser.ask(party, PAGE, fields=bearer(token))
    ada = await browser.ask(party, PAGE, fields=bearer(other))

    assert value_of(eve, b"x-team") is None
    assert value_of(ada, b"x-team") == b"blue"
    assert "invalid sub" in world.log.text


@pytest.mark.spec("oidcc-client-test-scope-userinfo-claims")
async def test_claims_of_the_session_come_from_user_info_when_no_token_has_them() -> (
    None
):
    world = World()
    party = build_party(
        search_user_info=True,
        upstream_headers=[{"header": "x-phone", "path": ["phone_number"]}],
    )
    world.provider.replies["userinfo"] = world.provider.json(
        200, {"sub": "ada", "phone_number": "+1"}
    )
    browser = world.browser()
    await browser.sign_in(party)

    steps = [await browser.visit(party) for _ in range(3)]

    assert [value_of(step, b"x-phone") for step in steps] == [b"+1"] * 3
    assert len(world.provider.asked("/userinfo")) == 1


async def test_user_info_is_not_asked_for_what_the_tokens_say() -> None:
    world = World()
    party = build_party(
        search_user_info=True, upstream_headers=[{"header": "x-e", "path": ["email"]}]
    )
    browser = world.browser()
    await browser.sign_in(party)

    step = await browser.visit(party)

    assert value_of(step, b"x-e") == b"ada@example.com"
    assert world.provider.asked("/userinfo") == []


# Grants


@pytest.mark.spec("OP25-2")
async def test_a_password_signs_in_and_starts_a_session() -> None:
    world, party = World(), party_with("session", "password")
    browser = world.browser()

    step = allowed(await browser.ask(party, PAGE, fields=basic("ada", "correct horse")))
    later = allowed(await browser.visit(party))

    assert (step.method, step.subject) == ("password", "ada")
    assert (later.method, later.subject) == ("session", "ada")
    form = forms(world, "/token")[0]
    assert (form["grant_type"], form["scope"]) == ("password", "openid")


async def test_a_wrong_password_is_a_401_and_no_session() -> None:
    world, party = World(), party_with("session", "password")
    browser = world.browser()

    step = refused(await browser.ask(party, PAGE, fields=basic("ada", "wrong")))

    assert (step.status, step.challenge) == (401, True)
    assert browser.cookies == {}
    assert "wrong" not in step.detail


async def test_without_sessions_the_tokens_are_kept_for_the_same_pair_only() -> None:
    world, party = World(), party_with("password")
    world.provider.users["eve"] = "other"

    for name, secret in (("ada", "correct horse"), ("eve", "other")) * 2:
        step = await world.browser().ask(party, PAGE, fields=basic(name, secret))
        assert allowed(step).subject == name
    wrong = await world.browser().ask(party, PAGE, fields=basic("ada", "other"))

    assert refused(wrong).status == 401
    assert len(world.provider.asked("/token")) == 3


async def test_kept_tokens_are_sealed_and_end_with_the_token() -> None:
    world, party = World(), party_with("password")
    fields = basic("ada", "correct horse")
    allowed(await world.browser().ask(party, PAGE, fields=fields))
    kept = [v for k, v in world.shared._rows.rows.items() if k.startswith("kept:")]

    world.clock.move(world.provider.lifetime + 1)
    allowed(await world.browser().ask(party, PAGE, fields=fields))

    assert len(kept) == 1
    assert b"refresh-0" not in kept[0][0]
    assert len(world.provider.asked("/token")) == 2


@pytest.mark.spec("oidc-plugin#13")
async def test_a_reply_that_has_ended_already_is_not_kept() -> None:
    world, party = World(), party_with("password")
    world.provider.lifetime = 0
    fields = basic("ada", "correct horse")

    for _ in range(2):
        await world.browser().ask(party, PAGE, fields=fields)

    assert len(world.provider.asked("/token")) == 2


@pytest.mark.spec("OP25-7")
async def test_a_client_uses_its_own_secret() -> None:
    world, party = World(), build_party(auth_methods=["client_credentials"])

    step = allowed(await world.browser().ask(party, PAGE, fields=basic("robot", "r2")))

    request = world.provider.asked("/token")[0]
    assert step.method == "client_credentials"
    assert dict(request.fields)["Authorization"] == basic("robot", "r2")[0][1].decode()
    assert forms(world, "/token")[0]["grant_type"] == "client_credentials"


async def test_a_wrong_client_secret_is_a_401() -> None:
    world, party = World(), build_party(auth_methods=["client_credentials"])
    world.provider.token_reply = lambda _: world.provider.json(
        401, {"error": "invalid_client"}
    )

    step = await world.browser().ask(party, PAGE, fields=basic("robot", "wrong"))

    assert refused(step).status == 401


async def test_a_pair_that_is_no_user_may_be_a_client() -> None:
    world, party = World(), party_with("password", "client_credentials")

    step = await world.browser().ask(party, PAGE, fields=basic("robot", "r2"))

    assert allowed(step).method == "client_credentials"
    grants = [form["grant_type"] for form in forms(world, "/token")]
    assert grants == ["password", "client_credentials"]


@pytest.mark.spec("OP25-6")
async def test_a_refresh_token_in_its_header_is_changed_into_tokens() -> None:
    world = World()
    party = party_with(
        "refresh_token",
        refresh_token_param_name="refresh_token",
        upstream_refresh_token_header="refresh_token",
    )
    browser = world.browser()

    step = allowed(
        await browser.ask(party, PAGE, fields=((b"Refresh-Token", b"Bearer r1"),))
    )
    bad = await browser.ask(party, PAGE, fields=((b"Refresh-Token", b"refused"),))

    assert forms(world, "/token")[0]["refresh_token"] == "r1"
    assert value_of(step, b"refresh-token") == b"refresh-1"
    assert refused(bad).status == 401


async def test_the_refresh_token_method_needs_a_name_to_look_for() -> None:
    world, party = World(), party_with("refresh_token")

    step = await world.browser().ask(party, PAGE, fields=((b"Refresh-Token", b"r1"),))

    assert refused(step).detail == "no credentials were found"
    assert world.provider.asked("/token") == []


@pytest.mark.spec("oidc-plugin#4.1")
async def test_the_order_of_methods_is_fixed_and_the_first_hit_decides() -> None:
    world = World()
    party = party_with(
        "session", "bearer", "password", refresh_token_param_name="refresh"
    )
    browser = world.browser()
    await browser.ask(party, PAGE, fields=basic("ada", "correct horse"))
    stale = world.provider.access_token(exp=1)

    with_session = allowed(await browser.ask(party, PAGE, fields=bearer(stale)))
    without = refused(await world.browser().ask(party, PAGE, fields=bearer(stale)))

    assert with_session.method == "session"
    assert without.status == 401
    assert len(world.provider.asked("/token")) == 1


async def test_a_provider_that_is_away_is_no_refused_password() -> None:
    world, party = World(), party_with("password")
    allowed(
        await world.browser().ask(party, PAGE, fields=basic("ada", "correct horse"))
    )
    world.provider.down = True

    step = refused(await world.browser().ask(party, PAGE, fields=basic("ada", "other")))

    assert (step.status, step.code) == (500, "provider_unreachable")


async def test_disable_session_keeps_a_method_from_starting_one() -> None:
    world = World()
    party = party_with("session", "password", disable_session=["password"])
    browser = world.browser()

    allowed(await browser.ask(party, PAGE, fields=basic("ada", "correct horse")))

    assert browser.cookies == {}


@pytest.mark.parametrize(
    ("tokens", "names"),
    [
        (["id_token"], {"id_token"}),
        (
            ["tokens"],
            {"id_token", "access_token", "refresh_token", "token_type", "expires_in"},
        ),
        ([], set()),
    ],
)
@pytest.mark.spec("oidc-plugin#9.6")
async def test_a_login_by_password_can_answer_with_tokens(
    tokens: list[str], names: set[str]
) -> None:
    world = World()
    party = party_with(
        "password",
        login_methods=["password"],
        login_action="response",
        login_tokens=tokens,
    )

    step = await world.browser().ask(party, PAGE, fields=basic("ada", "correct horse"))

    assert isinstance(step, Respond)
    assert set(json.loads(step.body)) == names


async def test_a_login_by_password_can_redirect() -> None:
    world = World()
    party = party_with(
        "session",
        "password",
        login_methods=["password"],
        login_action="redirect",
        login_tokens=None,
        login_redirect_uri=["https://app.example/home"],
    )
    browser = world.browser()

    step = await browser.ask(party, PAGE, fields=basic("ada", "correct horse"))

    assert isinstance(step, SendAway)
    assert step.location == "https://app.example/home"
    assert browser.cookies


async def test_an_opaque_token_that_nobody_can_judge_is_refused() -> None:
    world = World()
    world.provider.metadata_edits = {
        "introspection_endpoint": None,
        "userinfo_endpoint": None,
    }
    party = party_with("bearer", "introspection", "userinfo", "authorization_code")

    step = refused(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))

    assert (step.status, step.error) == (401, "invalid_token")
    assert "neither introspection_endpoint nor" in step.detail


async def test_scripts_without_credentials_get_a_401_with_all_methods_on() -> None:
    world, party = World(), build_party()

    assert refused(await world.browser().ask(party, PAGE, fields=XHR)).status == 401
