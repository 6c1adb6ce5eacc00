"""
What tokens and userinfo say, with the exact types that Amazon Cognito gives each claim.

ID tokens carry JSON types (booleans, numbers, an object for `address`); userinfo carries
texts only.

Spec: OpenID Connect Core 1.0 §2, §3.1.3.6, §5.1, §5.4; RFC 9068 is not followed, as Cognito.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_BOOLEAN: Final = frozenset({"email_verified", "phone_number_verified"})
_EMAIL: Final = frozenset({"email", "email_verified"})
_PHONE: Final = frozenset({"phone_number", "phone_number_verified"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFacts:
    """
    What both tokens of one issue share. Times are Unix seconds.

    `by_oauth` is false for a sign-in through the API, whose tokens say less.
    """

    issuer: str
    client_id: str
    sub: str
    username: str
    scopes: tuple[str, ...]
    origin_jti: str
    event_id: str
    auth_time: int
    issued_at: int
    has_jti: bool = True
    by_oauth: bool = True
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    preferred_role: str | None = None
    device_key: str | None = None


def readable(
    attributes: Mapping[str, str], allowed: tuple[str, ...] | None, *, strict: bool
) -> dict[str, str]:
    """
    The attributes that a client may read.

    Without a list it reads the standard ones. Unless strict, who may read an address or a
    number may also read whether it is verified: the literal rule breaks common set-ups.
    """
    names = {n for n in attributes if not n.startswith(("custom:", "dev:"))}
    if allowed is not None:
        names = set(allowed)
        if not strict:
            names |= {f"{n}_verified" for n in ("email", "phone_number") if n in names}
    return {n: v for n, v in attributes.items() if n in names or n == "sub"}


def is_scope_unreadable(
    scopes: tuple[str, ...], allowed: tuple[str, ...] | None
) -> bool:
    """Tell whether a scope needs an attribute that the client's list leaves out."""
    if allowed is None:
        return False
    needed = (_EMAIL if "email" in scopes else set()) | (
        _PHONE if "phone" in scopes else set()
    )
    return bool(needed - set(allowed))


def select_claims(
    attributes: Mapping[str, str], scopes: tuple[str, ...]
) -> dict[str, str]:
    """
    The readable attributes that the scopes ask for.

    `openid` alone asks for all of them.

    Spec: OpenID Connect Core 1.0 §5.4.
    """
    if not {"email", "phone", "profile"} & set(scopes):
        return dict(attributes)  # so do the tokens of the API's own scope
    chosen = {"sub"}
    if "email" in scopes:
        chosen |= _EMAIL
    if "phone" in scopes:
        chosen |= _PHONE
    if "profile" in scopes:
        chosen |= set(attributes) - _EMAIL - _PHONE
    return {n: v for n, v in attributes.items() if n in chosen}


def _typed(name: str, value: str) -> object:
    if name in _BOOLEAN:
        return value == "true"
    if name == "updated_at":
        return int(value) if value.isascii() and value.isdigit() else value
    return {"formatted": value} if name == "address" else value


def at_hash(access_token: str) -> str:
    """
    The left half of the access token's SHA-256, in base64url.

    Spec: OpenID Connect Core 1.0 §3.1.3.6.
    """
    half = hashlib.sha256(access_token.encode("ascii")).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode("ascii")


def build_id_claims(
    facts: TokenFacts,
    attributes: Mapping[str, str],
    *,
    access_token: str,
    nonce: str | None,
    jti: str,
    lifetime_s: int,
) -> dict[str, object]:
    """
    The claims of an ID token.

    Spec: OpenID Connect Core 1.0 §2.

    Args:
        attributes: The readable ones; the scopes choose among them.
    """
    chosen = select_claims(attributes, facts.scopes)
    claims: dict[str, object] = (
        {"at_hash": at_hash(access_token)} if facts.by_oauth else {}
    )
    claims |= {name: _typed(name, value) for name, value in chosen.items()}
    claims |= {
        "sub": facts.sub,
        "iss": facts.issuer,
        "cognito:username": facts.username,
    }
    claims |= _groups(facts)
    if facts.roles:
        claims["cognito:roles"] = list(facts.roles)
    if facts.preferred_role is not None:
        claims["cognito:preferred_role"] = facts.preferred_role
    if nonce is not None:
        claims["nonce"] = nonce
    if facts.has_jti:
        claims |= {"origin_jti": facts.origin_jti, "jti": jti}
    return claims | {
        "aud": facts.client_id,
        "event_id": facts.event_id,
        "token_use": "id",
        "auth_time": facts.auth_time,
        "iat": facts.issued_at,
        "exp": facts.issued_at + lifetime_s,
    }


def _groups(facts: TokenFacts) -> dict[str, object]:
    return {"cognito:groups": list(facts.groups)} if facts.groups else {}


def build_access_claims(
    facts: TokenFacts, *, jti: str, lifetime_s: int
) -> dict[str, object]:
    """The claims of an access token: no `aud`; `version` is 2 in those of OAuth flows."""
    claims: dict[str, object] = {"sub": facts.sub}
    if facts.device_key is not None:
        claims["device_key"] = facts.device_key
    claims |= {**_groups(facts), "iss": facts.issuer}
    if facts.by_oauth:
        claims["version"] = 2
    claims["client_id"] = facts.client_id
    if facts.has_jti:
        claims |= {"origin_jti": facts.origin_jti, "jti": jti}
    return claims | {
        "event_id": facts.event_id,
        "token_use": "access",
        "scope": " ".join(facts.scopes),
        "auth_time": facts.auth_time,
        "iat": facts.issued_at,
        "exp": facts.issued_at + lifetime_s,
        "username": facts.username,
    }


def build_client_claims(
    *,
    issuer: str,
    client_id: str,
    scopes: tuple[str, ...],
    jti: str,
    issued_at: int,
    lifetime_s: int,
) -> dict[str, object]:
    """
    The claims of a client's own access token: about nobody but itself.

    Spec: RFC 6749 §4.4.3.
    """
    return {
        "sub": client_id,
        "token_use": "access",
        "scope": " ".join(scopes),
        "auth_time": issued_at,
        "iss": issuer,
        "exp": issued_at + lifetime_s,
        "iat": issued_at,
        "version": 2,
        "jti": jti,
        "client_id": client_id,
    }


def build_userinfo(
    attributes: Mapping[str, str], *, sub: str, username: str, scopes: tuple[str, ...]
) -> dict[str, str]:
    """
    The userinfo reply: every value is a text.

    Spec: OpenID Connect Core 1.0 §5.3.2.
    """
    return {"sub": sub, **select_claims(attributes, scopes), "username": username}
