"""
Operations on groups and on who is in them.

Spec: cognito §3.4 (shape), §3.5 (texts), §3.14.
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
    new_record,
    pick,
)
from ostiary.userpool.api.user_shape import build_user_shape
from ostiary.userpool.groups import MAX_GROUPS_OF_USER
from ostiary.userpool.lookup import load_named_user

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_SETTINGS: Final = ("Description", "RoleArn", "Precedence")
Given = Mapping[str, Any]  # Any: an input that the model has checked


def _build_shape(group: Record) -> Shape:
    return {
        "GroupName": group.name,
        "UserPoolId": group.pool_id,
        **group.value,
        "LastModifiedDate": timestamp(group.modified_at),
        "CreationDate": timestamp(group.created_at),
    }


async def _load(call: Call, pool: Pool, name: str) -> Record:
    return await load_kept(
        call, pool, RecordKind.GROUP, name=name, text=messages.GROUP_MISSING
    )


async def create_group(call: Call, given: t.CreateGroupRequestTypeDef) -> Shape:
    """CreateGroup."""
    pool = await load_pool(call, given["UserPoolId"])
    value = pick(given, *_SETTINGS)
    group = new_record(call, pool, RecordKind.GROUP, value, name=given["GroupName"])
    try:
        await call.services.config.store.add_record(group)
    except AlreadyExists as error:
        raise ApiError("GroupExistsException", messages.GROUP_EXISTS) from error
    return {"Group": _build_shape(group)}


async def get_group(call: Call, given: t.GetGroupRequestTypeDef) -> Shape:
    """GetGroup."""
    pool = await load_pool(call, given["UserPoolId"])
    return {"Group": _build_shape(await _load(call, pool, given["GroupName"]))}


async def update_group(call: Call, given: t.UpdateGroupRequestTypeDef) -> Shape:
    """UpdateGroup: what is left out stays."""
    pool = await load_pool(call, given["UserPoolId"])
    group = await _load(call, pool, given["GroupName"])
    changed = change_record(call, group, {**group.value, **pick(given, *_SETTINGS)})
    await call.services.config.store.save_record(changed)
    return {"Group": _build_shape(changed)}


async def delete_group(call: Call, given: t.DeleteGroupRequestTypeDef) -> Shape:
    """DeleteGroup; who was in it stays."""
    pool = await load_pool(call, given["UserPoolId"])
    group = await _load(call, pool, given["GroupName"])
    store = call.services.config.store
    await store.delete_record(pool_id=pool.id, kind=RecordKind.GROUP, name=group.name)
    await store.delete_records(pool_id=pool.id, kind=RecordKind.MEMBER, name=group.name)
    return {}


async def list_groups(call: Call, given: t.ListGroupsRequestTypeDef) -> Shape:
    """ListGroups."""
    pool = await load_pool(call, given["UserPoolId"])
    page, token = await list_kept(
        call,
        pool,
        RecordKind.GROUP,
        size=given.get("Limit"),
        token=given.get("NextToken"),
    )
    return with_token({"Groups": [_build_shape(g) for g in page]}, token)


async def add_member(call: Call, given: t.AdminAddUserToGroupRequestTypeDef) -> Shape:
    """AdminAddUserToGroup; who is in it already stays so."""
    pool = await load_pool(call, given["UserPoolId"])
    group = await _load(call, pool, given["GroupName"])
    user = await load_named_user(call.services, pool, given["Username"])
    store = call.services.config.store
    theirs = await store.list_records(
        pool_id=pool.id,
        kind=RecordKind.MEMBER,
        owner=user.username,
        limit=MAX_GROUPS_OF_USER,
    )
    if group.name in {member.name for member in theirs}:
        return {}
    if len(theirs) >= MAX_GROUPS_OF_USER:
        raise invalid(messages.GROUPS_FULL.format(MAX_GROUPS_OF_USER))
    member = new_record(
        call, pool, RecordKind.MEMBER, {}, name=group.name, owner=user.username
    )
    await store.save_record(member)
    return {}


async def remove_member(
    call: Call, given: t.AdminRemoveUserFromGroupRequestTypeDef
) -> Shape:
    """AdminRemoveUserFromGroup; who is not in it stays so."""
    pool = await load_pool(call, given["UserPoolId"])
    group = await _load(call, pool, given["GroupName"])
    user = await load_named_user(call.services, pool, given["Username"])
    await call.services.config.store.delete_record(
        pool_id=pool.id,
        kind=RecordKind.MEMBER,
        name=group.name,
        owner=user.username,
    )
    return {}


async def list_groups_of(
    call: Call, given: t.AdminListGroupsForUserRequestTypeDef
) -> Shape:
    """AdminListGroupsForUser."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    page, token = await list_kept(
        call,
        pool,
        RecordKind.MEMBER,
        owner=user.username,
        size=given.get("Limit"),
        token=given.get("NextToken"),
    )
    store = call.services.config.store
    found = [
        await store.load_record(
            pool_id=pool.id, kind=RecordKind.GROUP, name=member.name
        )
        for member in page
    ]
    return with_token({"Groups": [_build_shape(g) for g in found if g]}, token)


async def list_members(call: Call, given: t.ListUsersInGroupRequestTypeDef) -> Shape:
    """ListUsersInGroup."""
    pool = await load_pool(call, given["UserPoolId"])
    group = await _load(call, pool, given["GroupName"])
    page, token = await list_kept(
        call,
        pool,
        RecordKind.MEMBER,
        name=group.name,
        size=given.get("Limit"),
        token=given.get("NextToken"),
    )
    store = call.services.config.store
    found = [
        await store.load_user(pool_id=pool.id, username=member.owner) for member in page
    ]
    return with_token({"Users": [build_user_shape(u) for u in found if u]}, token)


OPERATIONS: Final[Operations] = {
    "CreateGroup": create_group,
    "GetGroup": get_group,
    "UpdateGroup": update_group,
    "DeleteGroup": delete_group,
    "ListGroups": list_groups,
    "AdminAddUserToGroup": add_member,
    "AdminRemoveUserFromGroup": remove_member,
    "AdminListGroupsForUser": list_groups_of,
    "ListUsersInGroup": list_members,
}
