"""Faults that a reader with fresh eyes found, kept from coming back."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.http.head import find
from ostiary.jose.encoding import encode_base64url
from ostiary.jose.jwt import read_unverified_claims, sign_jwt
from ostiary.jose.keys import PrivateKey
from ostiary.sessions.session import SessionInvalid, load_session
from ostiary.signin.party import compile_party
from ostiary.signin.schema import describe_warnings
from ostiary.signin.values import SendAway
from tests.support.browser import ORIGIN, World, allowed, build_party, refused
from tests.support.parties import LASTING, PAGE, bearer
from tests.support.provider import KEY
from tests.unit.signin.test_methods import party_with

CALLBACK = f"{ORIGIN}/cognito"


@pytest.mark.spec("D5")
@pytest.mark.parametrize(
    "query",
    [
        "error=access_denied&error_description=Acc%E8s&state={}",
        "code=c&state={}" + "&a=1" * 100,
        "error=access_denied",
        "error=login_required&error_description=x",
    ],
)
async def test_an_answer_that_cannot_be_read_never_begins_a_new_sign_in(
    query: str,
) -> None:
    world, party = World(), build_party()
    browser = world.browser()
    location = await browser.start(party)
    state = dict(
        pair.split("=", 1) for pair in world.provider.authorize(location).split("&")
    )["state"]

    step = refused(await browser.ask(party, f"{CALLBACK}?{query.format(state)}"))

    assert step.status == 400
    assert step.login_url is None or "error" not in step.login_url


async def test_an_error_argument_of_the_app_reaches_it_once_signed_in() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    await browser.sign_in(party)

    assert allowed(await browser.ask(party, f"{CALLBACK}?error=x")).method == "session"


@pytest.mark.spec("T-J12")
@pytest.mark.parametrize(
    ("edits", "holds"),
    [
        ({}, True),
        ({"auth_time": 1_799_999_000}, True),
        ({"auth_time": 1_799_999_999}, False),
        ({"azp": "client-1"}, False),
        ({"nonce": "another"}, False),
    ],
)
async def test_a_refreshed_id_token_is_about_the_same_sign_in(
    edits: dict[str, Any], *, holds: bool
) -> None:
    world, party = World(), build_party(**LASTING)
    world.provider.id_edits = {"auth_time": 1_799_999_000}
    browser = world.browser()
    await browser.sign_in(party)
    world.provider.id_edits = edits
    world.clock.move(world.provider.lifetime + 1)

    step = await browser.visit(party)

    assert (getattr(step, "method", None) == "session") is holds


@pytest.mark.spec("T-J14")
async def test_a_huge_token_is_sent_nowhere() -> None:
    world, party = World(), party_with("introspection", "userinfo")

    step = refused(await world.browser().ask(party, PAGE, fields=bearer("x" * 20_000)))

    assert (step.status, step.error) == (401, "invalid_token")
    assert world.provider.requests == []


@pytest.mark.spec("T-C10")
async def test_no_argument_of_the_authorization_request_is_there_twice() -> None:
    world = World()
    party = build_party(
        max_age=60,
        audience=["api"],
        authorization_query_args_names=["max_age", "audience", "prompt"],
        authorization_query_args_values=["9999", "other", "login"],
        authorization_query_args_client=["prompt", "max_age"],
    )

    location = await world.browser().start(
        party, f"{PAGE}?prompt=none&prompt=x&max_age=1"
    )

    for name, value in (("max_age", "60"), ("audience", "api"), ("prompt", "login")):
        assert location.count(f"{name}=") == 1
        assert f"{name}={value}" in location


@pytest.mark.spec("T-O8")
@pytest.mark.parametrize(
    "row",
    [
        '["id","x",1,1,"s","m",0,1,"a",null,null]',
        '["id",1,1,1,"s","m",0,"x","a",null,null]',
        '["id",1,1,1,"s","m",0,1,7,null,null]',
        '["id",1,1,1,"s","m",true,1,"a",3,null]',
        '[5,1,1,1,"s","m",0,1,"a",null,null]',
    ],
)
def test_a_session_of_another_shape_is_none(row: str) -> None:
    with pytest.raises(SessionInvalid):
        load_session(f"[1,{row[1:]}".encode())


def test_sessions_of_the_versions_before_are_some_and_of_the_next_is_none() -> None:
    row = '"id",1,1,1,"s","m",0,1,"a",null,null'

    assert load_session(f"[1,{row}]".encode()).sid is None
    assert load_session(f'[2,{row},"sid"]'.encode()).sid == "sid"
    assert load_session(f'[3,{row},null,"hash"]'.encode()).client_hash == "hash"
    for wrong in (
        "[2,{},null,null]",
        "[3,{},null]",
        "[3,{},null,7]",
        "[[],{}]",
        "[4,{},null,null]",
    ):
        with pytest.raises(SessionInvalid):
            load_session(wrong.format(row).encode())


@pytest.mark.spec("T-K8")
async def test_planted_cookies_do_not_hide_the_session() -> None:
    world, party = World(), build_party(session_cookie_name="app")
    browser = world.browser()
    await browser.sign_in(party)
    planted = "; ".join(f"app=1planted{n}" for n in range(20))
    own = f"app={browser.cookies['app']}"
    fields = ((b"Cookie", f"{planted}; {own}".encode()),)

    step = await browser.ask(party, PAGE, fields=fields, cookies=False)

    assert allowed(step).method == "session"


@pytest.mark.spec("T-R7")
async def test_a_page_at_the_callbacks_address_tells_it_to_nobody() -> None:
    world = World()
    party = build_party(auth_methods=["authorization_code"])
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))

    step = allowed(await browser.ask(party, f"{CALLBACK}?{answer}"))

    assert find(step.downstream_fields, b"referrer-policy") == b"no-referrer"


async def test_a_rotated_key_of_the_same_name_is_fetched() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    allowed(
        await browser.ask(party, PAGE, fields=bearer(world.provider.access_token()))
    )
    assert KEY.kid == "key-1"
    world.provider.signing = PrivateKey.generate_ec("key-1")
    world.provider.keys = [world.provider.signing]
    fresh = world.provider.access_token(jti="2")

    step = await browser.ask(party, PAGE, fields=bearer(fresh))

    assert allowed(step).method == "bearer"
    assert len(world.provider.asked("/jwks")) == 2


async def test_bad_signatures_do_not_keep_a_rotation_from_being_found() -> None:
    world, party = World(), build_party()
    browser = world.browser()
    good = world.provider.access_token()
    allowed(await browser.ask(party, PAGE, fields=bearer(good)))
    for number in range(50):
        signature = encode_base64url(number.to_bytes(64, "big"))
        forged = f"{good.rpartition('.')[0]}.{signature}"
        assert refused(await browser.ask(party, PAGE, fields=bearer(forged)))
    fetched = len(world.provider.asked("/jwks"))

    world.provider.signing = PrivateKey.generate_ec("key-9")
    world.provider.keys = [world.provider.signing]
    step = await browser.ask(
        party, PAGE, fields=bearer(world.provider.access_token(jti="2"))
    )

    assert fetched == 2
    assert allowed(step).method == "bearer"


@pytest.mark.spec("RFC8725#3.11")
@pytest.mark.parametrize("typ", ["logout+jwt", "at+jwt", "AT+JWT"])
async def test_another_kind_of_token_is_no_id_token(typ: str) -> None:

    world, party = World(), build_party()
    browser = world.browser()
    usual = world.provider.id_token

    def typed(nonce: str, **more: Any) -> str:
        return sign_jwt(read_unverified_claims(usual(nonce, **more)), KEY, typ=typ)

    world.provider.id_token = typed  # type: ignore[method-assign]
    answer = world.provider.authorize(await browser.start(party))
    step = await browser.ask(party, f"{CALLBACK}?{answer}")

    assert not isinstance(step, SendAway)
    assert "typ" in refused(step).detail


async def test_a_row_that_holds_every_default_is_as_one_that_holds_none() -> None:
    short = build_party().config
    stored = type(short).model_validate(short.model_dump(mode="json"), strict=False)
    party, kept = build_party(), compile_party(stored, "row-1")

    assert stored.model_fields_set == short.model_fields_set
    assert kept.secure.session.startswith("__Host-session-")
    assert (kept.secure, kept.plain) == (party.secure, party.plain)
    assert describe_warnings(stored) == describe_warnings(short)


@pytest.mark.spec("T-K4")
@pytest.mark.parametrize("name", ["session", None])
async def test_a_shared_secret_shares_the_name_too(name: str | None) -> None:
    more = {"session_secret": "both"} | ({"session_cookie_name": name} if name else {})
    one, other = build_party("row-1", **more), build_party("row-2", **more)

    assert one.secure.session == other.secure.session == "__Host-session"
    assert one.plain.session == "session"
