"""Operations that sign people in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import ApiError, client_missing, invalid
from ostiary.userpool.api.pools import load_pool
from ostiary.userpool.api.tokens import load_caller, load_client
from ostiary.userpool.auth.flows import initiate, is_flow_allowed, respond
from ostiary.userpool.auth.outcome import Request, build_outcome
from ostiary.userpool.auth.refreshing import issue_from_refresh_token
from ostiary.userpool.auth.secret_hash import is_live_secret
from ostiary.userpool.identifiers import hash_token
from ostiary.userpool.lookup import load_named_user
from ostiary.userpool.services import client_secrets

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

Given = Mapping[str, Any]  # Any: what the model has checked


async def _public_request(call: Call, given: Given, parameters: str) -> Request:
    pool, client = await load_client(call, given["ClientId"])
    return Request(
        services=call.services,
        pool=pool,
        client=client,
        parameters=given.get(parameters, {}),
        metadata=given.get("ClientMetadata", {}),
        address=call.address,
    )


async def _admin_request(call: Call, given: Given, parameters: str) -> Request:
    pool = await load_pool(call, given["UserPoolId"])
    client = await call.services.config.store.load_client(given["ClientId"])
    if client is None or client.pool_id != pool.id:
        raise client_missing(given["ClientId"])
    return Request(
        services=call.services,
        pool=pool,
        client=client,
        parameters=given.get(parameters, {}),
        metadata=given.get("ClientMetadata", {}),
        by_admin=True,
        address=call.address,
    )


async def initiate_auth(call: Call, given: t.InitiateAuthRequestTypeDef) -> Shape:
    """InitiateAuth."""
    request = await _public_request(call, given, "AuthParameters")
    return build_outcome(await initiate(request, given["AuthFlow"]))


async def respond_to_auth_challenge(
    call: Call, given: t.RespondToAuthChallengeRequestTypeDef
) -> Shape:
    """RespondToAuthChallenge."""
    request = await _public_request(call, given, "ChallengeResponses")
    outcome = await respond(request, given["ChallengeName"], given.get("Session"))
    return build_outcome(outcome)


async def admin_initiate_auth(
    call: Call, given: t.AdminInitiateAuthRequestTypeDef
) -> Shape:
    """AdminInitiateAuth."""
    request = await _admin_request(call, given, "AuthParameters")
    return build_outcome(await initiate(request, given["AuthFlow"]))


async def admin_respond_to_auth_challenge(
    call: Call, given: t.AdminRespondToAuthChallengeRequestTypeDef
) -> Shape:
    """AdminRespondToAuthChallenge."""
    request = await _admin_request(call, given, "ChallengeResponses")
    outcome = await respond(request, given["ChallengeName"], given.get("Session"))
    return build_outcome(outcome)


def _check_client_secret(secrets: tuple[str, ...], given: str | None) -> None:
    if secrets and not is_live_secret(secrets, given):
        raise ApiError("NotAuthorizedException", messages.CLIENT_SECRET_WRONG)


async def get_tokens_from_refresh_token(
    call: Call, given: t.GetTokensFromRefreshTokenRequestTypeDef
) -> Shape:
    """GetTokensFromRefreshToken: the way to refresh where refresh tokens rotate."""
    pool, client = await load_client(call, given["ClientId"])
    secrets = client_secrets(client, call.services.vault)
    _check_client_secret(secrets, given.get("ClientSecret"))
    if not client.settings.rotates and not is_flow_allowed(
        client.settings, "REFRESH_TOKEN_AUTH"
    ):
        raise invalid(messages.FLOW_DISABLED_OTHER)
    signed_in = await issue_from_refresh_token(
        call.services,
        pool,
        client,
        given["RefreshToken"],
        device_key=given.get("DeviceKey"),
        metadata=given.get("ClientMetadata"),
    )
    shape = build_outcome(signed_in)
    del shape["ChallengeParameters"]
    return shape


async def revoke_token(call: Call, given: t.RevokeTokenRequestTypeDef) -> Shape:
    """RevokeToken: what is unknown is revoked already."""
    _, client = await load_client(call, given["ClientId"])
    secrets = client_secrets(client, call.services.vault)
    if secrets and not is_live_secret(secrets, given.get("ClientSecret")):
        raise ApiError("UnauthorizedException", messages.CLIENT_SECRET_WRONG)
    if not client.settings.EnableTokenRevocation:
        raise ApiError("UnsupportedOperationException", messages.REVOCATION_OFF)
    if given["Token"].count(".") == 2:
        raise ApiError("UnsupportedTokenTypeException", messages.TOKEN_NOT_REFRESH)
    store = call.services.config.store
    found = await store.load_refresh_token(hash_token(given["Token"]))
    grant = await store.load_grant(found.grant_id) if found else None
    if grant is None:
        return {}
    if grant.client_id != client.id:
        raise ApiError("UnauthorizedException", messages.TOKEN_OF_ANOTHER)
    await store.revoke_grant(grant.id)
    return {}


async def global_sign_out(call: Call, given: t.GlobalSignOutRequestTypeDef) -> Shape:
    """GlobalSignOut: every token of the user ends."""
    caller = await load_caller(call, given["AccessToken"])
    await call.services.config.store.revoke_grants(
        pool_id=caller.pool.id, username=caller.user.username
    )
    return {}


async def admin_user_global_sign_out(
    call: Call, given: t.AdminUserGlobalSignOutRequestTypeDef
) -> Shape:
    """AdminUserGlobalSignOut."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    await call.services.config.store.revoke_grants(
        pool_id=pool.id, username=user.username
    )
    return {}


OPERATIONS: Final[Operations] = {
    "InitiateAuth": initiate_auth,
    "RespondToAuthChallenge": respond_to_auth_challenge,
    "AdminInitiateAuth": admin_initiate_auth,
    "AdminRespondToAuthChallenge": admin_respond_to_auth_challenge,
    "GetTokensFromRefreshToken": get_tokens_from_refresh_token,
    "RevokeToken": revoke_token,
    "GlobalSignOut": global_sign_out,
    "AdminUserGlobalSignOut": admin_user_global_sign_out,
}
