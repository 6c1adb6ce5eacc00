"""Operations on app clients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ostiary.model.pool import Pool, PoolClient
from ostiary.model.pool_settings import (
    STANDARD_SCOPES,
    VERIFIED_ATTRIBUTES,
    ClientSettings,
)
from ostiary.oidc.op.client import is_http_on_a_foreign_host, is_registrable_uri
from ostiary.userpool import messages
from ostiary.userpool.api import inputs
from ostiary.userpool.api.caller import Call
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.paging import build_page_token, read_page_token
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.schema import attribute_names
from ostiary.userpool.identifiers import new_client_id, new_client_secret
from ostiary.userpool.services import client_secret, client_secret_purpose

Shape = dict[str, Any]  # Any: JSON
_USUAL_PAGE: Final = 60
_DAY_S: Final = 86400


def _check_uris(settings: ClientSettings) -> None:
    callbacks = settings.CallbackURLs or ()
    for uri in (*callbacks, *(settings.LogoutURLs or ())):
        if not is_registrable_uri(uri):
            raise invalid(messages.BAD_URL.format(uri))
        if is_http_on_a_foreign_host(uri):
            raise invalid(messages.HTTP_URL.format(uri))
    if settings.DefaultRedirectURI not in {None, *callbacks}:
        raise invalid(messages.DEFAULT_REDIRECT)


def _check_flows(settings: ClientSettings, *, has_secret: bool) -> None:
    flows, scopes = settings.AllowedOAuthFlows or (), settings.AllowedOAuthScopes or ()
    if settings.AllowedOAuthFlowsUserPoolClient and not (flows and scopes):
        raise ApiError("InvalidOAuthFlowException", messages.FLOWS_AND_SCOPES)
    if "client_credentials" in flows:
        if len(flows) > 1:
            raise ApiError("InvalidOAuthFlowException", messages.FLOW_ALONE)
        if not has_secret:
            raise ApiError("InvalidOAuthFlowException", messages.CREDENTIALS_FLOW)
    for flow in flows:
        if flow != "code":
            raise invalid(messages.NOT_YET.format(f"AllowedOAuthFlows {flow}"))
    for scope in scopes:
        if scope not in STANDARD_SCOPES:
            raise ApiError(
                "ScopeDoesNotExistException", messages.SCOPE_MISSING.format(scope)
            )


def _check_attributes(pool: Pool, settings: ClientSettings) -> None:
    known = attribute_names(pool.settings)
    if not set(settings.ReadAttributes or ()) <= known:
        raise invalid(messages.READ_ATTRIBUTES)
    if settings.WriteAttributes is not None:
        written = set(settings.WriteAttributes)
        unwritable = VERIFIED_ATTRIBUTES | {"sub"}
        required = set(pool.settings.required_attributes)
        if not written <= known - unwritable or not required <= written:
            raise invalid(messages.WRITE_ATTRIBUTES)


def _check_lifetimes(settings: ClientSettings) -> None:
    short_lived = (settings.access_token_s, settings.id_token_s)
    refresh_s = settings.refresh_token_s
    if not all(300 <= s <= _DAY_S for s in short_lived):
        raise invalid(messages.TOKEN_VALIDITY)
    if not 3600 <= refresh_s <= 3650 * _DAY_S:
        raise invalid(messages.TOKEN_VALIDITY)
    if refresh_s < max(short_lived):
        raise invalid(messages.REFRESH_SHORTER)


def check_client(pool: Pool, settings: ClientSettings, *, has_secret: bool) -> None:
    """
    What the model cannot say of a client's settings.

    Raises:
        ApiError: The first thing that is wrong.
    """
    flows = settings.ExplicitAuthFlows or ()
    modern = [f.startswith("ALLOW_") for f in flows]
    if any(modern) and not all(modern):
        raise invalid(messages.AUTH_FLOWS_MIXED)
    for provider in settings.SupportedIdentityProviders or ():
        if provider != "COGNITO":
            raise invalid(messages.PROVIDER_MISSING.format(provider, pool.id))
    _check_lifetimes(settings)
    _check_uris(settings)
    _check_flows(settings, has_secret=has_secret)
    _check_attributes(pool, settings)


def build_client_shape(client: PoolClient, secret: str | None) -> Shape:
    """A client as the API shows it."""
    shape: Shape = {
        "UserPoolId": client.pool_id,
        "ClientName": client.name,
        "ClientId": client.id,
        "LastModifiedDate": timestamp(client.modified_at),
        "CreationDate": timestamp(client.created_at),
        **client.settings.to_wire(),
    }
    if secret is not None:
        shape["ClientSecret"] = secret
    return shape


async def _load(call: Call, pool: Pool, client_id: str) -> PoolClient:
    client = await call.services.config.store.load_client(client_id)
    if client is None or client.pool_id != pool.id:
        raise ApiError(
            "ResourceNotFoundException", messages.CLIENT_MISSING.format(client_id)
        )
    return client


def _settings(
    given: inputs.CreateUserPoolClient | inputs.UpdateUserPoolClient,
) -> ClientSettings:
    return ClientSettings.model_validate(
        given.model_dump(include=set(inputs.CLIENT_FIELDS), exclude_unset=True)
    )


async def create_client(call: Call, given: inputs.CreateUserPoolClient) -> Shape:
    """CreateUserPoolClient."""
    pool = await load_pool(call, given.UserPoolId)
    config, vault, now = call.services.config, call.services.vault, call.services.now()
    secret = given.ClientSecret or (
        new_client_secret(config.entropy) if given.GenerateSecret else None
    )
    settings = _settings(given)
    check_client(pool, settings, has_secret=secret is not None)
    client_id = new_client_id(config.entropy)
    purpose = client_secret_purpose(client_id)
    client = PoolClient(
        id=client_id,
        pool_id=pool.id,
        name=given.ClientName,
        settings=settings,
        sealed_secret=vault.seal(secret.encode(), purpose=purpose) if secret else None,
        created_at=now,
        modified_at=now,
    )
    await config.store.add_client(client)
    return {"UserPoolClient": build_client_shape(client, secret)}


async def describe_client(call: Call, given: inputs.UserPoolClient) -> Shape:
    """DescribeUserPoolClient."""
    pool = await load_pool(call, given.UserPoolId)
    client = await _load(call, pool, given.ClientId)
    secret = client_secret(client, call.services.vault)
    return {"UserPoolClient": build_client_shape(client, secret)}


async def update_client(call: Call, given: inputs.UpdateUserPoolClient) -> Shape:
    """UpdateUserPoolClient: what is left out reverts to its default."""
    pool = await load_pool(call, given.UserPoolId)
    client = await _load(call, pool, given.ClientId)
    settings = _settings(given)
    check_client(pool, settings, has_secret=client.sealed_secret is not None)
    changed = replace(
        client,
        name=given.ClientName or client.name,
        settings=settings,
        modified_at=call.services.now(),
    )
    await call.services.config.store.save_client(changed)
    secret = client_secret(changed, call.services.vault)
    return {"UserPoolClient": build_client_shape(changed, secret)}


async def list_clients(call: Call, given: inputs.ListUserPoolClients) -> Shape:
    """ListUserPoolClients."""
    pool = await load_pool(call, given.UserPoolId)
    size, purpose = given.MaxResults or _USUAL_PAGE, f"clients {pool.id}"
    found = await call.services.config.store.list_clients(
        pool_id=pool.id,
        after=read_page_token(call, given.NextToken, purpose=purpose),
        limit=size + 1,
    )
    page = found[:size]
    shape: Shape = {
        "UserPoolClients": [
            {"ClientId": c.id, "UserPoolId": pool.id, "ClientName": c.name}
            for c in page
        ]
    }
    if len(found) > len(page):
        shape["NextToken"] = build_page_token(call, page[-1].id, purpose=purpose)
    return shape
