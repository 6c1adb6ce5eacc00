"""Tokens made by hand: every header, every payload, every signature."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ostiary.jose.encoding import encode_base64url
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import KeySet, PrivateKey, parse_jwks

RSA = PrivateKey.generate_rsa("rsa")
EC = PrivateKey.generate_ec("ec")
ED = Ed25519PrivateKey.generate()
ED_JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "kid": "ed",
    "x": encode_base64url(ED.public_key().public_bytes_raw()),
}
RSA_JWK = {k: v for k, v in RSA.public_jwk().items() if k != "alg"}
KEYS = parse_jwks({"keys": [RSA_JWK, EC.public_jwk(), ED_JWK]})
ALL = frozenset({"RS256", "PS256", "ES256", "EdDSA"})


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return encode_base64url(data)


def sign_with(
    key: PrivateKey, header: dict[str, Any], payload: bytes = b'{"sub":"ada"}'
) -> str:
    """A token with any header, signed as `key` signs, through cryptography and not our code."""
    text = f"{part(header)}.{encode_base64url(payload)}"
    private = key.library_key.private_key
    if isinstance(private, rsa.RSAPrivateKey):
        signature = private.sign(text.encode(), padding.PKCS1v15(), SHA256())
    else:
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(private.sign(text.encode(), ec.ECDSA(SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return f"{text}.{encode_base64url(signature)}"


def sign_ed(header: dict[str, Any]) -> str:
    text = f"{part(header)}.{part({'sub': 'ada'})}"
    return f"{text}.{encode_base64url(ED.sign(text.encode()))}"


def good() -> str:
    return sign_jwt({"sub": "ada"}, EC)


def only(*jwks: dict[str, Any]) -> KeySet:
    return parse_jwks({"keys": list(jwks)})
