"""
Signed JWTs: made, and believed only after every check.

The algorithm comes from configuration and the key, never from the header; the header may
only agree. `jku`, `jwk`, `x5u` and `x5c` in a header are ignored.

Spec: RFC 7515 §5.2, RFC 7519 §7, RFC 8725 §3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from joserfc.errors import JoseError as LibraryError
from joserfc.jws import JWSRegistry

from ostiary.jose.encoding import decode_base64url, encode_base64url, parse_json_object
from ostiary.jose.errors import (
    BadSignature,
    CriticalHeader,
    KeyNotFound,
    MalformedToken,
    TokenTooLarge,
    UnsupportedAlgorithm,
)
from ostiary.jose.keys import MAX_KID_LENGTH, KeySet, PrivateKey, SharedSecret

MAX_TOKEN_LENGTH = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHeader:
    """The header fields that decide how a token is verified. Not yet trusted."""

    alg: str
    kid: str | None
    typ: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedJwt:
    """A JWT whose signature was verified. Only `verify_jwt` makes one."""

    header: TokenHeader
    claims: Mapping[str, object] = field(repr=False)
    key_thumbprint: str


def is_compact_jws(token: str) -> bool:
    """Tell whether a token looks like a compact JWS (three segments); says nothing of truth."""
    return token.count(".") == 2 and all(token.split("."))


def parse_header(token: str) -> TokenHeader:
    """
    The header of a compact JWS, checked in form only.

    Raises:
        TokenTooLarge, MalformedToken, CriticalHeader: It cannot be verified at all.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise TokenTooLarge(f"a token of {len(token)} characters is over 16384")
    segments = token.split(".", 3)
    if len(segments) != 3 or not all(segments):
        raise MalformedToken("a compact JWS has three segments")
    header = parse_json_object(decode_base64url(segments[0]))
    if "crit" in header or "b64" in header:
        raise CriticalHeader("the header has crit or b64")
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str):
        raise MalformedToken("alg is missing or not a text")
    if kid is not None and (not isinstance(kid, str) or len(kid) > MAX_KID_LENGTH):
        raise MalformedToken("kid is not a text of at most 256 characters")
    if typ is not None and not isinstance(typ, str):
        raise MalformedToken("typ is not a text")
    return TokenHeader(alg=alg, kid=kid, typ=typ)


def read_unverified_claims(token: str) -> dict[str, object]:
    """
    The claims without any trust in them: for showing, and for choosing a verifier.

    Raises:
        MalformedToken: Not a compact JWS with a JSON object in it.
    """
    parse_header(token)
    return parse_json_object(decode_base64url(token.split(".")[1]))


def verify_jwt(token: str, keys: KeySet, *, algorithms: frozenset[str]) -> SignedJwt:
    """
    The claims of a token that one of the keys signed with an allowed algorithm.

    Spec: RFC 7515 §5.2, RFC 8725 §3.1-3.2.

    Raises:
        UnsupportedAlgorithm: alg is not in `algorithms` (`none` never can be).
        KeyNotFound: No key has the kid and fits alg: a reason to fetch the keys again.
        BadSignature: A fitting key says no.
        MalformedToken, TokenTooLarge, CriticalHeader: As `parse_header`.
    """
    header = parse_header(token)
    if header.alg not in algorithms or header.alg.lower() == "none":
        raise UnsupportedAlgorithm(f"algorithm {header.alg[:20]!r} is not allowed")
    _, payload, signature = token.split(".")
    claims = parse_json_object(decode_base64url(payload))
    raw_signature = decode_base64url(signature)
    fitting = keys.fitting(header.kid, header.alg)
    if not fitting:
        raise KeyNotFound("suitable jwk was not found")
    # The library's algorithm, not its parser: that one refuses header fields it does not
    # know (RFC 7515 §4 says ignore) and headers over 512 bytes (an x5c chain is longer).
    algorithm = JWSRegistry.algorithms[header.alg]
    signing_input = token.rpartition(".")[0].encode("ascii")
    for candidate in fitting:
        try:
            is_good = algorithm.verify(signing_input, raw_signature, candidate.key)
        except (LibraryError, ValueError):
            continue
        if is_good:
            return SignedJwt(
                header=header, claims=claims, key_thumbprint=candidate.thumbprint
            )
    raise BadSignature("invalid signature")


def sign_jwt(
    claims: Mapping[str, object],
    key: PrivateKey | SharedSecret,
    *,
    typ: str | None = None,
) -> str:
    """A compact JWS over the claims, in their order. Header order: kid, alg, typ if any."""
    header = {"alg": key.alg} if key.kid is None else {"kid": key.kid, "alg": key.alg}
    if typ is not None:
        header["typ"] = typ
    payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
    # The library's algorithm, as in `verify_jwt`: its registry warns of "EdDSA", the name that
    # providers know (RFC 9864 has names that they do not yet).
    algorithm = JWSRegistry.algorithms[key.alg]
    algorithm.check_key(key.library_key)
    head = json.dumps(header, separators=(",", ":")).encode()
    signing_input = f"{encode_base64url(head)}.{encode_base64url(payload)}"
    signature = algorithm.sign(signing_input.encode("ascii"), key.library_key)
    return f"{signing_input}.{encode_base64url(signature)}"
