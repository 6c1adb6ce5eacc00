"""Tokens of one sign-in: claims from the user, groups and trigger, signed by the pool's keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.jose.jwt import sign_jwt
from ostiary.model.pool import Grant, Pool, PoolClient, User
from ostiary.oidc.op import claims
from ostiary.userpool.groups import find_preferred_role, load_groups
from ostiary.userpool.identifiers import new_uuid
from ostiary.userpool.scopes import keep_living
from ostiary.userpool.services import Services
from ostiary.userpool.token_trigger import Overrides, ask_overrides

ADMIN_SCOPE: Final = "aws.cognito.signin.user.admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A pair of signed tokens."""

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)


async def build_tokens(
    services: Services,
    pool: Pool,
    client: PoolClient,
    user: User,
    grant: Grant,
    *,
    source: str,
    nonce: str | None = None,
    by_oauth: bool = True,
    metadata: Mapping[str, str] | None = None,
) -> Tokens:
    """
    Both tokens of a grant.

    Spec: cognito §2.1, §2.2.

    Args:
        source: The last part of the pre-token-generation trigger's source.

    Raises:
        AccountError: The trigger refused or failed.
    """
    config, settings, entropy = (
        services.config,
        client.settings,
        services.config.entropy,
    )
    groups = await load_groups(services, pool, user)
    scopes = await keep_living(services, pool, grant.scopes)
    overrides = await ask_overrides(
        services,
        pool,
        user,
        source=source,
        client_id=client.id,
        groups=groups,
        scopes=scopes,
        metadata=metadata,
    )
    names = tuple(g.name for g in groups)
    roles = tuple(dict.fromkeys(g.role_arn for g in groups if g.role_arn))
    facts = claims.TokenFacts(
        issuer=config.issuer(pool.id),
        client_id=client.id,
        sub=user.sub,
        username=user.username,
        scopes=overrides.apply_scopes(scopes),
        origin_jti=grant.id,
        event_id=new_uuid(entropy),
        auth_time=grant.auth_time,
        issued_at=int(services.now()),
        has_jti=settings.EnableTokenRevocation,
        by_oauth=by_oauth,
        groups=names if overrides.groups is None else overrides.groups,
        roles=roles if overrides.roles is None else overrides.roles,
        preferred_role=overrides.preferred_role
        if overrides.groups is not None
        else find_preferred_role(groups),
        device_key=grant.device_key,
    )
    return await _sign(services, pool, client, user, facts, overrides, nonce=nonce)


async def _sign(
    services: Services,
    pool: Pool,
    client: PoolClient,
    user: User,
    facts: claims.TokenFacts,
    overrides: Overrides,
    *,
    nonce: str | None,
) -> Tokens:
    """The claims of both tokens, with the trigger's changes, signed."""
    config, settings, entropy = (
        services.config,
        client.settings,
        services.config.entropy,
    )
    keys = await services.key_ring.load(pool.id)
    access = claims.build_access_claims(
        facts, jti=new_uuid(entropy), lifetime_s=settings.access_token_s
    )
    access_token = sign_jwt(overrides.apply_access(access), keys.access_key)
    readable = claims.readable(
        user.attributes, settings.ReadAttributes, strict=config.strict
    )
    identity = claims.build_id_claims(
        facts,
        readable,
        access_token=access_token,
        nonce=nonce,
        jti=new_uuid(entropy),
        lifetime_s=settings.id_token_s,
    )
    return Tokens(
        access_token=access_token,
        id_token=sign_jwt(overrides.apply_id(identity), keys.id_key),
    )
