"""Codes, tokens and what they stand for: issued, exchanged, refreshed, revoked."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final

from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import read_unverified_claims, verify_jwt
from ostiary.model.pool import (
    AuthorizationCode,
    Grant,
    Pool,
    PoolClient,
    RefreshToken,
    User,
)
from ostiary.oidc.op import claims, token
from ostiary.oidc.op.authorize import AuthorizationRequest
from ostiary.oidc.op.client import Client
from ostiary.oidc.op.errors import TokenRefused
from ostiary.userpool.identifiers import hash_token, new_token, new_uuid
from ostiary.userpool.minting import build_tokens
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A verified access token's claims, and the user it is about."""

    claims: dict[str, object] = field(repr=False)
    user: User


async def issue_code(
    services: Services, user: User, request: AuthorizationRequest, *, auth_time: int
) -> str:
    """A new authorization code for a signed-in user and a checked request."""
    entropy, now = services.config.entropy, services.now()
    code = new_uuid(entropy)
    grant = Grant(
        id=new_uuid(entropy),
        pool_id=user.pool_id,
        client_id=request.client_id,
        username=user.username,
        scopes=request.scopes,
        auth_time=auth_time,
        nonce=request.nonce,
    )
    issued = AuthorizationCode(
        code_hash=hash_token(code),
        grant_id=grant.id,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        expires_at=now + token.CODE_LIFETIME_S,
    )
    await services.config.store.add_grant(grant, issued)
    await services.config.store.delete_expired(now)
    return code


async def exchange_code(
    services: Services,
    pool: Pool,
    stored: PoolClient,
    client: Client,
    exchange: token.CodeExchange,
) -> dict[str, object]:
    """
    Tokens for a code. A code that comes twice revokes what the first exchange gave.

    Spec: RFC 6749 §4.1.2, §4.1.3.

    Raises:
        TokenRefused: invalid_grant.
    """
    store, now = services.config.store, services.now()
    taken = await store.take_code(hash_token(exchange.code))
    if taken is not None and not taken.first:
        await store.revoke_grant(taken.grant.id)
    if taken is None:
        raise TokenRefused("invalid_grant", "unknown code")
    issued = token.IssuedCode(
        client_id=taken.grant.client_id,
        redirect_uri=taken.code.redirect_uri,
        code_challenge=taken.code.code_challenge,
        expires_at=taken.code.expires_at,
        first=taken.first,
    )
    token.check_code(issued, exchange, client, now=now)
    refresh_token = new_token(services.config.entropy)
    await store.add_refresh_token(
        RefreshToken(
            token_hash=hash_token(refresh_token),
            grant_id=taken.grant.id,
            expires_at=now + stored.settings.refresh_token_s,
        )
    )
    tokens = await _issue_tokens(
        services, pool, stored, taken.grant, source="HostedAuth", with_nonce=True
    )
    return tokens | {"refresh_token": refresh_token}


async def refresh(
    services: Services, pool: Pool, stored: PoolClient, client: Client, given: str
) -> dict[str, object]:
    """
    New ID and access tokens for a refresh token; it stays as it is.

    Spec: RFC 6749 §6.

    Raises:
        TokenRefused: invalid_grant.
    """
    found = await _load_refresh_token(services, pool, given)
    if found is None:
        raise TokenRefused("invalid_grant", "unknown refresh token")
    issued = token.IssuedRefreshToken(
        client_id=found[1].client_id,
        expires_at=found[0].expires_at,
        revoked=found[1].revoked,
    )
    token.check_refresh_token(issued, client, now=services.now())
    return await _issue_tokens(
        services, pool, stored, found[1], source="RefreshTokens", with_nonce=False
    )


async def revoke(
    services: Services, pool: Pool, stored: PoolClient, client: Client, given: str
) -> None:
    """
    End a refresh token and all made from it. Unknown ones are already ended.

    Spec: RFC 7009 §2.

    Raises:
        TokenRefused: unsupported_token_type, or invalid_request for another client's token
            and where revocation is off.
    """
    if not stored.settings.EnableTokenRevocation:
        raise TokenRefused("invalid_request", "revocation is off")
    if given.count(".") == 2:
        raise TokenRefused("unsupported_token_type", "not a refresh token")
    found = await _load_refresh_token(services, pool, given)
    if found is None:
        return
    if found[1].client_id != client.id:
        raise TokenRefused("invalid_request", "the token is another client's")
    await services.config.store.revoke_grant(found[1].id)


async def _load_refresh_token(
    services: Services, pool: Pool, given: str
) -> tuple[RefreshToken, Grant] | None:
    store = services.config.store
    found = await store.load_refresh_token(hash_token(given))
    if found is None:
        return None
    grant = await store.load_grant(found.grant_id)
    if grant is None or grant.pool_id != pool.id:
        return None
    return found, grant


async def _issue_tokens(
    services: Services,
    pool: Pool,
    stored: PoolClient,
    grant: Grant,
    *,
    source: str,
    with_nonce: bool,
) -> dict[str, object]:
    config, settings = services.config, stored.settings
    user = await config.store.load_user(pool_id=pool.id, username=grant.username)
    if user is None or not user.enabled:
        raise TokenRefused("invalid_grant", "the user is gone or disabled")
    if claims.is_scope_unreadable(grant.scopes, settings.ReadAttributes):
        _log.warning(
            "client %s may not read *_verified, which its scopes need; "
            "strict mode would refuse",
            stored.id,
        )
        if config.strict:
            raise TokenRefused("invalid_grant", "a scope's attribute is not readable")
    try:
        tokens = await build_tokens(
            services,
            pool,
            stored,
            user,
            grant,
            source=source,
            nonce=grant.nonce if with_nonce else None,
        )
    except AccountError as error:
        raise TokenRefused("invalid_grant", error.message) from error
    reply: dict[str, object] = {"access_token": tokens.access_token}
    if "openid" in grant.scopes:
        reply["id_token"] = tokens.id_token
    return reply | {"token_type": "Bearer", "expires_in": settings.access_token_s}


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
    return AccessToken(claims=found, user=user) if user and user.enabled else None


def find_client_id(text: str) -> str | None:
    """The client a token claims to be for: only to choose whose keys must verify it."""
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
