"""
What a row is called when nobody gave it an id, and what a password becomes.

Spec: gateway §2.2 (Kong's UUIDv5 ids), §4.5 (basic-auth's hash).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from ostiary.model.kinds import Kind

ROOT = uuid.UUID("fd02801f-0957-4a15-a55a-c8d9606f30b5")
# Kong's key of plugins has no consumer group: it counts only where one is set.
_SOMETIMES = frozenset({"consumer_group"})


def build_id(entity: str, key: str, workspace: str | None = None) -> str:
    """
    The id of a row without one (Kong's DB-less import).

    Args:
        workspace: None for the one called `default`.
    """
    place = uuid.uuid5(ROOT, entity)
    if workspace is not None:
        place = uuid.uuid5(place, workspace)
    return str(uuid.uuid5(place, key))


def build_key(kind: Kind, data: Mapping[str, Any]) -> str | None:
    """What a row's id is made of: its endpoint key, else its identity; None has neither."""
    name = data.get(kind.endpoint_key) if kind.endpoint_key else None
    if isinstance(name, str) and name and kind.name not in {"targets", "keys"}:
        return name
    if kind.name == "consumers" and isinstance(data.get("custom_id"), str):
        return str(data["custom_id"])
    if not kind.identity:
        return None
    parts = [
        data.get(field)
        for field in kind.identity
        if data.get(field) is not None or field not in _SOMETIMES
    ]
    return f"{kind.name}:" + ":".join(str(p) if p else "" for p in parts)


def hash_password(password: str, consumer_id: str) -> str:
    """
    What basic-auth keeps of a password: Kong's form, so that dumps of either load in the other.

    Spec: gateway §4.5.
    """
    text = (password + consumer_id).encode()
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()
