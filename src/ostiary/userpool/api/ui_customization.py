"""
Operations on the look of the classic pages.

Spec: cognito §1.4.
"""

from __future__ import annotations

import base64
import datetime as dt
from typing import TYPE_CHECKING, Final

from ostiary.model.pool import Pool, Record, RecordKind
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.clients import load_client
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.records import change_record, new_record
from ostiary.userpool.looks import ALL_CLIENTS, check_css, check_image, image_path

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_NAME: Final = "look"


def _build_shape(call: Call, pool: Pool, look: Record) -> Shape:
    modified = dt.datetime.fromtimestamp(look.modified_at, dt.UTC)
    shape: Shape = {
        "UserPoolId": pool.id,
        "ClientId": look.owner,
        "CSSVersion": modified.strftime("%Y%m%d%H%M%S"),
        "LastModifiedDate": timestamp(look.modified_at),
        "CreationDate": timestamp(look.created_at),
    }
    if look.value.get("css"):
        shape["CSS"] = look.value["css"]
    if look.value.get("image"):
        config = call.services.config
        home = config.domain_url(pool.domain or pool.custom_domain)
        image = base64.b64decode(look.value["image"])
        path = image_path(pool.id, look.owner, image)
        shape["ImageUrl"] = f"{home or config.issuer_base}{path}"
    return shape


async def _load_owner(call: Call, pool: Pool, client_id: str | None) -> str:
    if client_id in {None, ALL_CLIENTS}:
        return ALL_CLIENTS
    return (await load_client(call, pool, str(client_id))).id


async def _find(call: Call, pool: Pool, owner: str) -> Record | None:
    return await call.services.config.store.load_record(
        pool_id=pool.id, kind=RecordKind.LOOK, name=_NAME, owner=owner
    )


async def set_look(call: Call, given: t.SetUICustomizationRequestTypeDef) -> Shape:
    """SetUICustomization: what is left out stays, what is empty is taken away."""
    pool = await load_pool(call, given["UserPoolId"])
    owner = await _load_owner(call, pool, given.get("ClientId"))
    before = await _find(call, pool, owner)
    value = dict(before.value) if before else {}
    if "CSS" in given:
        value["css"] = check_css(given["CSS"])
    if "ImageFile" in given:
        raw = given["ImageFile"]
        assert isinstance(raw, bytes)  # as `validation` decodes blobs
        image = check_image(raw) if raw else raw
        value["image"] = base64.b64encode(image).decode("ascii")
    look = (
        change_record(call, before, value)
        if before
        else new_record(call, pool, RecordKind.LOOK, value, name=_NAME, owner=owner)
    )
    await call.services.config.store.save_record(look)
    return {"UICustomization": _build_shape(call, pool, look)}


async def get_look(call: Call, given: t.GetUICustomizationRequestTypeDef) -> Shape:
    """GetUICustomization: the client's, else the pool's, else nothing."""
    pool = await load_pool(call, given["UserPoolId"])
    owner = await _load_owner(call, pool, given.get("ClientId"))
    look = await _find(call, pool, owner) or await _find(call, pool, ALL_CLIENTS)
    return {"UICustomization": _build_shape(call, pool, look) if look else {}}


OPERATIONS: Final[Operations] = {
    "SetUICustomization": set_look,
    "GetUICustomization": get_look,
}
