"""Key sets: lenient as sets, strict as keys."""

from __future__ import annotations

import math
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.jose.encoding import encode_base64url
from ostiary.jose.errors import MalformedKey
from ostiary.jose.jwt import sign_jwt, verify_jwt
from ostiary.jose.keys import (
    MAX_KEYS,
    RSA_ALGORITHMS,
    PrivateKey,
    parse_jwks,
    parse_public_key,
)
from tests.unit.jose.jose_kit import EC, ED_JWK, RSA

FAST = settings(max_examples=200, deadline=None, derandomize=True)
RSA_JWK: dict[str, Any] = dict(RSA.public_jwk())
EC_JWK: dict[str, Any] = dict(EC.public_jwk())


def without(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    return {k: v for k, v in jwk.items() if k not in names}


def small_rsa(bits: int) -> dict[str, Any]:
    numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
    n = numbers.n.to_bytes((bits + 7) // 8, "big")
    return {"kty": "RSA", "n": encode_base64url(n), "e": "AQAB"}


@pytest.mark.spec("RFC7517#4")
@pytest.mark.parametrize(
    ("jwk", "algorithms"),
    [
        (RSA_JWK, {"RS256"}),
        (without(RSA_JWK, "alg"), RSA_ALGORITHMS),
        (without(RSA_JWK, "alg", "use", "kid"), RSA_ALGORITHMS),
        ({**RSA_JWK, "alg": "PS512"}, {"PS512"}),
        ({**RSA_JWK, "key_ops": ["verify"]}, {"RS256"}),
        ({**RSA_JWK, "key_ops": ["sign", "verify"]}, {"RS256"}),
        (without(EC_JWK, "alg"), {"ES256"}),
        (ED_JWK, {"EdDSA"}),
        ({**RSA_JWK, "x5c": ["AAAA"], "x5t": "x", "issuer": "y"}, {"RS256"}),
    ],
)
def test_a_key_verifies_what_its_type_and_alg_allow(
    jwk: dict[str, Any], algorithms: set[str]
) -> None:
    assert parse_public_key(jwk).algorithms == algorithms


@pytest.mark.spec("RFC8725#3.1")
@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "s"},
        {**RSA_JWK, "use": "enc"},
        {**RSA_JWK, "use": "tls"},
        {**RSA_JWK, "use": None},
        {**RSA_JWK, "use": ["sig"]},
        {**RSA_JWK, "key_ops": ["encrypt"]},
        {**RSA_JWK, "key_ops": ["sign"]},
        {**RSA_JWK, "key_ops": []},
        {**RSA_JWK, "key_ops": "verify"},
        {**RSA_JWK, "kid": 5},
        {**RSA_JWK, "kid": "k" * 257},
        {**RSA_JWK, "alg": "HS256"},
        {**RSA_JWK, "alg": "none"},
        {**RSA_JWK, "alg": "ES256"},
        {**RSA_JWK, "alg": ["RS256"]},
        {**RSA_JWK, "kty": "EC"},
        {**RSA_JWK, "kty": ["RSA"]},
        {**RSA_JWK, "n": 5},
        {**RSA_JWK, "n": ""},
        {**RSA_JWK, "n": "é"},
        {**RSA_JWK, "e": "AQ"},
        {**RSA_JWK, "e": "AA"},
        without(RSA_JWK, "n"),
        {**EC_JWK, "crv": "secp256k1"},
        {**EC_JWK, "crv": ["P-256"]},
        {**EC_JWK, "crv": "P-384"},
        {**EC_JWK, "x": EC_JWK["y"]},
        {**EC_JWK, "alg": "ES384"},
        without(EC_JWK, "y"),
        {**ED_JWK, "crv": "X25519"},
        {**ED_JWK, "crv": ["Ed25519"]},
        {**ED_JWK, "crv": {}},
        {**ED_JWK, "x": "AAAA"},
        {"kty": "NEW", "kid": "x"},
        {},
    ],
)
def test_a_key_we_cannot_use_is_refused_and_its_set_is_not(jwk: dict[str, Any]) -> None:
    with pytest.raises(MalformedKey) as caught:
        parse_public_key(jwk)

    assert caught.value.code == "malformed_key"
    assert [k.kid for k in parse_jwks({"keys": [jwk, EC_JWK]}).keys] == ["ec"]


