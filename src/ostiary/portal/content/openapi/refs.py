"""
References inside a document: `#/components/schemas/Pet`. Others are named and not followed. Pure.

Spec: OpenAPI 3.1 §4.8.23; RFC 6901 (JSON Pointer).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

Json = Mapping[str, Any]  # Any: plain values
MAX_HOPS: Final = 20
_EMPTY: Final[Json] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refs:
    """Follows references of one document."""

    document: Json = field(repr=False)

    def follow(self, value: object) -> tuple[Json, str | None]:
        """
        What a value is or refers to, and the last reference followed.

        A reference that leads nowhere, round in circles or out of the document is an empty record.
        """
        name: str | None = None
        for _ in range(MAX_HOPS):
            if not isinstance(value, Mapping):
                return _EMPTY, name
            ref = value.get("$ref")
            if not isinstance(ref, str):
                return value, name
            name = ref
            found = self._find(ref)
            if isinstance(found, Mapping):
                # 3.1: what stands beside a reference counts more.
                beside = {k: v for k, v in value.items() if k != "$ref"}
                value = {**found, **beside} if beside else found
                if "$ref" in found:
                    value = {**value, "$ref": found["$ref"]}
            else:
                value = found
        return _EMPTY, name

    def _find(self, ref: str) -> object:
        if not ref.startswith("#"):
            return None
        found: object = self.document
        for step in unquote(ref[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping):
                found = found.get(key)
            elif isinstance(found, list) and key.isdecimal() and len(key) < 7:
                found = found[int(key)] if int(key) < len(found) else None
            else:
                return None
        return found


def name_ref(ref: str | None) -> str:
    """What people call what a reference leads to: its last step."""
    return "" if ref is None else unquote(ref.rpartition("/")[2])[:80]


def record(value: object) -> Json:
    """A record, or an empty one."""
    return value if isinstance(value, Mapping) else _EMPTY


def items(value: object) -> list[Any]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """A text, or an empty one; numbers are written out."""
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else ""
