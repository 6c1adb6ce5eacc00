"""
The end of a sign-in: tokens, and a name for a device that has none.

Spec: cognito §3.7, §3.12, §3.13 (PostAuthentication).
"""

from __future__ import annotations

from ostiary.model.pool import Grant, RefreshToken, User
from ostiary.userpool.auth.devices import Device, save_device
from ostiary.userpool.auth.outcome import Proven, Request, SignedIn
from ostiary.userpool.identifiers import (
    hash_token,
    new_device_group_key,
    new_device_key,
    new_token,
    new_uuid,
)
from ostiary.userpool.minting import ADMIN_SCOPE, build_tokens
from ostiary.userpool.triggers import Occasion, run_trigger, user_attributes


async def _name_device(request: Request, user: User, key: str) -> dict[str, str]:
    """Remember what a device was told, until ConfirmDevice brings its verifier."""
    services, now = request.services, request.services.now()
    group_key = new_device_group_key(services.config.entropy)
    await save_device(
        services,
        request.pool,
        user.username,
        Device(
            key=key,
            group_key=group_key,
            name="",
            verifier="",
            salt="",
            remembered=None,
            last_ip=request.address,
            created_at=now,
            modified_at=now,
            authenticated_at=now,
        ),
    )
    return {"DeviceKey": key, "DeviceGroupKey": group_key}


async def complete(
    request: Request,
    user: User,
    *,
    source: str = "Authentication",
    device_key: str | None = None,
) -> SignedIn | Proven:
    """
    Tokens for a user who has proven all there is to prove.

    Args:
        source: The last part of the pre-token-generation trigger's source.
        device_key: The remembered device that took part.

    Raises:
        AccountError: A trigger refused or failed.
    """
    services, pool, client = request.services, request.pool, request.client
    entropy, now = services.config.entropy, services.now()
    new_device = None
    named = pool.settings.DeviceConfiguration is not None and not request.hosted
    if named and device_key is None:
        device_key = new_device_key(entropy, pool.id.partition("_")[0])
        new_device = await _name_device(request, user, device_key)
    await run_trigger(
        services,
        "PostAuthentication",
        Occasion(
            pool=pool,
            source="PostAuthentication_Authentication",
            username=user.username,
            client_id=client.id,
            attributes=user_attributes(user),
            request={
                "newDeviceUsed": new_device is not None,
                "clientMetadata": dict(request.metadata) or None,
            },
        ),
    )
    if request.hosted:
        return Proven(user=user)
    grant = Grant(
        id=new_uuid(entropy),
        pool_id=pool.id,
        client_id=client.id,
        username=user.username,
        scopes=(ADMIN_SCOPE,),
        auth_time=int(now),
        device_key=device_key,
    )
    tokens = await build_tokens(
        services,
        pool,
        client,
        user,
        grant,
        source=source,
        by_oauth=False,
        metadata=request.metadata,
    )
    refresh_token = new_token(entropy)
    store = services.config.store
    await store.add_grant(grant, None)
    await store.add_refresh_token(
        RefreshToken(
            token_hash=hash_token(refresh_token),
            grant_id=grant.id,
            expires_at=now + client.settings.refresh_token_s,
        )
    )
    return SignedIn(
        user=user,
        access_token=tokens.access_token,
        id_token=tokens.id_token,
        refresh_token=refresh_token,
        expires_in_s=client.settings.access_token_s,
        new_device=new_device,
    )
