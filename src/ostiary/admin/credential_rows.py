"""
A developer's credential as JSON, and as a consumer's to be judged as those are; those that are held.

Spec: portal §§1.5, 1.7; decision 0049.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ostiary.admin.rows import read_every
from ostiary.admin.shapes import Json
from ostiary.model.credentials import BasicAuth, JwtSecret, KeyAuth
from ostiary.model.developer_credentials import (
    DeveloperCredential,
    build_hint,
    build_name,
)
from ostiary.model.kinds import EVERY_KIND
from ostiary.model.portal import APPROVED, Developer
from ostiary.model.row import Row
from ostiary.ports.config_store import ConfigWrites

CREDENTIALS: Final = EVERY_KIND["developer_credentials"]
_HIDDEN: Final = "*" * 8


def show_credential(
    row: DeveloperCredential, made: Mapping[str, str] | None = None
) -> Json:
    """A credential as JSON; `made` are secrets that were generated for it just now."""
    secrets = made or {}
    beginning = f"{row.hint}{_HIDDEN}"
    shown: Json = {
        "id": row.id,
        "developer": {"id": row.developer},
        "consumer": {"id": row.developer},
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "expires_at": row.expires_at,
        "self_made": row.self_made,
    }
    match row.plugin:
        case "key-auth":
            shown["key"] = secrets.get("key", beginning)
        case "basic-auth":
            password = secrets.get("password", _HIDDEN)
            shown |= {"username": row.value, "password": password}
        case _:
            kept = None if row.secret is None else beginning
            shown |= {
                "key": row.value,
                "secret": secrets.get("secret", kept),
                "algorithm": row.algorithm,
                "rsa_public_key": row.rsa_public_key,
            }
    return shown


async def hold_credentials(write: ConfigWrites, developer: Developer) -> None:
    """Let a developer's credentials work while the developer is approved, and not otherwise."""
    held = developer.status != APPROVED
    mine = {"developer": developer.id or ""}
    for row in await read_every(write, CREDENTIALS.name, mine):
        if isinstance(row, DeveloperCredential) and row.held != held:
            await write.put(row.model_copy(update={"held": held}))


def key_of(built: Row) -> dict[str, str]:
    """What a consumer's credential is found by."""
    if isinstance(built, BasicAuth):
        return {"username": built.username}
    assert isinstance(built, KeyAuth | JwtSecret)
    return {"key": built.key}


def as_consumers(row: DeveloperCredential) -> Row:
    """A credential as if it were a consumer's, to be judged as those are when it changes."""
    known: dict[str, Any] = {
        "id": row.id,
        "ws_id": row.ws_id,
        "created_at": row.created_at,
        "consumer": row.developer,
    }
    match row.plugin:
        case "key-auth":
            return KeyAuth(**known, key=row.value)
        case "basic-auth":
            return BasicAuth(**known, username=row.value, password=row.password or "-")
    return JwtSecret(
        **known,
        key=row.value,
        secret=row.secret,
        algorithm=row.algorithm or "HS256",
        rsa_public_key=row.rsa_public_key,
    )


def read_built(
    plugin: str, built: Row, before: DeveloperCredential | None
) -> DeveloperCredential:
    """What is kept of a credential that was judged as a consumer's."""
    found: dict[str, Any] = {}
    match built:
        case KeyAuth():
            found = {
                "name": build_name(plugin, built.key),
                "hint": build_hint(built.key),
            }
        case BasicAuth():
            found = {
                "name": build_name(plugin, built.username),
                "password": built.password,
            }
        case JwtSecret():
            is_shared = built.algorithm.startswith("HS")
            secret = built.secret if is_shared else None
            found = {
                "name": build_name(plugin, built.key),
                "hint": build_hint(secret or ""),
                "secret": secret,
                "algorithm": built.algorithm,
                "rsa_public_key": None if is_shared else built.rsa_public_key,
            }
        case _:
            raise RuntimeError("no credential")
    if before is not None:
        return before.model_copy(update=found)
    owner: str = built.consumer
    return DeveloperCredential(
        id=built.id,
        ws_id=built.ws_id,
        created_at=built.created_at,
        updated_at=built.updated_at,
        developer=owner,
        plugin=plugin,
        **found,
    )
