"""Operations on users."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ostiary.model.pool import User
from ostiary.userpool import messages
from ostiary.userpool.api import inputs
from ostiary.userpool.api.caller import Call
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.paging import build_page_token, read_page_token
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.schema import attribute_names

Shape = dict[str, Any]  # Any: JSON
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
_FIELDS: Final[dict[str, Callable[[User], str]]] = {
    "username": lambda user: user.username,
    "cognito:user_status": lambda user: user.status.value,
    "status": lambda user: "Enabled" if user.enabled else "Disabled",
}


def parse_filter(text: str | None) -> Callable[[User], bool]:
    """
    A listing's filter as a test of one user.

    Raises:
        ApiError: It cannot be read, or names an attribute that cannot be searched.
    """
    if not text or not text.strip():
        return lambda _: True
    found = _FILTER.fullmatch(text)
    if found is None:
        raise invalid(messages.FILTER_WRONG)
    name, operator, raw = found.groups()
    wanted = re.sub(r"\\(.)", r"\1", raw)
    read = _FIELDS.get(name)
    if read is None:
        if name not in _ATTRIBUTES:
            raise invalid(messages.FILTER_ATTRIBUTE.format(name))
        read = lambda user: user.attributes.get(name, "")  # noqa: E731 - one line either way
    if operator == "=":
        return lambda user: read(user) == wanted
    return lambda user: read(user).startswith(wanted)


def _attributes(user: User, wanted: tuple[str, ...] | None) -> list[Shape]:
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


async def list_users(call: Call, given: inputs.ListUsers) -> Shape:
    """ListUsers."""
    pool = await load_pool(call, given.UserPoolId)
    wanted = given.AttributesToGet
    if wanted is not None and not set(wanted) <= attribute_names(pool.settings):
        raise invalid(messages.ATTRIBUTES_MISSING)
    matches, purpose = parse_filter(given.Filter), f"users {pool.id}"
    after = read_page_token(call, given.PaginationToken, purpose=purpose)
    size = given.Limit or _USUAL_PAGE
    page: list[User] = []
    while len(page) <= size:
        found = await call.services.config.store.list_users(
            pool_id=pool.id, after=after, limit=_USUAL_PAGE
        )
        page += filter(matches, found)
        if len(found) < _USUAL_PAGE:
            break
        after = found[-1].username
    shown = page[:size]
    shape: Shape = {
        "Users": [{**_common(u), "Attributes": _attributes(u, wanted)} for u in shown]
    }
    if len(page) > size:
        token = build_page_token(call, shown[-1].username, purpose=purpose)
        shape["PaginationToken"] = token
    return shape


async def get_user(call: Call, given: inputs.AdminGetUser) -> Shape:
    """AdminGetUser: by username, or by what the person signs in with."""
    pool = await load_pool(call, given.UserPoolId)
    store = call.services.config.store
    user = await store.load_user(pool_id=pool.id, username=given.Username)
    if user is None:
        key = pool.settings.login_key(given.Username)
        user = await store.find_user(pool_id=pool.id, login_key=key)
    if user is None:
        raise ApiError("UserNotFoundException", messages.USER_MISSING)
    return {**_common(user), "UserAttributes": _attributes(user, None)}
