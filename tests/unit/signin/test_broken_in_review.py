"""Ways past sign-in that a review found, kept shut."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.cli.explain import tell
from ostiary.jose.jwt import sign_jwt
from ostiary.ports.shared import SharedUnavailable
from ostiary.signin.values import Allowed, Respond
from tests.support.browser import World, allowed, build_party, refused
from tests.support.parties import PAGE, bearer
from tests.support.provider import ISSUER, OTHER_KEY
from tests.unit.signin.test_backchannel import (
    logged_in,
    logout_token,
    order,
    party_that_hears,
)
from tests.unit.signin.test_credentials import FORM, JSON, post
from tests.unit.signin.test_methods import NOW_ACTIVE, OPAQUE, basic, forms, party_with


@pytest.mark.spec("T-K10")
async def test_an_order_holds_for_parties_with_longer_sessions() -> None:
    world = World()
    short = party_that_hears("row-1", session_absolute_timeout=600)
    lasting = party_that_hears(
        "row-2", session_idling_timeout=0, session_rolling_timeout=0
    )
    browser = await logged_in(world, lasting)

    await order(world, short, f"logout_token={logout_token(world)}")
    world.clock.move(1000)

    assert not isinstance(await browser.visit(lasting), Allowed)


async def test_an_order_that_could_not_be_carried_out_may_come_again() -> None:
    world, party = World(), party_that_hears()
    browser = await logged_in(world, party)
    body = f"logout_token={logout_token(world)}"
    usual = world.shared.set

    async def fail(key: str, value: bytes, *, ttl_s: float) -> None:
        if key.startswith("ended:"):
            raise SharedUnavailable("away")
        await usual(key, value, ttl_s=ttl_s)

    world.shared.set = fail  # type: ignore[method-assign]
    first = refused(await order(world, party, body))
    world.shared.set = usual  # type: ignore[method-assign]
    second = await order(world, party, body)

    assert first.status == 503
    assert isinstance(second, Respond)
    assert not isinstance(await browser.visit(party), Allowed)


@pytest.mark.spec("T-J1")
async def test_what_an_unverified_token_says_itself_counts_for_nothing() -> None:
    world = World()
    now = int(world.clock.now())
    forged = sign_jwt(
        {"iss": ISSUER, "sub": "root", "scope": "admin", "exp": now + 60}, OTHER_KEY
    )
    careless = party_with("introspection", introspection_check_active=False)
    strict = party_with("introspection", scopes_required=["admin"])
    browser = world.browser()

    world.provider.told[forged] = {"active": True, "sub": "ada", "scope": "read"}
    named = allowed(await browser.ask(careless, PAGE, fields=bearer(forged)))
    step = refused(await browser.ask(strict, PAGE, fields=bearer(forged)))

    assert named.subject == "ada"
    assert step.status == 403


@pytest.mark.spec("T-J8")
@pytest.mark.parametrize(
    ("audience", "status"), [("client-1", 200), ("other-api", 401)]
)
async def test_an_introspected_token_for_somebody_else_is_refused(
    audience: str, status: int
) -> None:
    world, party = World(), party_with("introspection")
    world.provider.told[OPAQUE] = {**NOW_ACTIVE, "aud": audience}

    step = await world.browser().ask(party, PAGE, fields=bearer(OPAQUE))

    assert isinstance(step, Allowed) is (status == 200)


@pytest.mark.spec("T-J15")
@pytest.mark.parametrize(
    "body",
    [
        rb'{"access_token":"\ud800"}',
        rb'{"username":"\ud800","password":"x"}',
        rb'{"username":"ada","password":"correct horse","c":"\ud800"}',
    ],
)
async def test_half_a_letter_is_no_credential(body: bytes) -> None:
    world, party = World(), party_with("introspection", "password")

    step = refused(await world.browser().ask(party, PAGE, **post(JSON, body)))

    assert step.status == 401


async def test_what_nobody_thought_of_lets_nobody_in() -> None:
    world, party = World(), build_party()

    def explode(_: str) -> None:
        raise RuntimeError("secret text")

    world.provider.introspect = explode  # type: ignore[assignment,method-assign]
    strange = party_with("introspection")
    step = refused(await world.browser().ask(strange, PAGE, fields=bearer(OPAQUE)))

    assert (step.status, step.code) == (500, "unexpected")
    assert "secret text" not in world.log.text
    assert refused(await world.browser().ask(party, PAGE, fields=bearer("a.b.c")))


@pytest.mark.spec("T-J10")
async def test_nothing_is_remembered_where_more_than_the_token_decides() -> None:
    world = World()
    party = party_with("introspection", introspection_post_args_client=["tenant"])
    beside = build_party(auth_methods=["bearer"], id_token_param_name="id_token")
    browser = world.browser()
    world.provider.told[OPAQUE] = NOW_ACTIVE
    allowed(await browser.ask(party, f"{PAGE}?tenant=a", fields=bearer(OPAQUE)))
    world.provider.told = {}
    token = world.provider.access_token()
    allowed(await browser.ask(beside, PAGE, fields=bearer(token)))
    bad = (b"Id-Token", world.provider.id_token("", aud="else").encode())

    other = await browser.ask(party, f"{PAGE}?tenant=b", fields=bearer(OPAQUE))
    with_bad = await browser.ask(beside, PAGE, fields=(*bearer(token), bad))

    assert refused(other).status == 401
    assert refused(with_bad).status == 401


async def test_a_spare_token_in_the_body_is_hidden_on_every_worker() -> None:
    world, party = World(), build_party(auth_methods=["bearer"])
    token = world.provider.access_token()
    browser = world.browser()
    sent = post((*FORM, *bearer(token)), f"a=1&access_token={token}".encode())
    for worker in (None, world.worker()):
        allowed(await browser.ask(party, PAGE, fields=bearer(token)))
        step = allowed(await browser.ask(party, PAGE, worker=worker, **sent))
        assert step.new_body == b"a=1"


async def test_a_forbidden_claim_is_not_missed_while_user_info_is_away() -> None:
    world = World()
    party = build_party(
        auth_methods=["bearer"], claims_forbidden=["banned"], search_user_info=True
    )
    token = world.provider.access_token()
    world.provider.replies["userinfo"] = world.provider.json(503, {})

    away = await world.browser().ask(party, PAGE, fields=bearer(token))
    world.provider.replies["userinfo"] = world.provider.json(200, {"sub": "ada"})
    back = await world.browser().ask(party, PAGE, fields=bearer(token))

    assert refused(away).status == 403
    assert allowed(back).method == "bearer"


@pytest.mark.parametrize("method", ["none", "private_key_jwt"])
async def test_a_caller_s_secret_is_always_sent(method: str) -> None:
    world = World()
    jwk = {"client_jwk": [OTHER_KEY.to_private_jwk()]} if method != "none" else {}
    config: dict[str, Any] = {"token_endpoint_auth_method": method, **jwk}
    party = build_party(auth_methods=["client_credentials"], **config)

    await world.browser().ask(party, PAGE, fields=basic("robot", "wrong"))

    request = world.provider.asked("/token")[0]
    assert "Authorization" in dict(request.fields)
    assert "client_assertion" not in forms(world, "/token")[0]


async def test_a_grant_that_starts_a_session_binds_its_own_streams() -> None:
    world, party = World(), party_with("session", "password")

    step = allowed(
        await world.browser().ask(party, PAGE, fields=basic("ada", "correct horse"))
    )

    assert step.session is not None
    assert step.marks == (step.session.id,)
    assert step.is_ambient


@pytest.mark.spec("T-X10")
async def test_what_browsers_send_by_themselves_is_marked() -> None:
    world = World()
    cookie = build_party(
        auth_methods=["bearer"],
        bearer_token_param_type=["cookie", "header"],
        bearer_token_cookie_name="tok",
    )
    token = world.provider.access_token()
    fields = ((b"Cookie", f"tok={token}".encode()),)

    for _ in range(2):
        by_cookie = allowed(await world.browser().ask(cookie, PAGE, fields=fields))
        assert by_cookie.is_ambient
    by_header = allowed(await world.browser().ask(cookie, PAGE, fields=bearer(token)))

    assert not by_header.is_ambient


async def test_kept_tokens_are_not_shared_with_another_token_endpoint() -> None:
    world = World()
    salt = {"cache_tokens_salt": "s" * 32}
    one = party_with("password", **salt)
    two = build_party(
        "row-2",
        auth_methods=["password"],
        client_secret=["s"],
        token_endpoint=f"{ISSUER}/other/token",
        **salt,
    )
    browser = world.browser()

    allowed(await browser.ask(two, PAGE, fields=basic("ada", "correct horse")))
    world.provider.users = {}
    step = await browser.ask(one, PAGE, fields=basic("ada", "correct horse"))

    assert refused(step).status == 401


def test_a_story_moves_no_cursor_and_ends_no_line() -> None:
    story = {
        "method": "GET", "url": "https://a/", "request_id": "r", "issuer": "i\x1b[2J",
        "took_ms": 1, "events": [], "outcome": "refused", "why": "a\nforged line",
        "checks": [{"name": "iss", "passed": False, "expected": "x", "got": "\x1b]0;y\x07"}],
    }  # fmt: skip

    lines = [*tell(story)]

    assert all(line.isprintable() for line in lines)
    assert any("a\\x0aforged line" in line for line in lines)
