"""
Tokens of the pool's own that somebody presents: verified, and looked up.

Spec: cognito §1.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import read_unverified_claims, verify_jwt
from ostiary.model.pool import Pool, User
from ostiary.userpool.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A verified access token's claims, and the user it is about."""

    claims: dict[str, object] = field(repr=False)
    user: User


async def read_access_token(
    services: Services, pool: Pool, text: str
) -> AccessToken | None:
    """The claims of a live access token of this pool, or None for anything else."""
    keys = await services.key_ring.load(pool.id)
    try:
        found = dict(
            verify_jwt(text, keys.key_set, algorithms=frozenset({"RS256"})).claims
        )
    except JoseError:
        return None
    expires, origin = found.get("exp"), found.get("origin_jti")
    if found.get("token_use") != "access" or found.get("iss") != services.config.issuer(
        pool.id
    ):
        return None
    if not isinstance(expires, int) or services.now() >= expires:
        return None
    store = services.config.store
    if isinstance(origin, str):
        grant = await store.load_grant(origin)
        if grant is None or grant.revoked:
            return None
    username = found.get("username")
    if not isinstance(username, str):
        return None
    user = await store.load_user(pool_id=pool.id, username=username)
    if user is None or not user.enabled or user.sub != found.get("sub"):
        return None  # gone, or another of the same name
    return AccessToken(claims=found, user=user)


def read_bearer(authorization: str | None) -> str | None:
    """
    The token that a request bears.

    Spec: RFC 6750 §2.1.
    """
    scheme, _, text = (authorization or "").partition(" ")
    return text.strip() or None if scheme.lower() == "bearer" else None


def find_client_id(text: str) -> str | None:
    """The client a token claims to be for: only to count it, and to choose whose keys must verify it."""
    try:
        named = read_unverified_claims(text).get("client_id")
    except JoseError:
        return None
    return named if isinstance(named, str) else None


async def read_id_token_hint(services: Services, pool: Pool, text: str) -> str | None:
    """
    The client that an ID token of this pool was for, expired or not.

    Spec: OpenID Connect RP-Initiated Logout 1.0 §2.
    """
    keys = await services.key_ring.load(pool.id)
    try:
        found = verify_jwt(text, keys.key_set, algorithms=frozenset({"RS256"})).claims
    except JoseError:
        return None
    audience = found.get("aud")
    ours = found.get("iss") == services.config.issuer(pool.id)
    return audience if ours and isinstance(audience, str) else None
