"""
An example of what a schema describes: what the document gives, or else what its types suggest.

Pure, and bounded as trees of schemas are.

Spec: OpenAPI 3.1 §4.8.19 (examples).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ostiary.portal.content.openapi.refs import Refs, items, record, text

MAX_VALUES: Final = 300
MAX_DEPTH: Final = 8
_BY_FORMAT: Final = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "email": "ada@example.com",
    "uri": "https://example.com",
    "url": "https://example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "c2VjcmV0",
    "password": "correct horse",
}


class ExampleMaker:
    """Makes examples for one page."""

    def __init__(self, refs: Refs, *, limit: int = MAX_VALUES) -> None:
        self._refs = refs
        self._left = limit

    def make(self, schema: object) -> Any:  # Any: JSON
        """An example of a schema."""
        return self._make(schema, ())

    def _make(self, schema: object, seen: tuple[str, ...]) -> Any:
        self._left -= 1
        found, ref = self._refs.follow(schema)
        if self._left <= 0 or len(seen) > MAX_DEPTH or (ref and ref in seen):
            return None
        seen = (*seen, ref or "")
        given = _read_given(found)
        if given is not None:
            return given[0]
        if parts := items(found.get("allOf")):
            return self._merge(found, parts, seen)
        for key in ("oneOf", "anyOf"):
            for choice in items(found.get(key)):
                inner, _ = self._refs.follow(choice)
                if inner.get("type") != "null":
                    return self._make(choice, seen)
        return self._make_of_type(found, seen)

    def _merge(
        self, schema: Mapping[str, Any], parts: list[Any], seen: tuple[str, ...]
    ) -> Any:
        merged: dict[str, Any] = {}
        for part in [*parts, {k: v for k, v in schema.items() if k != "allOf"}]:
            value = self._make(part, seen)
            if isinstance(value, dict):
                merged |= value
            elif value is not None and not merged and len(parts) == 1:
                return value
        return merged

    def _make_of_type(self, schema: Mapping[str, Any], seen: tuple[str, ...]) -> Any:
        said = schema.get("type")
        names = said if isinstance(said, list) else [said]
        kind = next((n for n in names if isinstance(n, str) and n != "null"), "")
        if kind == "object" or (not kind and schema.get("properties")):
            return {
                str(name): self._make(value, seen)
                for name, value in [*record(schema.get("properties")).items()][:60]
                if self._left > 0
            }
        if kind == "array" or (not kind and schema.get("items")):
            inner = self._make(schema.get("items"), seen)
            return [] if inner is None else [inner]
        if kind == "string":
            return _BY_FORMAT.get(text(schema.get("format")), "string")
        if kind in {"integer", "number"}:
            low = schema.get("minimum")
            return low if isinstance(low, int | float) else 0
        return True if kind == "boolean" else None


def _read_given(schema: Mapping[str, Any]) -> tuple[Any] | None:
    for key in ("example", "const", "default"):
        if key in schema:
            return (schema[key],)
    for key in ("examples", "enum"):
        found = schema.get(key)
        if isinstance(found, list) and found:
            return (found[0],)
    return None


def write_example(value: object) -> str:
    """An example as people read it."""
    return json.dumps(value, ensure_ascii=False, indent=2)
