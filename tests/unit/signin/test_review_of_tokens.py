"""Ways in that a second review found: tokens of different people together, domains, user info."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ostiary.jose.encoding import encode_base64url
from ostiary.jose.jwt import sign_jwt
from ostiary.signin.values import Allowed
from tests.support.browser import World, allowed, build_party, refused
from tests.support.parties import PAGE, bearer, signed_in
from tests.support.provider import CLIENT_ID, ISSUER, OTHER_KEY
from tests.unit.signin.test_methods import OPAQUE, basic, party_with, value_of

BESIDE: dict[str, Any] = {
    "id_token_param_name": "id_token",
    "upstream_headers_claims": ["email", "sub"],
    "upstream_headers_names": ["x-email", "x-sub"],
}


def both(access: str, beside: str) -> tuple[tuple[bytes, bytes], ...]:
    return (*bearer(access), (b"Id-Token", beside.encode()))


def half_hash(token: str) -> str:
    return encode_base64url(hashlib.sha256(token.encode()).digest()[:16])


@pytest.mark.spec("OIDC-Core#3.1.3.6")
@pytest.mark.parametrize("groups", [None, ["admins"]])
async def test_somebody_else_s_id_token_opens_nothing(groups: list[str] | None) -> None:
    world = World()
    party = build_party(auth_methods=["bearer"], groups_required=groups, **BESIDE)
    access = world.provider.access_token(sub="mallory")
    stolen = world.provider.id_token("", sub="ada", groups=["admins"])

    step = refused(await world.browser().ask(party, PAGE, fields=both(access, stolen)))

    assert (step.status, step.error) == (401, "invalid_token")
    assert "is not of this access token" in step.detail


@pytest.mark.spec("OIDC-Core#3.1.3.6")
async def test_an_id_token_of_the_same_person_or_with_the_token_s_hash_counts() -> None:
    world, party = World(), build_party(auth_methods=["bearer"], **BESIDE)
    browser = world.browser()
    access = world.provider.access_token(sub="ada@example.com")  # as Okta names people
    hashed = world.provider.id_token("", sub="00u1", at_hash=half_hash(access))
    wrong = world.provider.id_token("", sub="ada@example.com", at_hash=half_hash("x"))
    same = world.provider.id_token("", sub="ada@example.com")

    for beside in (hashed, same):
        step = await browser.ask(party, PAGE, fields=both(access, beside))
        assert value_of(step, b"x-email") == b"ada@example.com"
    step = refused(await browser.ask(party, PAGE, fields=both(access, wrong)))
    assert "at_hash" in step.detail


@pytest.mark.spec("T-J8")
async def test_an_id_token_lends_no_audience_to_an_access_token() -> None:
    world = World()
    party = build_party(
        auth_methods=["bearer"],
        audience_required=[CLIENT_ID],
        id_token_param_name="id_token",
    )
    access = world.provider.access_token(client_id=None, token_use=None, aud=None)
    beside = world.provider.id_token("")
    browser = world.browser()

    assert refused(await browser.ask(party, PAGE, fields=bearer(access))).status == 403
    together = await browser.ask(party, PAGE, fields=both(access, beside))
    assert refused(together).status == 403
    good = world.provider.access_token(aud=CLIENT_ID)
    allowed(await browser.ask(party, PAGE, fields=both(good, beside)))


@pytest.mark.spec("OIDC-Core#3.1.3.7")
async def test_an_id_token_that_nobody_can_judge_reaches_nobody() -> None:
    world = World()
    party = build_party(
        auth_methods=["bearer"],
        client_id=None,
        audience_required=["api"],
        id_token_param_name="id_token",
        upstream_id_token_header="x-id-token",
    )
    access = world.provider.access_token(aud="api")
    forged = sign_jwt({"iss": ISSUER, "sub": "ada"}, OTHER_KEY)
    browser = world.browser()

    allowed(await browser.ask(party, PAGE, fields=bearer(access)))
    step = refused(await browser.ask(party, PAGE, fields=both(access, forged)))
    assert step.status == 401


@pytest.mark.spec("T-O4")
@pytest.mark.parametrize(
    ("hosted", "passes"),
    [("example.com", True), ("evil.example", False), (None, False)],
)
@pytest.mark.parametrize("method", ["userinfo", "introspection", "bearer", "password"])
async def test_domains_are_asked_of_every_method(
    method: str, hosted: str | None, *, passes: bool
) -> None:
    world = World()
    party = party_with(method, domains=["example.com"])
    told = {"sub": "ada"} if hosted is None else {"sub": "ada", "hd": hosted}
    world.provider.people[OPAQUE] = told
    world.provider.told[OPAQUE] = {"active": True, **told}
    world.provider.id_edits = {"hd": hosted}
    fields = bearer(OPAQUE)
    if method == "bearer":
        fields = bearer(world.provider.access_token(hd=hosted))
    if method == "password":
        fields = basic("ada", "correct horse")

    step = await world.browser().ask(party, PAGE, fields=fields)

    if passes:
        assert allowed(step).method == method
    else:
        assert refused(step).status == 403


@pytest.mark.spec("OIDC-Core#5.3.2")
@pytest.mark.parametrize(
    ("told", "shown"), [("00u1", True), ("ada@example.com", False)]
)
async def test_user_info_is_held_against_the_id_token_s_subject(
    told: str, *, shown: bool
) -> None:
    world = World()
    world.provider.id_edits = {"sub": "00u1"}
    world.provider.access_edits = {"sub": "ada@example.com"}
    party = build_party(
        search_user_info=True,
        upstream_headers_claims=["nickname"],
        upstream_headers_names=["x-nickname"],
    )
    usual = world.provider.user_info

    def user_info(authorization: str) -> Any:
        token = authorization.removeprefix("Bearer ")
        world.provider.people[token] = {"sub": told, "nickname": "countess"}
        return usual(authorization)

    world.provider.user_info = user_info  # type: ignore[method-assign]
    browser = await signed_in(world, party)
    step = await browser.ask(party, PAGE)

    assert isinstance(step, Allowed)
    assert value_of(step, b"x-nickname") == (b"countess" if shown else None)
