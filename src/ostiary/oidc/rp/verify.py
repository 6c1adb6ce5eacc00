"""
ID tokens and access tokens: every rule, each with its own word.

Spec: OpenID Connect Core 1.0 §3.1.3.7, §12.2; RFC 7519 §4.1; RFC 8725; RFC 9068 §4; decision D3.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from ostiary.jose.encoding import encode_base64url
from ostiary.jose.jwt import SignedJwt, verify_jwt
from ostiary.jose.keys import ASYMMETRIC_ALGORITHMS, KeySet
from ostiary.oidc.claims import (
    Claims,
    is_same_issuer,
    read_audience,
    read_text,
    read_time,
)
from ostiary.oidc.errors import TokenRefused

ACCESS_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt", "application/jwt"})
_HASHES = {
    "256": hashlib.sha256,
    "384": hashlib.sha384,
    "512": hashlib.sha512,
    "DSA": hashlib.sha512,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a party believes. `issuers` holds every accepted `iss`; times in seconds."""

    issuers: tuple[str, ...]
    client_ids: tuple[str, ...]
    leeway_s: float = 0
    algorithms: frozenset[str] = frozenset(ASYMMETRIC_ALGORITHMS)
    max_age_s: float | None = None
    audiences_required: tuple[str, ...] = ()
    any_audience: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """A token that passed its rules. Only this module makes one."""

    claims: Mapping[str, object] = field(repr=False)
    key_thumbprint: str
    expires_at: float | None


def _refuse(claim: str, what: str, why: str) -> TokenRefused:
    return TokenRefused(
        f"invalid_{claim}", f"invalid {claim} claim ({why}) was specified for {what}"
    )


def verify_signature(token: str, keys: KeySet, rules: Rules) -> SignedJwt:
    """
    As `jose.jwt.verify_jwt`, with the party's algorithms.

    Raises:
        JoseError: `key_not_found` means that fetching the keys again may help.
    """
    return verify_jwt(token, keys, algorithms=rules.algorithms)


def check_issuer(claims: Claims, rules: Rules, what: str, *, required: bool) -> None:
    """
    The issuer, where there is one or there must be one.

    Raises:
        TokenRefused: It is not one of those believed.
    """
    issuer = read_text(claims, "iss")
    if issuer is None and (required or "iss" in claims):
        raise _refuse("iss", what, "missing or not a text")
    if issuer is not None and not any(is_same_issuer(issuer, i) for i in rules.issuers):
        expected = ", ".join(rules.issuers)
        raise TokenRefused(
            "invalid_iss",
            f"invalid issuer ({issuer[:200]}) was specified for {what}, {expected} was expected",
        )


def check_times(
    claims: Claims, rules: Rules, now: float, what: str, *, required: bool
) -> float | None:
    """
    The times of a token; the one at which it ends, if any.

    Raises:
        TokenRefused: It has ended, has not begun, or comes from the future.
    """
    expires, issued, not_before = (read_time(claims, n) for n in ("exp", "iat", "nbf"))
    if required and expires is None:
        raise _refuse("exp", what, "missing")
    if required and issued is None:
        raise _refuse("iat", what, "missing")
    if expires is not None and now >= expires + rules.leeway_s:
        raise _refuse("exp", what, f"{expires:.0f}, expired {now - expires:.0f} s ago")
    if issued is not None and issued > now + rules.leeway_s:
        raise _refuse(
            "iat",
            what,
            f"{issued:.0f}, {issued - now:.0f} s ahead: the clocks differ, see leeway",
        )
    if not_before is not None and now < not_before - rules.leeway_s:
        raise _refuse("nbf", what, f"{not_before:.0f}, {not_before - now:.0f} s ahead")
    return expires


