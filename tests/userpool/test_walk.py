"""The walk of a person through the hosted pages, from sign-up to tokens and back out."""

from __future__ import annotations

import pytest

from ostiary.jose.jwt import verify_jwt
from ostiary.jose.keys import parse_jwks
from tests.userpool.pool_kit import CALLBACK, Demo, PoolSite, query_of


@pytest.mark.spec("RFC6749#4.1")
async def test_sign_up_ends_at_the_client_with_a_code_that_gives_tokens(
    site: PoolSite, demo: Demo
) -> None:
    page = await demo.sign_up()
    wrong = await demo.browser.submit(page, {"code": "000000"})

    assert wrong.status == 200
    assert "Invalid verification code provided, please try again." in wrong.text

    done = await demo.browser.submit(wrong, {"code": site.mailer.last_code()})

    assert done.status == 302
    assert done.location.startswith(f"{CALLBACK}?code=")
    assert query_of(done.location)["state"] == "a state+/=%"

    reply = await demo.exchange(query_of(done.location)["code"])

    assert reply.status == 200, reply.text
    tokens = reply.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600

    base = site.browser(host="cognito-idp.localhost:9443")
    keys = (await base.get(f"/{demo.pool_id}/.well-known/jwks.json")).json()
    identity = verify_jwt(
        tokens["id_token"],
        parse_jwks({"keys": keys["keys"][:1]}),
        algorithms=frozenset({"RS256"}),
    )
    access = verify_jwt(
        tokens["access_token"],
        parse_jwks({"keys": keys["keys"][1:]}),
        algorithms=frozenset({"RS256"}),
    )

    assert identity.header.typ is None
    assert identity.claims["email"] == "Ada@Example.org"
    assert identity.claims["email_verified"] is True
    assert identity.claims["nonce"] == "n-1"
    assert identity.claims["aud"] == demo.client_id
    assert identity.claims["iss"] == (
        f"https://cognito-idp.localhost:9443/{demo.pool_id}"
    )
    assert access.claims["version"] == 2
    assert "aud" not in access.claims
    assert access.claims["scope"] == "openid email profile"

    info = await site.browser().get(
        "/oauth2/userInfo", authorization=f"Bearer {tokens['access_token']}"
    )

    assert info.json()["email_verified"] == "true"
    assert info.json()["sub"] == identity.claims["sub"]
