"""Verifying with configured keys: the configuration's algorithm and no other."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey, OKPKey, RSAKey

from ostiary.jose.configured import read_verifier
from ostiary.jose.encoding import encode_base64url
from ostiary.jose.errors import (
    BadSignature,
    MalformedKey,
    MalformedToken,
    UnsupportedAlgorithm,
)
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import AnyKey, PrivateKey

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def public_pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> str:
    return key.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    ).decode()  # fmt: skip


def private_pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signed(key: AnyKey, alg: str) -> str:
    return sign_jwt({"iss": "a"}, PrivateKey(key, kid="k", alg=alg))


def with_secret(secret: bytes, alg: str, *, said: str | None = None) -> str:
    head = encode_base64url(json.dumps({"alg": said or alg}).encode())
    body = encode_base64url(b'{"iss":"a"}')
    mac = hmac.new(secret, f"{head}.{body}".encode(), HASHES[alg]).digest()
    return f"{head}.{body}.{encode_base64url(mac)}"


@pytest.mark.spec("RFC7518#3.2")
@pytest.mark.parametrize("alg", HASHES)
def test_a_secret_verifies_its_own_algorithm(alg: str) -> None:
    verifier = read_verifier(alg, secret=b"s")

    assert verifier.verify(with_secret(b"s", alg)) == {"iss": "a"}
    with pytest.raises(BadSignature):
        verifier.verify(with_secret(b"other", alg))
    assert "s'" not in repr(verifier)


@pytest.mark.spec("RFC8725#3.1")
@pytest.mark.parametrize("said", ["none", "HS384", "RS256"])
def test_a_token_that_names_another_algorithm_is_refused(said: str) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        read_verifier("HS256", secret=b"s").verify(
            with_secret(b"s", "HS256", said=said)
        )


@pytest.mark.spec("RFC8725#3.1")
def test_a_public_key_never_serves_as_a_secret() -> None:
    pem = public_pem(RSA)
    forged = with_secret(pem.encode(), "HS256")

    with pytest.raises(UnsupportedAlgorithm):
        read_verifier("RS256", public_pem=pem).verify(forged)


@pytest.mark.parametrize(
    ("alg", "token", "pem"),
    [
        (
            "RS256",
            signed(RSAKey.import_key(private_pem(RSA)), "RS256"),
            public_pem(RSA),
        ),
        (
            "PS384",
            signed(RSAKey.import_key(private_pem(RSA)), "PS384"),
            public_pem(RSA),
        ),
        ("ES256", signed(ECKey.import_key(private_pem(EC)), "ES256"), public_pem(EC)),
        ("EdDSA", signed(OKPKey.import_key(private_pem(ED)), "EdDSA"), public_pem(ED)),
    ],
)
def test_a_public_key_verifies_whatever_name_the_token_gives_it(
    alg: str, token: str, pem: str
) -> None:
    verifier = read_verifier(alg, public_pem=pem)

    assert verifier.verify(token) == {"iss": "a"}
    head, _, signature = token.split(".")
    other = encode_base64url(b'{"iss":"b"}')
    with pytest.raises(BadSignature):
        verifier.verify(f"{head}.{other}.{signature}")


def test_a_key_that_does_not_fit_is_refused() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)

    for alg, secret, pem in (
        ("HS256", None, None),
        ("HS256", b"", None),
        ("RS256", b"s", None),
        ("RS256", None, "nonsense"),
        ("ES384", None, public_pem(EC)),
        ("ES256", None, public_pem(RSA)),
        ("RS256", None, public_pem(small)),
    ):
        with pytest.raises(MalformedKey):
            read_verifier(alg, secret=secret, public_pem=pem)


@pytest.mark.parametrize(
    "curve",
    [ec.BrainpoolP256R1(), ec.SECP192R1(), ec.SECP224R1(), ec.SECP256K1()],
    ids=lambda curve: curve.name,
)
@pytest.mark.parametrize("alg", ["ES256", "ES384", "RS256", "EdDSA"])
def test_a_key_on_a_curve_of_no_algorithm_is_refused(
    curve: ec.EllipticCurve, alg: str
) -> None:
    pem = public_pem(ec.generate_private_key(curve))

    with pytest.raises(MalformedKey) as caught:
        read_verifier(alg, public_pem=pem)

    assert caught.value.code == "malformed_key"


def test_nonsense_is_no_token() -> None:
    with pytest.raises(MalformedToken):
        read_verifier("HS256", secret=b"s").verify("a.b")
