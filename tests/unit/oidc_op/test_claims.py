"""Claims have exactly Cognito's types and names."""

from __future__ import annotations

import pytest

from ostiary.oidc.op import claims

FACTS = claims.TokenFacts(
    issuer="https://i/p",
    client_id="c",
    sub="s",
    username="u",
    scopes=("openid",),
    origin_jti="o",
    event_id="e",
    auth_time=1,
    issued_at=10,
)
ATTRIBUTES = {
    "sub": "s",
    "email": "a@b.c",
    "email_verified": "true",
    "phone_number": "+1",
    "phone_number_verified": "false",
    "given_name": "A",
    "updated_at": "1800000000",
    "address": "Road 1",
    "custom:x": "true",
}


@pytest.mark.spec("OIDC-Core#2")
def test_id_claims_carry_json_types() -> None:
    made = claims.build_id_claims(
        FACTS, ATTRIBUTES, access_token="a.b.c", nonce="n", jti="j", lifetime_s=60
    )

    assert made == {
        "at_hash": claims.at_hash("a.b.c"),
        "sub": "s",
        "email": "a@b.c",
        "email_verified": True,
        "phone_number": "+1",
        "phone_number_verified": False,
        "given_name": "A",
        "updated_at": 1800000000,
        "address": {"formatted": "Road 1"},
        "custom:x": "true",
        "iss": "https://i/p",
        "cognito:username": "u",
        "nonce": "n",
        "origin_jti": "o",
        "jti": "j",
        "aud": "c",
        "event_id": "e",
        "token_use": "id",
        "auth_time": 1,
        "iat": 10,
        "exp": 70,
    }


def test_access_claims_carry_version_two_and_no_audience() -> None:
    made = claims.build_access_claims(FACTS, jti="j", lifetime_s=60)

    assert made == {
        "sub": "s",
        "iss": "https://i/p",
        "version": 2,
        "client_id": "c",
        "origin_jti": "o",
        "jti": "j",
        "event_id": "e",
        "token_use": "access",
        "scope": "openid",
        "auth_time": 1,
        "iat": 10,
        "exp": 70,
        "username": "u",
    }


@pytest.mark.spec("OIDC-Core#3.1.3.6")
def test_at_hash_is_the_left_half() -> None:
    # The example of OpenID Connect Core 1.0, appendix A.3
    token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"

    assert claims.at_hash(token) == "77QmUPtjPfzWtF2AnpK9RQ"


@pytest.mark.spec("OIDC-Core#5.4")
@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        (("openid",), set(ATTRIBUTES)),
        (("openid", "email"), {"sub", "email", "email_verified"}),
        (("openid", "phone"), {"sub", "phone_number", "phone_number_verified"}),
        (
            ("openid", "profile"),
            {"sub", "given_name", "updated_at", "address", "custom:x"},
        ),
    ],
)
def test_scopes_choose(scopes: tuple[str, ...], names: set[str]) -> None:
    assert set(claims.select_claims(ATTRIBUTES, scopes)) == names


@pytest.mark.parametrize(
    ("allowed", "strict", "names"),
    [
        (None, False, set(ATTRIBUTES) - {"custom:x"}),
        (("email",), False, {"sub", "email", "email_verified"}),
        (("email",), True, {"sub", "email"}),
        (("custom:x",), True, {"sub", "custom:x"}),
    ],
)
def test_a_client_reads_what_it_may(
    allowed: tuple[str, ...] | None, strict: bool, names: set[str]
) -> None:
    assert set(claims.readable(ATTRIBUTES, allowed, strict=strict)) == names


@pytest.mark.parametrize(
    ("scopes", "allowed", "unreadable"),
    [
        (("openid", "email"), ("email",), True),
        (("openid", "email"), ("email", "email_verified"), False),
        (("openid", "email"), None, False),
        (("openid", "profile"), ("email",), False),
        (("openid", "phone"), ("phone_number",), True),
    ],
)
def test_a_scope_needs_its_attributes_to_be_readable(
    scopes: tuple[str, ...], allowed: tuple[str, ...] | None, unreadable: bool
) -> None:
    assert claims.is_scope_unreadable(scopes, allowed) is unreadable


@pytest.mark.spec("OIDC-Core#5.3.2")
def test_userinfo_is_texts_only() -> None:
    made = claims.build_userinfo(
        ATTRIBUTES, sub="s", username="u", scopes=("openid", "email")
    )

    assert made == {
        "sub": "s",
        "email": "a@b.c",
        "email_verified": "true",
        "username": "u",
    }