@pytest.mark.spec("RFC7518#3.3")
def test_a_short_rsa_key_is_refused() -> None:
    with pytest.raises(MalformedKey) as caught:
        parse_public_key(small_rsa(1024))

    assert caught.value.detail == "an RSA key needs at least 2048 bits"
    assert parse_public_key(small_rsa(2048)).algorithms == RSA_ALGORITHMS


@pytest.mark.spec("CVE-2017-15361")
def test_a_key_that_can_be_factored_is_refused() -> None:
    primes = [p for p in range(3, 168, 2) if all(p % n for n in range(3, p, 2))]
    product = math.prod(primes)
    modulus = pow(65537, 12345, product) + product * (2**2047 // product + 1)
    modulus += product * (1 - modulus % 2)
    n = encode_base64url(modulus.to_bytes(256, "big"))
    with pytest.raises(MalformedKey) as caught:
        parse_public_key({"kty": "RSA", "n": n, "e": "AQAB"})

    assert "ROCA" in caught.value.detail


@pytest.mark.parametrize("key", [RSA, EC])
def test_private_members_of_a_public_key_are_dropped(key: PrivateKey) -> None:
    parsed = parse_public_key(key.to_private_jwk())

    assert not parsed.key.is_private
    assert "d" not in parsed.key.as_dict()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"keys": None},
        {"keys": {}},
        {"keys": "x"},
        {"keys": [EC_JWK] * (MAX_KEYS + 1)},
    ],
)
def test_what_is_no_set_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(MalformedKey):
        parse_jwks(data)


def test_members_that_are_no_keys_are_left_out() -> None:
    found = parse_jwks({"keys": [None, 1, "x", [], EC_JWK, {"kty": 5}, RSA_JWK]})

    assert [k.kid for k in found.keys] == ["ec", "rsa"]


MEMBER: st.SearchStrategy[Any] = (
    st.none() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({})
)


@pytest.mark.spec("T-J15")
@FAST
@given(
    st.sampled_from([RSA_JWK, EC_JWK, ED_JWK]),
    st.dictionaries(
        st.sampled_from(["kty", "use", "alg", "kid", "crv", "x", "y", "n", "e", "key_ops"]),
        MEMBER | st.sampled_from(["RSA", "EC", "OKP", "sig", "AQAB", "P-256", "AA"]),
        max_size=4,
    ),
)  # fmt: skip
def test_any_object_is_a_key_or_left_out(
    jwk: dict[str, Any], edits: dict[str, object]
) -> None:
    assert len(parse_jwks({"keys": [{**jwk, **edits}]}).keys) <= 1


@pytest.mark.parametrize("key", [RSA, EC])
def test_a_private_key_comes_back_and_hides(key: PrivateKey) -> None:
    again = PrivateKey.from_private_jwk(key.to_private_jwk())
    token = sign_jwt({"a": 1}, again)

    keys = parse_jwks({"keys": [key.public_jwk()]})
    assert verify_jwt(token, keys, algorithms=frozenset({key.alg})).claims == {"a": 1}
    assert key.to_private_jwk()["d"] not in repr(again)
    assert set(key.public_jwk()) & {"d", "p", "q", "dp", "dq", "qi"} == set()


@pytest.mark.parametrize("name", ["kid", "alg", "d", "kty"])
def test_a_private_key_needs_all_its_parts(name: str) -> None:
    with pytest.raises(MalformedKey):
        PrivateKey.from_private_jwk(without(dict(EC.to_private_jwk()), name))
