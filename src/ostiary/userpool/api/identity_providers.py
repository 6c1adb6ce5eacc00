"""
Operations on identity providers. They are kept; signing in through them is another matter.

Spec: cognito §3.5 (texts), §3.14.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ostiary.model.pool import Pool, Record, RecordKind
from ostiary.ports.pool_store import AlreadyExists
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.paging import with_token
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.records import (
    change_record,
    list_kept,
    load_kept,
    missing,
    new_record,
)
from ostiary.userpool.identity_providers import (
    find_missing,
    open_details,
    seal_details,
    with_defaults,
)

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_KIND: Final = RecordKind.IDENTITY_PROVIDER
_AT_MOST: Final = 300
_PAGE: Final = 50  # the model lets a page hold no more, whatever MaxResults says
_OURS: Final = "COGNITO"
_OPTIONAL: Final = ("IdpIdentifiers", "AcrMapping")
Given = Mapping[str, Any]  # Any: an input that the model has checked


def _build_shape(call: Call, provider: Record) -> Shape:
    return {
        "UserPoolId": provider.pool_id,
        "ProviderName": provider.name,
        **provider.value,
        "ProviderDetails": open_details(provider, call.services.vault),
        "LastModifiedDate": timestamp(provider.modified_at),
        "CreationDate": timestamp(provider.created_at),
    }


def _build_value(call: Call, pool: Pool, name: str, merged: Given) -> Shape:
    """
    What is stored of a provider.

    Raises:
        ApiError: Details that its type needs are missing.
    """
    kind = merged["ProviderType"]
    lacking = find_missing(kind, merged["ProviderDetails"])
    if lacking:
        raise invalid(messages.PROVIDER_DETAILS.format(", ".join(lacking)))
    details, mapping = with_defaults(
        kind, merged["ProviderDetails"], merged.get("AttributeMapping", {})
    )
    sealed = seal_details(
        details, pool_id=pool.id, name=name, vault=call.services.vault
    )
    return {
        "ProviderType": kind,
        "ProviderDetails": sealed,
        "AttributeMapping": mapping,
        **{member: merged[member] for member in _OPTIONAL if member in merged},
    }


async def _list_all(call: Call, pool: Pool) -> tuple[Record, ...]:
    return await call.services.config.store.list_records(
        pool_id=pool.id, kind=_KIND, limit=_AT_MOST
    )


def _check_identifiers(others: tuple[Record, ...], given: Given, name: str) -> None:
    taken = {
        identifier
        for other in others
        if other.name != name
        for identifier in other.value.get("IdpIdentifiers", [])
    }
    for identifier in given.get("IdpIdentifiers", []):
        if identifier in taken:
            raise invalid(messages.IDENTIFIER_TAKEN.format(identifier))


async def _load(call: Call, pool: Pool, name: str) -> Record:
    text = messages.PROVIDER_UNKNOWN.format(name)
    return await load_kept(call, pool, _KIND, name=name, text=text)


async def create_provider(
    call: Call, given: t.CreateIdentityProviderRequestTypeDef
) -> Shape:
    """CreateIdentityProvider."""
    pool = await load_pool(call, given["UserPoolId"])
    name, others = given["ProviderName"], await _list_all(call, pool)
    if name == _OURS:
        raise invalid(messages.PROVIDER_RESERVED.format(name))
    if len(others) >= _AT_MOST:
        text = messages.PROVIDERS_FULL.format(_AT_MOST)
        raise ApiError("LimitExceededException", text)
    _check_identifiers(others, given, name)
    value = _build_value(call, pool, name, given)
    provider = new_record(call, pool, _KIND, value, name=name)
    try:
        await call.services.config.store.add_record(provider)
    except AlreadyExists as error:
        text = messages.PROVIDER_EXISTS.format(name)
        raise ApiError("DuplicateProviderException", text) from error
    return {"IdentityProvider": _build_shape(call, provider)}


async def describe_provider(
    call: Call, given: t.DescribeIdentityProviderRequestTypeDef
) -> Shape:
    """DescribeIdentityProvider, with its secrets, as the service answers."""
    pool = await load_pool(call, given["UserPoolId"])
    provider = await _load(call, pool, given["ProviderName"])
    return {"IdentityProvider": _build_shape(call, provider)}


async def update_provider(
    call: Call, given: t.UpdateIdentityProviderRequestTypeDef
) -> Shape:
    """UpdateIdentityProvider: what is left out stays, what is given replaces."""
    pool = await load_pool(call, given["UserPoolId"])
    provider = await _load(call, pool, given["ProviderName"])
    _check_identifiers(await _list_all(call, pool), given, provider.name)
    merged = {**_build_shape(call, provider), **given}
    value = _build_value(call, pool, provider.name, merged)
    changed = change_record(call, provider, value)
    await call.services.config.store.save_record(changed)
    return {"IdentityProvider": _build_shape(call, changed)}


async def delete_provider(
    call: Call, given: t.DeleteIdentityProviderRequestTypeDef
) -> Shape:
    """DeleteIdentityProvider; clients keep its name."""
    pool = await load_pool(call, given["UserPoolId"])
    provider = await _load(call, pool, given["ProviderName"])
    await call.services.config.store.delete_record(
        pool_id=pool.id, kind=_KIND, name=provider.name
    )
    return {}


async def list_providers(
    call: Call, given: t.ListIdentityProvidersRequestTypeDef
) -> Shape:
    """ListIdentityProviders."""
    pool = await load_pool(call, given["UserPoolId"])
    page, token = await list_kept(
        call,
        pool,
        _KIND,
        size=min(given.get("MaxResults") or _PAGE, _PAGE),
        token=given.get("NextToken"),
    )
    shown = [
        {
            "ProviderName": provider.name,
            "ProviderType": provider.value["ProviderType"],
            "LastModifiedDate": timestamp(provider.modified_at),
            "CreationDate": timestamp(provider.created_at),
        }
        for provider in page
    ]
    return with_token({"Providers": shown}, token)


async def find_provider(
    call: Call, given: t.GetIdentityProviderByIdentifierRequestTypeDef
) -> Shape:
    """GetIdentityProviderByIdentifier."""
    pool = await load_pool(call, given["UserPoolId"])
    identifier = given["IdpIdentifier"]
    for provider in await _list_all(call, pool):
        if identifier in provider.value.get("IdpIdentifiers", []):
            return {"IdentityProvider": _build_shape(call, provider)}
    raise missing(messages.PROVIDER_UNKNOWN.format(identifier))


OPERATIONS: Final[Operations] = {
    "CreateIdentityProvider": create_provider,
    "DescribeIdentityProvider": describe_provider,
    "UpdateIdentityProvider": update_provider,
    "DeleteIdentityProvider": delete_provider,
    "ListIdentityProviders": list_providers,
    "GetIdentityProviderByIdentifier": find_provider,
}
