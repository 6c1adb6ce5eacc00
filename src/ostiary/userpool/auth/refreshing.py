"""
Refresh tokens, of the API and of the token endpoint: used, replaced, revoked.

Spec: cognito §1.8 (rotation), §2.3, §3.5, §3.12.
"""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.model.pool import Grant, Pool, PoolClient, RefreshToken
from ostiary.userpool import messages
from ostiary.userpool.auth.devices import load_device
from ostiary.userpool.auth.outcome import Outcome, Request, SignedIn
from ostiary.userpool.auth.secret_hash import check_secret_hash
from ostiary.userpool.identifiers import hash_token, new_token
from ostiary.userpool.minting import ADMIN_SCOPE, build_tokens
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services, client_secrets


def _refuse(text: str) -> AccountError:
    return AccountError("NotAuthorizedException", text)


async def load_refresh_token(
    services: Services, pool: Pool, client: PoolClient, given: str
) -> tuple[RefreshToken, Grant]:
    """
    A client's refresh token and what it stands for, if it still stands.

    A token that another took the place of works for the grace period; who brings it later has
    stolen it, or was stolen from: everything made from it ends.

    Raises:
        AccountError: NotAuthorizedException or RefreshTokenReuseException.
    """
    store, now = services.config.store, services.now()
    found = await store.load_refresh_token(hash_token(given))
    grant = await store.load_grant(found.grant_id) if found else None
    if found is None or grant is None:
        raise _refuse(messages.REFRESH_TOKEN_WRONG)
    if (grant.pool_id, grant.client_id) != (pool.id, client.id):
        raise _refuse(messages.REFRESH_TOKEN_WRONG)
    if grant.revoked:
        raise _refuse(messages.REFRESH_TOKEN_REVOKED)
    if now >= found.expires_at:
        raise _refuse(messages.REFRESH_TOKEN_EXPIRED)
    if found.rotated_at is not None and client.settings.RefreshTokenRotation is None:
        raise _refuse(messages.REFRESH_TOKEN_REVOKED)
    grace_s = _grace_s(client)
    if found.rotated_at is not None and (
        not grace_s or now > found.rotated_at + grace_s
    ):
        raise await _end_reused(services, grant)
    return found, grant


def _grace_s(client: PoolClient) -> int:
    """How long a token that another took the place of still works, in seconds."""
    rotation = client.settings.RefreshTokenRotation
    return rotation.RetryGracePeriodSeconds if rotation else 0


async def _end_reused(services: Services, grant: Grant) -> AccountError:
    """End all that was made from a token that came again, and say so."""
    await services.config.store.revoke_grant(grant.id)
    return AccountError("RefreshTokenReuseException", messages.REFRESH_TOKEN_REUSED)


async def issue_from_refresh_token(
    services: Services,
    pool: Pool,
    client: PoolClient,
    given: str,
    *,
    device_key: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> SignedIn:
    """
    New tokens for a refresh token; a new refresh token too where the client rotates them.

    Raises:
        AccountError: It does not stand, its user is gone, or it needs its device.
    """
    found, grant = await load_refresh_token(services, pool, client, given)
    return await renew(
        services, pool, client, found, grant, device_key=device_key, metadata=metadata
    )


async def _check_device(
    services: Services, pool: Pool, grant: Grant, device_key: str | None
) -> None:
    """
    See that a refresh token comes from the device that it was given to, and that this is still known.

    Whether it was ever confirmed does not count: applications that only keep its key go on.
    A pool that no longer tracks devices asks for none. Tokens of the hosted pages have none.

    Spec: cognito §3.12.

    Raises:
        AccountError: NotAuthorizedException.
    """
    if grant.device_key is None or pool.settings.DeviceConfiguration is None:
        return
    known = device_key == grant.device_key and await load_device(
        services, pool, grant.username, grant.device_key
    )
    if not known:
        raise _refuse(messages.REFRESH_TOKEN_WRONG)


async def renew(
    services: Services,
    pool: Pool,
    client: PoolClient,
    found: RefreshToken,
    grant: Grant,
    *,
    device_key: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> SignedIn:
    """
    New tokens for a refresh token that stands.

    Raises:
        AccountError: Its user is gone, it needs its device, the trigger refused, or another
            took its place meanwhile.
    """
    store, now = services.config.store, services.now()
    user = await store.load_user(pool_id=pool.id, username=grant.username)
    if user is None:
        raise AccountError("UserNotFoundException", messages.USER_MISSING)
    if not user.enabled:
        raise _refuse(messages.USER_DISABLED)
    await _check_device(services, pool, grant, device_key)
    tokens = await build_tokens(
        services,
        pool,
        client,
        user,
        grant,
        source="RefreshTokens",
        by_oauth=grant.scopes != (ADMIN_SCOPE,),
        metadata=metadata,
    )
    fresh = None
    if client.settings.rotates:
        fresh = new_token(services.config.entropy)
        rotated = await store.rotate_refresh_token(
            found.token_hash,
            RefreshToken(
                token_hash=hash_token(fresh),
                grant_id=grant.id,
                expires_at=found.expires_at,
            ),
            now=now,
            grace_s=_grace_s(client),
        )
        if not rotated:  # somebody else was faster
            raise await _end_reused(services, grant)
    return SignedIn(
        user=user,
        access_token=tokens.access_token,
        id_token=tokens.id_token,
        refresh_token=fresh,
        expires_in_s=client.settings.access_token_s,
    )


async def refresh(request: Request) -> Outcome:
    """
    REFRESH_TOKEN_AUTH.

    Raises:
        AccountError: As `issue_from_refresh_token`, or the client rotates its tokens.
    """
    given = request.parameters.get("REFRESH_TOKEN")
    if not given:
        text = messages.PARAMETER_MISSING.format("REFRESH_TOKEN")
        raise AccountError("InvalidParameterException", text)
    if request.client.settings.rotates:
        raise AccountError("InvalidParameterException", messages.FLOW_DISABLED_OTHER)
    secrets = client_secrets(request.client, request.services.vault)
    if secrets:
        _, grant = await load_refresh_token(
            request.services, request.pool, request.client, given
        )
        user = await request.services.config.store.load_user(
            pool_id=request.pool.id, username=grant.username
        )
        names = {
            grant.username,
            *((user.login_key, *user.aliases) if user else ()),
            request.parameters.get("USERNAME", ""),
        }
        check_secret_hash(
            request.client, secrets, request.parameters.get("SECRET_HASH"), names
        )
    return await issue_from_refresh_token(
        request.services,
        request.pool,
        request.client,
        given,
        device_key=request.parameters.get("DEVICE_KEY"),
        metadata=request.metadata,
    )
