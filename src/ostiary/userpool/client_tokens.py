"""
Tokens of clients for themselves: client_credentials.

Spec: RFC 6749 §4.4; cognito §1.5, §2.2, §2.4.
"""

from __future__ import annotations

from ostiary.jose.jwt import sign_jwt
from ostiary.model.pool import Pool, PoolClient
from ostiary.oidc.op import claims, token
from ostiary.oidc.op.client import Client
from ostiary.oidc.op.errors import TokenRefused
from ostiary.oidc.op.parameters import Parameters
from ostiary.userpool.identifiers import new_uuid
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.scopes import load_custom_scopes
from ostiary.userpool.services import Services
from ostiary.userpool.token_trigger import Overrides, ask_client_overrides


async def issue_client_token(
    services: Services,
    pool: Pool,
    stored: PoolClient,
    client: Client,
    parameters: Parameters,
) -> dict[str, object]:
    """
    An access token about nobody but the client, as the token endpoint replies it.

    Raises:
        TokenRefused: invalid_scope, invalid_request or invalid_grant.
    """
    metadata = token.read_client_metadata(parameters)
    living = await load_custom_scopes(services, pool)
    scopes = token.read_client_scopes(parameters, client, living)
    try:
        overrides = await ask_client_overrides(
            services, pool, client_id=client.id, scopes=scopes, metadata=metadata
        )
    except AccountError as error:
        raise TokenRefused("invalid_grant", error.message) from error
    return {
        "access_token": await _sign(services, pool, stored, scopes, overrides),
        "token_type": "Bearer",
        "expires_in": stored.settings.access_token_s,
    }


async def _sign(
    services: Services,
    pool: Pool,
    stored: PoolClient,
    scopes: tuple[str, ...],
    overrides: Overrides,
) -> str:
    keys = await services.key_ring.load(pool.id)
    made = claims.build_client_claims(
        issuer=services.config.issuer(pool.id),
        client_id=stored.id,
        scopes=overrides.apply_scopes(scopes),
        jti=new_uuid(services.config.entropy),
        issued_at=int(services.now()),
        lifetime_s=stored.settings.access_token_s,
    )
    return sign_jwt(overrides.apply_access(made), keys.access_key)