def check_at_hash(claimed: object, access_token: str, algorithm: str) -> bool:
    """Tell whether at_hash is the left half of the access token's hash (Core §3.1.3.6)."""
    digest = _HASHES[algorithm[-3:]](access_token.encode()).digest()
    expected = encode_base64url(digest[: len(digest) // 2])
    return isinstance(claimed, str) and hmac.compare_digest(
        claimed.encode(), expected.encode()
    )


def verify_id_token(
    token: str,
    keys: KeySet,
    rules: Rules,
    *,
    client_id: str,
    nonce: str | None,
    access_token: str | None,
    now: float,
) -> VerifiedToken:
    """
    An ID token for this client, from this sign-in, made by the issuer, not out of date.

    Spec: OpenID Connect Core 1.0 §3.1.3.7 rules 1-13.

    Args:
        nonce: What we sent; None only when none was sent (refresh) or verify_nonce is off.
        access_token: Checked against at_hash when the token carries one.
        now: Unix time in seconds.

    Raises:
        JoseError: The signature.
        TokenRefused: A claim; `code` is `invalid_<claim>`.
    """
    what = "id token"
    signed = verify_signature(token, keys, rules)
    claims = signed.claims
    if (signed.header.typ or "jwt").lower().endswith("+jwt"):
        raise TokenRefused(
            "invalid_typ", "the token's typ is that of another kind of token"
        )
    check_issuer(claims, rules, what, required=True)
    if not read_text(claims, "sub"):
        raise _refuse("sub", what, "missing or not a text")
    audience = read_audience(claims) or ()
    if client_id not in audience:
        raise _refuse("aud", what, "does not contain the client id")
    party = claims.get("azp")
    if party is None and len(audience) > 1:
        raise _refuse("azp", what, "missing with several audiences")
    if party is not None and party != client_id:
        raise _refuse("azp", what, "is not the client id")
    if claims.get("token_use", "id") != "id":
        raise _refuse("token_use", what, "is not id")
    expires = check_times(claims, rules, now, what, required=True)
    if nonce is not None:
        claimed = read_text(claims, "nonce")
        if claimed is None or not hmac.compare_digest(claimed.encode(), nonce.encode()):
            raise _refuse("nonce", what, "is not the one we sent")
    if rules.max_age_s is not None:
        signed_in = read_time(claims, "auth_time")
        if signed_in is None or now - signed_in > rules.max_age_s + rules.leeway_s:
            raise _refuse("auth_time", what, "missing or older than max_age")
    if (
        access_token is not None
        and "at_hash" in claims
        and not check_at_hash(claims["at_hash"], access_token, signed.header.alg)
    ):
        raise _refuse("at_hash", what, "does not match the access token")
    return VerifiedToken(
        claims=claims, key_thumbprint=signed.key_thumbprint, expires_at=expires
    )


def _check_access_audience(claims: Claims, rules: Rules, what: str) -> None:
    if rules.audiences_required or rules.any_audience:
        return
    # D3: without a configured audience, the token must have been made for our client.
    audience = read_audience(claims)
    if audience is not None:
        if not set(audience) & set(rules.client_ids):
            raise _refuse("aud", what, "has none of the configured client ids")
        return
    if read_text(claims, "client_id") not in rules.client_ids:
        raise _refuse(
            "client_id",
            what,
            "is none of the configured client ids and there is no aud",
        )
    if claims.get("token_use", "access") != "access":
        raise _refuse("token_use", what, "is not access")


def looks_like_access(typ: str | None, claims: Claims, rules: Rules) -> bool:
    """
    Tell an access token from an ID token, which has the client as its audience too.

    Without a configured audience a positive sign is asked for (RFC 9068 §5, decision D3).
    """
    if claims.get("token_use") == "id" or "nonce" in claims or "at_hash" in claims:
        return False
    if rules.audiences_required or (typ or "").lower().endswith("at+jwt"):
        return True
    return any(name in claims for name in ("scope", "scp", "client_id", "token_use"))


def verify_access_token(
    token: str, keys: KeySet, rules: Rules, *, now: float
) -> VerifiedToken:
    """
    A JWT access token for this gateway.

    ID tokens are refused here: they are made for a client, not for an API (RFC 9068 §5).

    Spec: RFC 9068 §4, RFC 8725 §3.8-3.12, decision D3.

    Raises:
        JoseError: The signature.
        TokenRefused: A claim; `code` is `invalid_<claim>`.
    """
    what = "access token"
    signed = verify_signature(token, keys, rules)
    claims = signed.claims
    if signed.header.typ is not None and signed.header.typ.lower() not in ACCESS_TYPES:
        raise TokenRefused(
            "invalid_typ", "the token's typ is not that of an access token"
        )
    if not looks_like_access(signed.header.typ, claims, rules):
        raise TokenRefused("invalid_token_use", "an id token was given as access token")
    check_issuer(claims, rules, what, required=False)
    _check_access_audience(claims, rules, what)
    expires = check_times(claims, rules, now, what, required=False)
    return VerifiedToken(
        claims=claims, key_thumbprint=signed.key_thumbprint, expires_at=expires
    )
