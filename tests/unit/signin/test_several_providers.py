"""Keys from more than one place, and providers without a discovery document."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey
from ostiary.signin.values import SendAway
from tests.support.browser import ORIGIN, World, allowed, build_party, refused
from tests.support.parties import PAGE, bearer
from tests.support.provider import CLIENT_ID, ISSUER, OTHER_KEY

REALM_B = "https://b.example/realm"
EXTRA = "https://b.example/other-jwks"
KEY_C = PrivateKey.generate_ec("key-c")


def token(world: World, issuer: str, key: PrivateKey) -> str:
    now = int(world.clock.now())
    claims = {
        "iss": issuer, "sub": "ada", "iat": now, "exp": now + 60, "client_id": CLIENT_ID,
        "scope": "openid",
    }  # fmt: skip
    return sign_jwt(claims, key)


@pytest.mark.spec("OP25-13")
@pytest.mark.parametrize(
    ("issuer", "key", "passes"),
    [
        (ISSUER, None, True),
        (REALM_B, OTHER_KEY, True),
        ("https://c.example/realm", KEY_C, False),
        ("https://c.example/realm", OTHER_KEY, False),
        (REALM_B, KEY_C, False),
    ],
)
async def test_tokens_of_the_issuers_allowed_pass_and_no_others(
    issuer: str, key: PrivateKey | None, *, passes: bool
) -> None:
    world = World()
    world.provider.other_keys = [OTHER_KEY]
    party = build_party(
        auth_methods=["bearer"],
        issuers_allowed=[ISSUER, REALM_B],
        extra_jwks_uris=[EXTRA],
    )
    text = token(world, issuer, key or world.provider.signing)

    step = await world.browser().ask(party, PAGE, fields=bearer(text))

    if passes:
        assert allowed(step).subject == "ada"
    else:
        assert refused(step).status == 401


async def test_keys_of_another_place_do_not_make_its_issuer_believed() -> None:
    world = World()
    world.provider.other_keys = [OTHER_KEY]
    party = build_party(auth_methods=["bearer"], extra_jwks_uris=[EXTRA])

    step = await world.browser().ask(
        party, PAGE, fields=bearer(token(world, REALM_B, OTHER_KEY))
    )

    assert refused(step).status == 401


async def test_a_key_set_that_is_away_does_not_take_the_others_along() -> None:
    world = World()
    world.provider.replies["other-jwks"] = world.provider.json(503, {})
    party = build_party(auth_methods=["bearer"], extra_jwks_uris=[EXTRA])

    step = await world.browser().ask(
        party, PAGE, fields=bearer(world.provider.access_token())
    )

    assert allowed(step).subject == "ada"
    assert "loading keys of" in world.log.text


async def test_what_one_worker_fetched_serves_the_others() -> None:
    world = World()
    world.provider.other_keys = [OTHER_KEY]
    party = build_party(
        auth_methods=["bearer"],
        issuers_allowed=[ISSUER, REALM_B],
        extra_jwks_uris=[EXTRA],
    )
    for worker in (world.signin, world.worker()):
        text = token(world, REALM_B, OTHER_KEY)
        step = await world.browser().ask(
            party, PAGE, fields=bearer(text), worker=worker
        )
        assert allowed(step).method == "bearer"

    assert len(world.provider.asked("/other-jwks")) == 1


@pytest.mark.spec("oidc-plugin#6.3")
@pytest.mark.parametrize(
    ("hosted", "passes"),
    [
        ("corp.example", True),
        ("evil-corp.example", False),
        ("CORP.example", False),
        ("corp.example.evil.example", False),
        (["corp.example"], False),
        (None, False),
    ],
)
async def test_only_people_of_the_allowed_domains_sign_in(
    hosted: object, *, passes: bool
) -> None:
    world, party = World(), build_party(domains=["corp.example", "other.example"])
    world.provider.id_edits = {"hd": hosted}
    browser = world.browser()
    location = await browser.start(party)
    answer = world.provider.authorize(location)

    step = await browser.ask(party, f"{ORIGIN}/cognito?{answer}")
    token = world.provider.access_token(hd=hosted)
    direct = await world.browser().ask(party, PAGE, fields=bearer(token))

    if passes:
        assert isinstance(step, SendAway)
    else:
        assert "required domains were not found" in refused(step).detail
        assert refused(step).status == 403
    if passes:
        assert allowed(direct).method == "bearer"
    else:
        assert refused(direct).status == 403


PSEUDO: dict[str, Any] = {
    "issuer": ISSUER,
    "using_pseudo_issuer": True,
    "jwks_endpoint": f"{ISSUER}/jwks",
}


async def test_a_pseudo_issuer_is_never_asked_for_its_document() -> None:
    world = World()
    party = build_party(
        **PSEUDO,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
    )
    browser = world.browser()

    step = await browser.ask(party, PAGE, fields=bearer(world.provider.access_token()))
    other = world.provider.access_token(iss="https://else.example")
    wrong = await browser.ask(party, PAGE, fields=bearer(other))
    await browser.sign_in(party)

    assert allowed(step).method == "bearer"
    assert refused(wrong).status == 401
    assert allowed(await browser.visit(party)).method == "session"
    assert world.provider.asked("openid-configuration") == []


async def test_a_pseudo_issuer_has_only_the_endpoints_that_are_configured() -> None:
    world = World()
    party = build_party(**PSEUDO)

    step = await world.browser().ask(party, PAGE)

    assert not isinstance(step, SendAway)
    assert refused(step).status == 500
