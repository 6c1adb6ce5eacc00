"""Codes, tokens and what they stand for: issued, exchanged, refreshed, revoked."""

from __future__ import annotations

import logging
from typing import Final

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
from ostiary.userpool.auth.refreshing import load_refresh_token, renew
from ostiary.userpool.identifiers import hash_token, new_token, new_uuid
from ostiary.userpool.minting import build_tokens
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

_log: Final = logging.getLogger(__name__)


def build_grant(
    services: Services, user: User, request: AuthorizationRequest, *, auth_time: int
) -> Grant:
    """What a sign-in gives the client that asked."""
    return Grant(
        id=new_uuid(services.config.entropy),
        pool_id=user.pool_id,
        client_id=request.client_id,
        username=user.username,
        scopes=request.scopes,
        auth_time=auth_time,
        nonce=request.nonce,
    )


async def issue_code(
    services: Services, user: User, request: AuthorizationRequest, *, auth_time: int
) -> str:
    """A new authorization code for a signed-in user and a checked request."""
    now, code = services.now(), new_uuid(services.config.entropy)
    grant = build_grant(services, user, request, auth_time=auth_time)
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
    tokens = await issue_tokens(services, pool, stored, taken.grant)
    return tokens | {"refresh_token": refresh_token}


async def refresh(
    services: Services, pool: Pool, stored: PoolClient, given: str
) -> dict[str, object]:
    """
    New tokens for a refresh token. It stays as it is, unless the client rotates them.

    Spec: RFC 6749 §6, RFC 9700 §4.14.2.

    Raises:
        TokenRefused: invalid_grant.
    """
    try:
        found, grant = await load_refresh_token(services, pool, stored, given)
        _check_readable(services, stored, grant.scopes)
        signed_in = await renew(services, pool, stored, found, grant)
    except AccountError as error:
        raise TokenRefused("invalid_grant", error.message) from error
    reply = _build_reply(
        stored, grant.scopes, signed_in.access_token, signed_in.id_token
    )
    if signed_in.refresh_token is not None:
        reply["refresh_token"] = signed_in.refresh_token
    return reply


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


def _check_readable(
    services: Services, stored: PoolClient, scopes: tuple[str, ...]
) -> None:
    if not claims.is_scope_unreadable(scopes, stored.settings.ReadAttributes):
        return
    _log.warning(
        "client %s may not read *_verified, which its scopes need; "
        "strict mode would refuse",
        stored.id,
    )
    if services.config.strict:
        raise TokenRefused("invalid_grant", "a scope's attribute is not readable")


def _build_reply(
    stored: PoolClient, scopes: tuple[str, ...], access_token: str, id_token: str
) -> dict[str, object]:
    reply: dict[str, object] = {"access_token": access_token}
    if "openid" in scopes:
        reply["id_token"] = id_token
    return reply | {
        "token_type": "Bearer",
        "expires_in": stored.settings.access_token_s,
    }


async def issue_tokens(
    services: Services, pool: Pool, stored: PoolClient, grant: Grant
) -> dict[str, object]:
    """
    The first tokens of a sign-in at the pages, as the token endpoint replies them.

    Raises:
        TokenRefused: invalid_grant: the user is gone, a trigger refused, or in strict mode
            a scope's attribute is unreadable.
    """
    store = services.config.store
    user = await store.load_user(pool_id=pool.id, username=grant.username)
    if user is None or not user.enabled:
        raise TokenRefused("invalid_grant", "the user is gone or disabled")
    _check_readable(services, stored, grant.scopes)
    try:
        tokens = await build_tokens(
            services,
            pool,
            stored,
            user,
            grant,
            source="HostedAuth",
            nonce=grant.nonce,
        )
    except AccountError as error:
        raise TokenRefused(
            "invalid_grant", error.message, public=error.message
        ) from error
    return _build_reply(stored, grant.scopes, tokens.access_token, tokens.id_token)
