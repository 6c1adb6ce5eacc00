"""
What the API's model cannot say of a client's settings, and what a pool must have for them.

Spec: cognito §3.2 (flows), §3.5 (texts).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ostiary.model.pool import Pool, RecordKind
from ostiary.model.pool_settings import (
    STANDARD_SCOPES,
    VERIFIED_ATTRIBUTES,
    ClientSettings,
)
from ostiary.oidc.op.client import is_http_on_a_foreign_host, is_registrable_uri
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.schema import attribute_names

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a pool has that a client may name: custom scopes, identity providers."""

    scopes: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()


def _check_flows(
    settings: ClientSettings, *, has_secret: bool, custom_scopes: frozenset[str]
) -> None:
    flows, scopes = settings.AllowedOAuthFlows or (), settings.AllowedOAuthScopes or ()
    if settings.AllowedOAuthFlowsUserPoolClient and not (flows and scopes):
        raise ApiError("InvalidOAuthFlowException", messages.FLOWS_AND_SCOPES)
    if "client_credentials" in flows:
        if len(flows) > 1:
            raise ApiError("InvalidOAuthFlowException", messages.FLOW_ALONE)
        if not has_secret:
            raise ApiError("InvalidOAuthFlowException", messages.CREDENTIALS_FLOW)
    for scope in scopes:
        if scope not in STANDARD_SCOPES and scope not in custom_scopes:
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


def check_client(
    pool: Pool, settings: ClientSettings, known: Known, *, has_secret: bool
) -> None:
    """
    What the model cannot say of a client's settings.

    Raises:
        ApiError: The first thing that is wrong.
    """
    flows = settings.ExplicitAuthFlows or ()
    modern = [f.startswith("ALLOW_") for f in flows]
    if any(modern) and not all(modern):
        raise invalid(messages.AUTH_FLOWS_MIXED)
    if settings.rotates and "ALLOW_REFRESH_TOKEN_AUTH" in flows:
        raise invalid(messages.ROTATION_FLOW)
    for provider in settings.SupportedIdentityProviders or ():
        if provider != "COGNITO" and provider not in known.providers:
            raise invalid(messages.PROVIDER_MISSING.format(provider, pool.id))
    _check_lifetimes(settings)
    _check_uris(settings)
    _check_flows(settings, has_secret=has_secret, custom_scopes=known.scopes)
    _check_attributes(pool, settings)


async def load_known(call: Call, pool: Pool, settings: ClientSettings) -> Known:
    """What the pool has of what the settings name; nothing is asked for what they do not."""
    store = call.services.config.store
    scopes, providers = set[str](), set[str]()
    # An identifier may hold slashes, the name of a scope may not.
    asked = set(settings.AllowedOAuthScopes or ()) - set(STANDARD_SCOPES)
    for identifier in {scope.rpartition("/")[0] for scope in asked} - {""}:
        server = await store.load_record(
            pool_id=pool.id, kind=RecordKind.RESOURCE_SERVER, name=identifier
        )
        for scope in server.value.get("Scopes", []) if server else []:
            scopes.add(f"{identifier}/{scope['ScopeName']}")
    for name in set(settings.SupportedIdentityProviders or ()) - {"COGNITO"}:
        if await store.load_record(
            pool_id=pool.id, kind=RecordKind.IDENTITY_PROVIDER, name=name
        ):
            providers.add(name)
    return Known(scopes=frozenset(scopes), providers=frozenset(providers))
