"""
Passwords and keys of developers: given with a developer, kept apart from them, shown nowhere.

Spec: portal §§1.6, 1.7 (`password`, `key`); decision 0046.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ostiary.admin.bodies import Given
from ostiary.model.identity import build_id
from ostiary.model.portal import Developer, DeveloperSecret
from ostiary.ports.config_store import ConfigReads, ConfigWrites, UniqueViolation

NAMES: Final = ("password", "key")
_KIND: Final = "developer_secrets"


def split_secrets(given: Given) -> tuple[Given, dict[str, object]]:
    """What is given for the developer, and their password or key."""
    data = {k: v for k, v in given.data.items() if k not in NAMES}
    typed = {k: given.data[k] for k in NAMES if given.data.get(k) is not None}
    return Given(data=data, is_form=given.is_form), typed


async def check_free(
    reads: ConfigReads, values: Mapping[str, str], owner: str | None = None
) -> None:
    """
    Look whether a key is nobody else's, before it is known whether the address is.

    Whoever registers is told of the key and not of the address: with a key in use they would
    learn from the other order which addresses are known.

    Raises:
        UniqueViolation: It is somebody's; what is kept of it is not shown.
    """
    key = values.get("key")
    if key is None:
        return
    found = await reads.find(_KIND, {"key": key})
    if isinstance(found, DeveloperSecret) and found.developer != owner:
        raise UniqueViolation(_KIND, {"key": "in use"})


async def keep_secret(
    write: ConfigWrites, developer: Developer, values: Mapping[str, str]
) -> None:
    """Keep what is kept of a developer's password or key, instead of any before it."""
    owner = developer.id or ""
    before = await write.find(_KIND, {"developer": owner})
    if isinstance(before, DeveloperSecret):
        update = {**values, "updated_at": developer.updated_at}
        await write.put(before.model_copy(update=update))
        return
    made = DeveloperSecret(
        id=build_id(_KIND, owner, developer.ws_id),
        ws_id=developer.ws_id,
        created_at=developer.updated_at,
        updated_at=developer.updated_at,
        developer=owner,
        password=values.get("password"),
        key=values.get("key"),
    )
    await write.add(made)
