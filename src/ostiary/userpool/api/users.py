"""Operations on users."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ostiary.model.pool import User
from ostiary.ports.pool_store import UserFilter
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import invalid
from ostiary.userpool.api.mfa import build_mfa_shape
from ostiary.userpool.api.paging import cut_page, read_page_token, with_token
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.schema import attribute_names
from ostiary.userpool.lookup import load_named_user

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_USUAL_PAGE: Final = 60
_FILTER: Final = re.compile(r'\s*([\w:]+)\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*')
_ATTRIBUTES: Final = frozenset(
    {
        "email",
        "phone_number",
        "name",
        "given_name",
        "family_name",
        "preferred_username",
        "sub",
    }
)
_FIELDS: Final = frozenset({"username", "cognito:user_status", "status"})


def parse_filter(text: str | None) -> UserFilter | None:
    """
    A listing's filter; None for every user.

    Raises:
        ApiError: It cannot be read, or names an attribute that cannot be searched.
    """
    if not text or not text.strip():
        return None
    found = _FILTER.fullmatch(text)
    if found is None:
        raise invalid(messages.FILTER_WRONG)
    name, operator, raw = found.groups()
    if name not in _FIELDS | _ATTRIBUTES:
        raise invalid(messages.FILTER_ATTRIBUTE.format(name))
    value = re.sub(r"\\(.)", r"\1", raw)
    return UserFilter(field=name, value=value, is_prefix=operator == "^=")


def _attributes(user: User, wanted: Sequence[str] | None) -> list[Shape]:
    names = ["sub", *(n for n in user.attributes if n != "sub")]
    return [
        {"Name": name, "Value": user.attributes[name]}
        for name in names
        if wanted is None or name in wanted
    ]


def _common(user: User) -> Shape:
    return {
        "Username": user.username,
        "UserCreateDate": timestamp(user.created_at),
        "UserLastModifiedDate": timestamp(user.modified_at),
        "Enabled": user.enabled,
        "UserStatus": user.status.value,
    }


async def list_users(call: Call, given: t.ListUsersRequestTypeDef) -> Shape:
    """ListUsers."""
    pool = await load_pool(call, given["UserPoolId"])
    wanted = given.get("AttributesToGet")
    if wanted is not None and not set(wanted) <= attribute_names(pool.settings):
        raise invalid(messages.ATTRIBUTES_MISSING)
    purpose, size = f"users {pool.id}", given.get("Limit") or _USUAL_PAGE
    found = await call.services.config.store.list_users(
        pool_id=pool.id,
        after=read_page_token(call, given.get("PaginationToken"), purpose=purpose),
        limit=size + 1,
        where=parse_filter(given.get("Filter")),
    )
    page, token = cut_page(
        call, found, size, purpose=purpose, name_of=lambda user: user.username
    )
    shown = [{**_common(u), "Attributes": _attributes(u, wanted)} for u in page]
    return with_token({"Users": shown}, token, member="PaginationToken")


async def get_user(call: Call, given: t.AdminGetUserRequestTypeDef) -> Shape:
    """AdminGetUser: by username, or by what the person signs in with."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    return {
        **_common(user),
        "UserAttributes": _attributes(user, None),
        **build_mfa_shape(user),
    }


OPERATIONS: Final[Operations] = {
    "ListUsers": list_users,
    "AdminGetUser": get_user,
}
