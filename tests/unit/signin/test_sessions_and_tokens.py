"""Sessions over time, refresh, bearer tokens, requirements, logout."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.http.exchange import IncomingReply
from ostiary.http.head import find, find_all
from ostiary.jose.jwt import sign_jwt
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.keys import KeyRing, RingKey
from ostiary.signin.values import Allowed, ConfirmLogout, Respond, SendAway
from tests.support.browser import (
    ORIGIN,
    RING,
    Browser,
    World,
    allowed,
    build_party,
    refused,
)
from tests.support.provider import KEY, OTHER_KEY

PAGE = f"{ORIGIN}/cognito/page"
LASTING: dict[str, Any] = {"session_idling_timeout": 0, "session_rolling_timeout": 0}


async def signed_in(world: World, party: Any) -> Browser:
    browser = world.browser()
    await browser.sign_in(party)
    return browser


def bearer(token: str) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"Authorization", f"Bearer {token}".encode()),)


@pytest.mark.parametrize(("idle", "ok"), [(899, True), (900, False)])
async def test_a_session_ends_when_nobody_uses_it(idle: float, ok: bool) -> None:
    world, party = World(), build_party()
    world.provider.lifetime = 86400
    browser = await signed_in(world, party)
    world.clock.move(idle)

    assert isinstance(await browser.visit(party), Allowed) is ok


async def test_a_used_session_rolls_on_until_its_absolute_end() -> None:
    world, party = World(), build_party(session_absolute_timeout=10_000)
    world.provider.lifetime = 86400
    browser = await signed_in(world, party)
    for _ in range(16):
        world.clock.move(600)
        allowed(await browser.visit(party))
    world.clock.move(600)

    assert isinstance(await browser.visit(party), SendAway)


@pytest.mark.spec("T-K6")
async def test_a_changed_cookie_is_no_session_and_is_removed() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    name = next(n for n in browser.cookies if "session" in n)
    text = browser.cookies[name]
    browser.cookies[name] = text[:40] + ("A" if text[40] != "A" else "B") + text[41:]
    step = await browser.visit(party)

    assert isinstance(step, SendAway)
    assert name not in browser.cookies


@pytest.mark.spec("T-K4")
async def test_a_session_of_another_plugin_is_no_session() -> None:
    world, party, other = World(), build_party(), build_party("row-2")
    browser = await signed_in(world, party)
    value = browser.cookies[f"__Host-session-{party.instance}"]
    browser.cookies = {f"__Host-session-{other.instance}": value}

    assert isinstance(await browser.visit(other), SendAway)


async def test_an_explicit_secret_shares_a_session_as_kong_does() -> None:
    shared: dict[str, Any] = {
        "session_secret": "a shared secret",
        "session_cookie_name": "session",
    }
    world, party, other = World(), build_party(**shared), build_party("row-2", **shared)
    browser = await signed_in(world, party)

    allowed(await browser.visit(other))


@pytest.mark.spec("T-K8")
async def test_a_planted_second_cookie_does_not_shadow_the_session() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    name = f"__Host-session-{party.instance}"
    planted = ((b"Cookie", f"{name}=1AAAA".encode()),)

    allowed(await browser.visit(party, fields=planted))


@pytest.mark.spec("D17")
async def test_rotating_the_key_keeps_people_in() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    world.ring = KeyRing((RingKey(b"bbbb", b"t" * 32), *RING.keys))

    allowed(await browser.visit(party, worker=world.worker()))


async def test_a_key_that_left_the_ring_opens_nothing() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    world.ring = KeyRing((RingKey(b"bbbb", b"t" * 32),))

    assert isinstance(await browser.visit(party, worker=world.worker()), SendAway)


async def test_large_tokens_travel_in_several_cookies() -> None:
    world, party = World(), build_party()
    world.provider.access_edits = {
        "groups": [f"{n * 7919 % 99991:x}" * 4 for n in range(300)]
    }
    browser = await signed_in(world, party)

    assert sum("session" in n for n in browser.cookies) >= 2
    allowed(await browser.visit(party))


async def test_a_missing_chunk_is_no_session() -> None:
    world, party = World(), build_party()
    world.provider.access_edits = {
        "groups": [f"{n * 7919 % 99991:x}" * 4 for n in range(300)]
    }
    browser = await signed_in(world, party)
    del browser.cookies[f"__Host-session-{party.instance}2"]

    assert isinstance(await browser.visit(party), SendAway)


async def test_tokens_that_fit_nowhere_are_said_at_login() -> None:
    world, party = World(), build_party()
    huge = sign_jwt({"x": [f"{n * 2654435761 % 2**32:x}" for n in range(9000)]}, KEY)
    original = world.provider.grant

    def grant(nonce: str, more: dict[str, Any]) -> IncomingReply:
        reply = original(nonce, more)
        return IncomingReply(
            status=200,
            fields={},
            body=reply.body[:-1] + f', "refresh_token": "{huge}"}}'.encode(),
        )

    world.provider.gives_refresh = False
    world.provider.token_reply = lambda form: grant(
        world.provider.codes.pop(form["code"])["nonce"], {}
    )
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))

    assert (
        refused(await browser.ask(party, f"{ORIGIN}/cognito?{answer}")).code
        == "session_too_large"
    )


@pytest.mark.spec("RFC6749#6")
async def test_an_expired_access_token_is_refreshed_unseen() -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    world.clock.move(3601)
    first = allowed(await browser.visit(party))

    assert world.provider.refreshes == 1
    assert find_all(first.downstream_fields, b"set-cookie")
    allowed(await browser.visit(party))
    assert world.provider.refreshes == 1


async def test_parallel_requests_refresh_once_over_all_workers() -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    world.clock.move(3601)
    workers = [world.signin, world.worker()]
    request = browser.request(PAGE)
    steps = await asyncio.gather(
        *(workers[n % 2].authenticate(request, party) for n in range(10))
    )

    assert all(isinstance(step, Allowed) for step in steps)
    assert world.provider.refreshes == 1


async def test_a_refused_refresh_ends_the_session_everywhere() -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    old = dict(browser.cookies)
    world.clock.move(3601)
    world.provider.token_reply = lambda _: world.provider.json(
        400, {"error": "invalid_grant"}
    )

    assert isinstance(await browser.visit(party), SendAway)
    world.provider.token_reply = None
    browser.cookies = old
    assert isinstance(await browser.visit(party, worker=world.worker()), SendAway)
    assert world.provider.refreshes == 0


@pytest.mark.spec("T-J12")
@pytest.mark.parametrize(
    "edit", [{"sub": "eve"}, {"aud": ["client-1", "x"], "azp": "client-1"}]
)
async def test_a_refreshed_id_token_of_somebody_else_is_refused(
    edit: dict[str, Any],
) -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    world.clock.move(3601)
    world.provider.id_edits = edit

    assert isinstance(await browser.visit(party), SendAway)


async def test_without_a_refresh_token_the_session_ends_with_the_access_token() -> None:
    world, party = World(), build_party(**LASTING)
    world.provider.gives_refresh = False
    browser = await signed_in(world, party)
    world.clock.move(3599)
    allowed(await browser.visit(party))
    world.clock.move(1)

    assert isinstance(await browser.visit(party), SendAway)


@pytest.mark.spec("RFC9068#4")
async def test_a_bearer_token_is_let_through_and_passed_on() -> None:
    world, party = World(), build_party()
    token = world.provider.access_token()
    step = allowed(await world.browser().visit(party, fields=bearer(token)))

    assert find(step.upstream_fields, b"authorization") == f"Bearer {token}".encode()
    assert step.session is None


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ({"exp": 1}, "exp"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"client_id": "another"}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"aud": "another"}, "aud"),
        ({"token_use": "id"}, "id token"),
        ({"nonce": "x"}, "id token"),
        ({"nbf": 9_000_000_000}, "nbf"),
    ],
)
@pytest.mark.spec("D3")
async def test_a_bearer_token_with_a_wrong_claim_is_refused(
    edit: dict[str, Any], reason: str
) -> None:
    world, party = World(), build_party()
    token = world.provider.access_token(**edit)
    step = refused(await world.browser().visit(party, fields=bearer(token)))

    assert (step.status, step.error) == (401, "invalid_token")
    assert reason in step.detail


@pytest.mark.spec("T-J9")
async def test_an_id_token_is_no_bearer_token() -> None:
    world, party = World(), build_party()
    token = world.provider.id_token("", token_use="id")

    assert (
        refused(await world.browser().visit(party, fields=bearer(token))).status == 401
    )


@pytest.mark.spec("T-J6")
async def test_a_flood_of_unknown_keys_costs_one_fetch() -> None:
    world, party = World(), build_party()
    await world.browser().visit(party, fields=bearer(world.provider.access_token()))
    before = len(world.provider.asked("/jwks"))
    world.provider.signing = OTHER_KEY
    for _ in range(50):
        token = world.provider.access_token()
        assert (
            refused(await world.browser().visit(party, fields=bearer(token))).status
            == 401
        )

    assert len(world.provider.asked("/jwks")) - before == 1


@pytest.mark.spec("D14")
async def test_a_remembered_token_is_still_checked_for_its_end() -> None:
    world, party = World(), build_party()
    token = world.provider.access_token()
    allowed(await world.browser().visit(party, fields=bearer(token)))
    world.clock.move(100)
    assert world.signin.decide(
        world.browser().request(PAGE, fields=bearer(token)), party
    )
    world.clock.move(3500)

    assert (
        refused(await world.browser().visit(party, fields=bearer(token))).status == 401
    )


async def test_a_token_in_the_query_is_used_and_hidden() -> None:
    world, party = World(), build_party()
    token = world.provider.access_token()
    step = allowed(await world.browser().ask(party, f"{PAGE}?access_token={token}"))

    assert step.strip_query == ("access_token",)


async def test_disabled_bearer_stays_disabled() -> None:
    world, party = World(), build_party(auth_methods=["session", "authorization_code"])
    token = world.provider.access_token()

    assert isinstance(
        await world.browser().visit(party, fields=bearer(token)), SendAway
    )


@pytest.mark.parametrize(
    ("field", "value", "ok"),
    [
        ("scopes_required", ["openid"], True),
        ("scopes_required", ["openid email"], False),
        ("scopes_required", ["admin", "openid"], True),
        ("audience_required", ["api"], False),
        ("groups_required", ["staff"], False),
        ("roles_required", ["root"], False),
        ("claims_forbidden", ["email"], False),
        ("claims_forbidden", ["phone"], True),
    ],
)
@pytest.mark.spec("T-O4")
async def test_requirements_really_deny(field: str, value: list[str], ok: bool) -> None:
    world, party = World(), build_party(**cast("Any", {field: value}))
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    step = await browser.ask(party, f"{ORIGIN}/cognito?{answer}")

    if ok:
        assert isinstance(step, SendAway)
    else:
        assert refused(step).status == 403
        assert not any("session" in n for n in browser.cookies)


async def test_requirements_are_checked_on_every_request() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    stricter = build_party(scopes_required=["admin"])

    assert refused(await browser.visit(stricter)).status == 403


async def test_claims_travel_in_headers() -> None:
    headers = [
        {"header": "X-Email", "path": ["email"]},
        {"header": "X-None", "path": ["nope"]},
    ]
    world, party = World(), build_party(upstream_headers=headers)
    browser = await signed_in(world, party)
    step = allowed(await browser.visit(party))

    assert find(step.upstream_fields, b"x-email") == b"ada@example.com"
    assert find(step.upstream_fields, b"x-none") is None
    assert {b"x-email", b"x-none", b"x-consumer-id"} <= party.managed_headers


LOGOUT: dict[str, Any] = {"logout_query_arg": "logout", "logout_methods": ["GET"]}


@pytest.mark.spec("OIDC-RPInitiated#2")
async def test_logging_out_ends_the_session_here_and_there() -> None:
    world = World()
    party = build_party(**LOGOUT, logout_redirect_uri=["https://app.example/bye"])
    browser = await signed_in(world, party)
    old = dict(browser.cookies)
    step = await browser.ask(party, f"{PAGE}?logout=true")

    assert isinstance(step, SendAway)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(step.location).query).items()}
    assert asked["post_logout_redirect_uri"] == "https://app.example/bye"
    assert asked["client_id"] == "client-1"
    assert "id_token_hint" in asked
    assert browser.cookies == {}
    browser.cookies = old
    assert isinstance(await browser.visit(party), SendAway)
    assert isinstance(await browser.visit(party, worker=world.worker()), SendAway)


@pytest.mark.spec("T-K10")
async def test_an_ended_session_leaves_the_memory_of_every_worker_at_once() -> None:
    world = World()
    party = build_party(**LOGOUT)
    browser = await signed_in(world, party)
    other = world.worker()
    await browser.visit(party, worker=other)
    request = browser.request(PAGE)
    assert other.decide(request, party) is not None
    await browser.ask(party, f"{PAGE}?logout=true")

    assert other.decide(request, party) is None


@pytest.mark.spec("D16")
async def test_cognitos_own_logout_form_is_used_as_written() -> None:
    world = World()
    target = (
        "https://idp.example/pool/end?client_id=client-1&logout_uri=app.example/bye"
    )
    party = build_party(**LOGOUT, logout_redirect_uri=[target])
    browser = await signed_in(world, party)
    step = await browser.ask(party, f"{PAGE}?logout=true")

    assert isinstance(step, SendAway)
    assert parse_qs(urlsplit(step.location).query)["logout_uri"] == [
        "https://app.example/bye"
    ]
    assert "post_logout_redirect_uri" not in step.location
    assert "completed to https://app.example/bye" in world.log.text


@pytest.mark.spec("D15")
async def test_a_logout_from_another_site_asks_first() -> None:
    world = World()
    party = build_party(**LOGOUT)
    browser = await signed_in(world, party)
    foreign = ((b"Sec-Fetch-Site", b"cross-site"),)
    step = await browser.ask(party, f"{PAGE}?logout=true", fields=foreign)

    assert isinstance(step, ConfirmLogout)
    allowed(await browser.visit(party))


@pytest.mark.spec("D15")
async def test_a_prefetched_logout_does_nothing() -> None:
    world = World()
    party = build_party(**LOGOUT)
    browser = await signed_in(world, party)
    prefetch = ((b"Sec-Purpose", b"prefetch"),)

    allowed(await browser.ask(party, f"{PAGE}?logout=true", fields=prefetch))


async def test_logging_out_without_session_still_goes_to_the_provider() -> None:
    world = World()
    party = build_party(**LOGOUT)

    assert isinstance(await world.browser().ask(party, f"{PAGE}?logout=1"), SendAway)


async def test_logging_out_revokes_tokens_when_asked_to() -> None:
    world = World()
    party = build_party(**LOGOUT, logout_revoke=True)
    browser = await signed_in(world, party)
    await browser.ask(party, f"{PAGE}?logout=true")
    hints = [
        parse_qs(r.body.decode())["token_type_hint"][0]
        for r in world.provider.asked("/revoke")
    ]

    assert hints == ["refresh_token", "access_token"]


async def test_logging_out_without_a_place_to_go_says_so() -> None:
    world = World()
    party = build_party(**LOGOUT)
    world.provider.metadata_edits = {"end_session_endpoint": None}
    browser = await signed_in(world, party)

    assert isinstance(await browser.ask(party, f"{PAGE}?logout=true"), Respond)


class Broken:
    """Shared state that is away."""

    def subscribe(self, channel: str, hear: Any) -> None:
        pass

    async def _away(self, *_: Any, **__: Any) -> Any:
        raise SharedUnavailable("away")

    get = set = add = delete = publish = _away


@pytest.mark.spec("D6")
async def test_shared_state_that_is_away_is_503_never_no_session() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    world.shared = Broken()  # type: ignore[assignment] # a port's fake, on purpose
    step = refused(await browser.visit(party, worker=world.worker()))

    assert (step.status, step.retry_after_s) == (503, 5)


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, "too_many_requests"), (401, "invalid_client"), (503, "unavailable")],
)
async def test_a_provider_that_cannot_refresh_now_signs_nobody_out(
    status: int, error: str
) -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    world.clock.move(3601)
    world.provider.token_reply = lambda _: world.provider.json(status, {"error": error})
    step = refused(await browser.visit(party))

    assert (step.status, step.code) == (500, "provider_unreachable")
    assert any("session" in name for name in browser.cookies)
    world.provider.token_reply = None
    allowed(await browser.visit(party))


async def test_an_early_refresh_that_fails_is_not_missed_by_anybody() -> None:
    world, party = World(), build_party(**LASTING, leeway=100)
    browser = await signed_in(world, party)
    world.clock.move(3550)
    world.provider.down = True

    allowed(await browser.visit(party))


async def test_logging_out_works_while_the_provider_is_away() -> None:
    world = World()
    party = build_party(
        **LASTING, **LOGOUT, logout_redirect_uri=["https://app.example/bye"]
    )
    browser = await signed_in(world, party)
    old = dict(browser.cookies)
    world.clock.move(3601)
    world.provider.down = True
    step = await browser.ask(party, f"{PAGE}?logout=true")

    assert isinstance(step, SendAway)
    browser.cookies = old
    world.provider.down = False
    assert isinstance(await browser.visit(party), SendAway)


async def test_the_logout_confirmation_leads_back_here_and_nowhere_else() -> None:
    world = World()
    party = build_party(**LOGOUT)
    browser = await signed_in(world, party)
    foreign = ((b"Sec-Fetch-Site", b"cross-site"),)
    step = await browser.ask(
        party, f"{ORIGIN}//evil.example/x?logout=1", fields=foreign
    )

    assert isinstance(step, ConfirmLogout)
    assert step.action == f"{ORIGIN}//evil.example/x?logout=1"


@pytest.mark.spec("D3")
async def test_a_token_with_the_client_as_audience_must_look_like_an_access_token() -> (
    None
):
    world, party = World(), build_party()
    plain = {"aud": "client-1", "client_id": None, "token_use": None, "scope": None}
    token = world.provider.access_token(**plain)

    assert (
        refused(await world.browser().visit(party, fields=bearer(token))).status == 401
    )
    scoped = world.provider.access_token(**{**plain, "scope": "openid"})
    allowed(await world.browser().visit(party, fields=bearer(scoped)))


@pytest.mark.spec("D14")
async def test_an_end_heard_while_a_session_is_opened_is_not_forgotten() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    request = browser.request(PAGE)
    session_id = ""
    inner = world.shared.get

    async def get(key: str) -> bytes | None:
        nonlocal session_id
        found = await inner(key)
        if key.startswith("ended:"):
            session_id = key.removeprefix("ended:")
            await world.shared.set(key, b"1", ttl_s=60)
            await world.shared.publish("sessions-ended", session_id.encode())
        return found

    world.shared.get = get  # type: ignore[method-assign] # the race, made certain
    allowed(await world.signin.authenticate(request, party))

    assert world.signin.decide(request, party) is None


async def test_after_a_lost_connection_every_session_is_looked_at_anew() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)
    await browser.visit(party)
    request = browser.request(PAGE)
    assert world.signin.decide(request, party) is not None
    world.signin.forget_sessions()

    assert world.signin.decide(request, party) is None


async def test_a_shared_secret_does_not_mix_clients() -> None:
    shared: dict[str, Any] = {
        "session_secret": "s3cret",
        "session_cookie_name": "session",
    }
    world, party = World(), build_party(**shared)
    other = build_party("row-2", client_id=["client-2"], **shared)
    browser = await signed_in(world, party)

    assert isinstance(await browser.visit(other), SendAway)
