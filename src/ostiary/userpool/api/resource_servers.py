"""
Operations on resource servers: who owns custom scopes.

Spec: cognito §1.9, §3.5 (texts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.model.pool import Pool, Record, RecordKind
from ostiary.ports.pool_store import AlreadyExists
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.paging import with_token
from ostiary.userpool.api.pools import load_pool
from ostiary.userpool.api.records import (
    change_record,
    list_kept,
    load_kept,
    new_record,
    pick,
)

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_AT_MOST: Final = 25
_SETTINGS: Final = ("Name", "Scopes")


def _build_shape(server: Record) -> Shape:
    return {
        "UserPoolId": server.pool_id,
        "Identifier": server.name,
        "Name": server.value["Name"],
        "Scopes": server.value.get("Scopes", []),
    }


async def _load(call: Call, pool: Pool, identifier: str) -> Record:
    text = messages.SERVER_MISSING.format(identifier)
    return await load_kept(
        call, pool, RecordKind.RESOURCE_SERVER, name=identifier, text=text
    )


async def create_server(
    call: Call, given: t.CreateResourceServerRequestTypeDef
) -> Shape:
    """CreateResourceServer."""
    pool = await load_pool(call, given["UserPoolId"])
    identifier, kind = given["Identifier"], RecordKind.RESOURCE_SERVER
    store = call.services.config.store
    others = await store.list_records(pool_id=pool.id, kind=kind, limit=_AT_MOST)
    if len(others) >= _AT_MOST:
        text = messages.SERVERS_FULL.format(_AT_MOST)
        raise ApiError("LimitExceededException", text)
    server = new_record(call, pool, kind, pick(given, *_SETTINGS), name=identifier)
    try:
        await store.add_record(server)
    except AlreadyExists as error:
        raise invalid(messages.SERVER_EXISTS.format(identifier, pool.id)) from error
    return {"ResourceServer": _build_shape(server)}


async def describe_server(
    call: Call, given: t.DescribeResourceServerRequestTypeDef
) -> Shape:
    """DescribeResourceServer."""
    pool = await load_pool(call, given["UserPoolId"])
    return {
        "ResourceServer": _build_shape(await _load(call, pool, given["Identifier"]))
    }


async def update_server(
    call: Call, given: t.UpdateResourceServerRequestTypeDef
) -> Shape:
    """UpdateResourceServer: without scopes it has none."""
    pool = await load_pool(call, given["UserPoolId"])
    server = await _load(call, pool, given["Identifier"])
    changed = change_record(call, server, pick(given, *_SETTINGS))
    await call.services.config.store.save_record(changed)
    return {"ResourceServer": _build_shape(changed)}


async def delete_server(
    call: Call, given: t.DeleteResourceServerRequestTypeDef
) -> Shape:
    """DeleteResourceServer; clients keep the names of its scopes."""
    pool = await load_pool(call, given["UserPoolId"])
    server = await _load(call, pool, given["Identifier"])
    await call.services.config.store.delete_record(
        pool_id=pool.id, kind=RecordKind.RESOURCE_SERVER, name=server.name
    )
    return {}


async def list_servers(call: Call, given: t.ListResourceServersRequestTypeDef) -> Shape:
    """ListResourceServers."""
    pool = await load_pool(call, given["UserPoolId"])
    page, token = await list_kept(
        call,
        pool,
        RecordKind.RESOURCE_SERVER,
        size=given.get("MaxResults", 50),
        token=given.get("NextToken"),
    )
    return with_token({"ResourceServers": [_build_shape(s) for s in page]}, token)


OPERATIONS: Final[Operations] = {
    "CreateResourceServer": create_server,
    "DescribeResourceServer": describe_server,
    "UpdateResourceServer": update_server,
    "DeleteResourceServer": delete_server,
    "ListResourceServers": list_servers,
}
