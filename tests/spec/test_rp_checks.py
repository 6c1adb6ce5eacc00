"""The rules told one by one say the same as the judge, and nothing that is nobody's business."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.jose.encoding import encode_base64url
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey, parse_jwks
from ostiary.oidc.errors import TokenRefused
from ostiary.oidc.rp.checks import Check, check_access_token, check_id_token
from ostiary.oidc.rp.verify import Rules, verify_access_token, verify_id_token

NOW = 1_800_000_000
KEY = PrivateKey.generate_ec("k1")
STRANGER = PrivateKey.generate_ec("k1")
UNKNOWN = PrivateKey.generate_ec("k2")
KEYS = parse_jwks({"keys": [KEY.public_jwk()]})
ISSUER = "https://idp.example"
ACCESS = "the-access-token"
NONCE = "the-nonce-that-was-sent"
# Left half of its SHA-256, as Core §3.1.3.6 has it.
HASH = encode_base64url(bytes.fromhex("b9bcbd67c19bfc7ff1e1f3e3c0dce0bb"))
ABSENT = object()
GOOD: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "ada",
    "aud": "c",
    "exp": NOW + 60,
    "iat": NOW - 5,
    "nonce": NONCE,
}

TIMES = st.sampled_from(
    [
        *(ABSENT, NOW - 4000, NOW - 30, NOW - 1, NOW, NOW + 1, NOW + 30, NOW + 4000),
        *(True, None, "soon", str(NOW), 10**20, float(NOW)),
    ]
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "iss": st.sampled_from([ABSENT, f"{ISSUER}/", "https://other.example", 5, ""]),
        "sub": st.sampled_from([ABSENT, "", 5, "ada"]),
        "aud": st.sampled_from(
            [ABSENT, "c", "d", [], ["c"], ["c", "d"], ["d", "e"], 5, [5], ""]
        ),
        "azp": st.sampled_from([None, "c", "d", 5]),
        "exp": TIMES,
        "iat": TIMES,
        "nbf": TIMES,
        "auth_time": TIMES,
        "nonce": st.sampled_from([ABSENT, NONCE, "another", 5]),
        "at_hash": st.sampled_from([HASH, "another", 5]),
        "token_use": st.sampled_from(["id", "access", "weird", None]),
        "client_id": st.sampled_from(["c", "d", 5]),
        "scope": st.just("openid"),
    },
)
RULES = st.builds(
    Rules,
    issuers=st.just((ISSUER,)),
    client_ids=st.just(("c",)),
    leeway_s=st.sampled_from([0, 10]),
    max_age_s=st.sampled_from([None, 60]),
    audiences_required=st.sampled_from([(), ("api",)]),
    any_audience=st.booleans(),
)
SIGNERS = st.sampled_from([KEY, KEY, KEY, STRANGER, UNKNOWN])
TYPES = st.sampled_from([None, "JWT", "at+jwt", "logout+jwt"])


def sign(changes: dict[str, Any], key: PrivateKey = KEY, typ: str | None = None) -> str:
    claims = {k: v for k, v in {**GOOD, **changes}.items() if v is not ABSENT}
    return sign_jwt(claims, key, typ=typ)


def id_checks(token: str, rules: Rules | None = None) -> dict[str, Check]:
    found = check_id_token(
        token,
        KEYS,
        rules or Rules(issuers=(ISSUER,), client_ids=("c",)),
        client_id="c",
        nonce=NONCE,
        access_token=ACCESS,
        now=NOW,
    )
    return {check.name: check for check in found}


@pytest.mark.spec("OIDCC#3.1.3.7")
@settings(max_examples=400, deadline=None)
@given(
    changes=CLAIMS,
    rules=RULES,
    key=SIGNERS,
    typ=TYPES,
    nonce=st.sampled_from([None, NONCE]),
    access=st.sampled_from([None, ACCESS]),
)
def test_all_rules_pass_exactly_where_an_id_token_does(
    changes: dict[str, Any],
    rules: Rules,
    key: PrivateKey,
    typ: str | None,
    nonce: str | None,
    access: str | None,
) -> None:
    token = sign(changes, key, typ)
    try:
        verify_id_token(
            token, KEYS, rules, client_id="c", nonce=nonce, access_token=access, now=NOW
        )
        passes = True
    except (TokenRefused, JoseError):
        passes = False
    found = check_id_token(
        token, KEYS, rules, client_id="c", nonce=nonce, access_token=access, now=NOW
    )

    assert all(check.passed for check in found) == passes, found


@pytest.mark.spec("RFC9068#4")
@settings(max_examples=400, deadline=None)
@given(changes=CLAIMS, rules=RULES, key=SIGNERS, typ=TYPES)
def test_all_rules_pass_exactly_where_an_access_token_does(
    changes: dict[str, Any], rules: Rules, key: PrivateKey, typ: str | None
) -> None:
    token = sign({"nonce": ABSENT, **changes}, key, typ)
    try:
        verify_access_token(token, KEYS, rules, now=NOW)
        passes = True
    except (TokenRefused, JoseError):
        passes = False
    found = check_access_token(token, KEYS, rules, now=NOW)

    assert all(check.passed for check in found) == passes, found


@pytest.mark.spec("OIDCC#3.1.3.7")
def test_a_good_token_tells_every_rule_and_the_key() -> None:
    found = id_checks(sign({}))

    assert all(check.passed for check in found.values())
    assert [*found] == ["alg", "kid", "signature", "typ", "iss", "aud", "exp", "iat", "sub", "azp", "nonce"]  # fmt: skip
    assert f"thumbprint {KEYS.keys[0].thumbprint}" in found["signature"].got
    assert found["exp"].got == f"{NOW + 60} (+60 s)"


@pytest.mark.spec("OIDCC#3.1.3.7")
@pytest.mark.parametrize(
    ("changes", "name", "got"),
    [
        ({"iss": "https://evil.example"}, "iss", "https://evil.example"),
        ({"iss": ABSENT}, "iss", "nothing"),
        ({"aud": "d"}, "aud", "d"),
        ({"aud": ABSENT, "client_id": "c"}, "aud", "nothing, client_id c"),
        ({"exp": NOW - 600}, "exp", f"{NOW - 600} (-600 s)"),
        ({"exp": ABSENT}, "exp", "nothing"),
        ({"iat": NOW + 600}, "iat", f"{NOW + 600} (+600 s)"),
        ({"nbf": "x"}, "nbf", "not a time"),
        ({"sub": ABSENT}, "sub", "nothing"),
        ({"aud": ["c", "d"]}, "azp", "nothing"),
        ({"azp": "d"}, "azp", "d"),
        ({"token_use": "access"}, "token_use", "access"),
        ({"nonce": "of another sign-in"}, "nonce", "another one"),
        ({"nonce": ABSENT}, "nonce", "nothing"),
        ({"at_hash": "x"}, "at_hash", "another, or of another token"),
    ],
)
def test_what_is_wrong_is_the_only_rule_that_fails(
    changes: dict[str, Any], name: str, got: str
) -> None:
    found = id_checks(sign(changes))

    assert {check.name for check in found.values() if not check.passed} == {name}
    assert found[name].got == got


def test_a_sign_in_that_is_too_old_fails_by_its_age() -> None:
    rules = Rules(issuers=(ISSUER,), client_ids=("c",), max_age_s=60)

    assert (
        id_checks(sign({"auth_time": NOW - 90}), rules)["auth_time"].got == "90 s ago"
    )
    assert not id_checks(sign({}), rules)["auth_time"].passed
    assert id_checks(sign({"auth_time": NOW - 9}), rules)["auth_time"].passed


@pytest.mark.spec("RFC7515#5.2")
@pytest.mark.parametrize(
    ("key", "failed"), [(STRANGER, {"signature"}), (UNKNOWN, {"kid", "signature"})]
)
def test_a_strangers_signature_fails_by_itself(
    key: PrivateKey, failed: set[str]
) -> None:
    found = id_checks(sign({}, key))

    assert {check.name for check in found.values() if not check.passed} == failed


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", f"{'a' * 20000}.b.c"])
def test_what_is_no_token_says_so_and_nothing_else(token: str) -> None:
    (found,) = id_checks(token).values()
    (other,) = check_access_token(
        token, KEYS, Rules(issuers=(ISSUER,), client_ids=("c",)), now=NOW
    )

    assert found.name == other.name == "form"
    assert not found.passed
    assert not other.passed


@pytest.mark.spec("RFC9068#5")
@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"token_use": "id"}, "token_use id"),
        ({"nonce": "n"}, "an ID token: it has nonce"),
        ({"nonce": ABSENT}, "nothing that says so: neither typ at+jwt nor scope, client_id or token_use"),
    ],
)  # fmt: skip
def test_what_is_no_access_token_says_by_what(
    changes: dict[str, Any], got: str
) -> None:
    rules = Rules(issuers=(ISSUER,), client_ids=("c",))
    found = check_access_token(sign(changes), KEYS, rules, now=NOW)

    assert {c.name: c.got for c in found if not c.passed} == {"kind": got}


def test_no_nonce_and_no_hash_is_told() -> None:
    found = id_checks(sign({"nonce": "their-nonce", "at_hash": "their-hash"}))

    assert NONCE not in str(found)
    assert "their-" not in str(found)
    assert ACCESS not in str(found)
