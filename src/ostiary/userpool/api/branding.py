"""
Operations on the look of managed login: kept as it is given, one style a client.

Spec: cognito §1.4, §3.3.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from ostiary.model.pool import Pool, Record, RecordKind
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.clients import load_client
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.records import (
    change_record,
    find_named,
    missing,
    new_record,
    pick,
)
from ostiary.userpool.identifiers import new_uuid

_KIND: Final = RecordKind.BRANDING
_STYLE: Final = ("Settings", "Assets")
_NEEDED: Final = ("UserPoolId", "ManagedLoginBrandingId")
Given = Mapping[str, Any]  # Any: an input that the model has checked


def _build_shape(branding: Record) -> Shape:
    return {
        "ManagedLoginBrandingId": branding.name,
        "UserPoolId": branding.pool_id,
        **branding.value,
        "CreationDate": timestamp(branding.created_at),
        "LastModifiedDate": timestamp(branding.modified_at),
    }


def _read_style(given: Given) -> Shape:
    """
    What a request says of a style; pictures as base64.

    Raises:
        ApiError: The service's own look is asked for together with another.
    """
    style = pick(given, *_STYLE)
    if given.get("UseCognitoProvidedValues"):
        if any(style.values()):
            raise invalid(messages.BRANDING_TWICE)
        return {"UseCognitoProvidedValues": True}
    if "Assets" in style:
        style["Assets"] = [_read_asset(asset) for asset in style["Assets"]]
    return {"UseCognitoProvidedValues": False, **style}


def _read_asset(asset: Given) -> Shape:
    if "Bytes" not in asset:
        return dict(asset)
    return {**asset, "Bytes": base64.b64encode(asset["Bytes"]).decode("ascii")}


async def _load(call: Call, pool: Pool, name: str) -> Record:
    text = messages.BRANDING_MISSING.format(name)
    return await find_named(call, pool, _KIND, name=name, text=text)


async def _find_of(call: Call, pool: Pool, client_id: str) -> Record | None:
    found = await call.services.config.store.list_records(
        pool_id=pool.id, kind=_KIND, owner=client_id, limit=1
    )
    return found[0] if found else None


async def create_branding(call: Call, given: Given) -> Shape:
    """CreateManagedLoginBranding."""
    pool = await load_pool(call, given["UserPoolId"])
    client = await load_client(call, pool, given["ClientId"])
    if await _find_of(call, pool, client.id) is not None:
        code = "ManagedLoginBrandingExistsException"
        raise ApiError(code, messages.BRANDING_EXISTS)
    name = new_uuid(call.services.config.entropy)
    value = _read_style(given)
    branding = new_record(call, pool, _KIND, value, name=name, owner=client.id)
    await call.services.config.store.add_record(branding)
    return {"ManagedLoginBranding": _build_shape(branding)}


async def describe_branding(call: Call, given: Given) -> Shape:
    """DescribeManagedLoginBranding; there are no defaults to merge with."""
    pool = await load_pool(call, given["UserPoolId"])
    branding = await _load(call, pool, given["ManagedLoginBrandingId"])
    return {"ManagedLoginBranding": _build_shape(branding)}


async def describe_of_client(call: Call, given: Given) -> Shape:
    """DescribeManagedLoginBrandingByClient."""
    pool = await load_pool(call, given["UserPoolId"])
    client = await load_client(call, pool, given["ClientId"])
    branding = await _find_of(call, pool, client.id)
    if branding is None:
        raise missing(messages.BRANDING_MISSING.format(f"of client {client.id}"))
    return {"ManagedLoginBranding": _build_shape(branding)}


async def update_branding(call: Call, given: Given) -> Shape:
    """UpdateManagedLoginBranding: what is left out stays, but for the service's own look."""
    for name in _NEEDED:
        if name not in given:
            path = name[:1].lower() + name[1:]
            raise invalid(messages.VALUE_NULL.format(path))
    pool = await load_pool(call, given["UserPoolId"])
    branding = await _load(call, pool, given["ManagedLoginBrandingId"])
    style = _read_style(given)
    if not pick(given, "UseCognitoProvidedValues", *_STYLE):
        style = {}
    is_replaced = style.get("UseCognitoProvidedValues", False)
    value = style if is_replaced else {**branding.value, **style}
    changed = change_record(call, branding, value)
    await call.services.config.store.save_record(changed)
    return {"ManagedLoginBranding": _build_shape(changed)}


async def delete_branding(call: Call, given: Given) -> Shape:
    """DeleteManagedLoginBranding."""
    pool = await load_pool(call, given["UserPoolId"])
    branding = await _load(call, pool, given["ManagedLoginBrandingId"])
    await call.services.config.store.delete_records(
        pool_id=pool.id, kind=_KIND, name=branding.name
    )
    return {}


OPERATIONS: Final[Operations] = {
    "CreateManagedLoginBranding": create_branding,
    "DescribeManagedLoginBranding": describe_branding,
    "DescribeManagedLoginBrandingByClient": describe_of_client,
    "UpdateManagedLoginBranding": update_branding,
    "DeleteManagedLoginBranding": delete_branding,
}
