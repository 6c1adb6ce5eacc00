"""Users as listings show them: `sub` first, then what else is known of them."""

from __future__ import annotations

from ostiary.model.pool import User
from ostiary.userpool.api.caller import Shape
from ostiary.userpool.api.pools import timestamp


def build_user_shape(user: User) -> Shape:
    """A user with all attributes."""
    names = ["sub", *(name for name in user.attributes if name != "sub")]
    return {
        "Username": user.username,
        "Attributes": [
            {"Name": name, "Value": user.attributes[name]} for name in names
        ],
        "UserCreateDate": timestamp(user.created_at),
        "UserLastModifiedDate": timestamp(user.modified_at),
        "Enabled": user.enabled,
        "UserStatus": user.status.value,
    }
