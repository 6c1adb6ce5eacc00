"""
Changes fields of responses, and members of JSON objects in their bodies.

Only bodies that say they are JSON are held back, and only where there is something to change
in them; all others stream.

Spec: gateway §4.5 (response-transformer).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from ostiary.kit import NO_COOKIES, Exchange, Response, Services
from ostiary.kit.bodies import JsonObject, parse_named
from ostiary.plugins.response_transformer.schema import (
    AddRecord,
    ResponseTransformerConfig,
    split_pair,
)

_JSON: Final = b"application/json"
Pairs = tuple[tuple[str, str], ...]
Typed = tuple[tuple[str, Any], ...]  # Any: JSON values


def _split(texts: Sequence[str]) -> Pairs:
    return tuple(split_pair(text) for text in texts)


def cast(value: str, kind: str) -> Any:  # Any: a JSON value
    """
    A value of a kind.

    Raises:
        ValueError: It is none of that kind.
    """
    if kind == "boolean":
        return value.lower() == "true"
    if kind == "string":
        return value
    number = json.loads(value)
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise ValueError("not a number")
    return number


def build_members(record: AddRecord) -> Typed:
    """Members with their values. As in Kong, one that is not of its kind is left out."""
    texts: Any = record.json  # the field, not the method of that name
    found: list[tuple[str, Any]] = []
    kinds = record.json_types or ("string",) * len(texts)
    for (name, text), kind in zip(_split(texts), kinds, strict=True):
        try:
            found.append((name, cast(text, kind)))
        except ValueError:
            continue
    return tuple(found)


class ResponseTransformer:
    """One configured `response-transformer` plugin."""

    own_cookies = NO_COOKIES

    def __init__(
        self,
        config: ResponseTransformerConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        self._log = services.log_as("response-transformer")
        self._remove = tuple(n.encode("ascii") for n in config.remove.headers)
        self._rename = _encode(config.rename.headers)
        self._replace = _encode(config.replace.headers)
        self._add = _encode(config.add.headers)
        self._append = _encode(config.append.headers)
        removed: Any = config.remove.json
        renamed: Any = config.rename.json
        self._removed: tuple[str, ...] = removed
        self._renamed = _split(renamed)
        self._replaced = build_members(config.replace)
        self._added = build_members(config.add)
        self._appended = build_members(config.append)
        self._edits_bodies = bool(
            self._removed
            or self._renamed
            or self._replaced
            or self._added
            or self._appended
        )

    def on_response(self, exchange: Exchange, response: Response) -> None:  # noqa: ARG002 - the hook's name
        for name in self._remove:
            response.remove(name)
        for old, new in self._rename:
            values = [v for n, v in response.fields if n.lower() == old.lower()]
            if values:
                response.remove(old)
                response.remove(new)
                for value in values:
                    response.add(new, value)
        for name, value in self._replace:
            if response.find(name) is not None:
                response.set(name, value)
        for name, value in self._add:
            if response.find(name) is None:
                response.add(name, value)
        for name, value in self._append:
            response.add(name, value)

    def wants_body(self, exchange: Exchange, response: Response) -> bool:  # noqa: ARG002 - the hook's name
        kind = response.find(b"content-type") or b""
        return self._edits_bodies and kind.strip().lower().startswith(_JSON)

    def edit_body(self, exchange: Exchange, response: Response, body: bytes) -> bytes:  # noqa: ARG002 - the hook's name
        found = parse_named(_JSON, body)
        if not isinstance(found, JsonObject) or not body:
            self._log("warn", "a body that says it is JSON is no JSON object")
            return body
        for name in self._removed:
            found.remove(name)
        for old, new in self._renamed:
            found.rename(old, new)
        for name, value in self._replaced:
            found.replace(name, value)
        for name, value in self._added:
            if name not in found.members:
                found.members[name] = value
        for name, value in self._appended:
            found.append(name, value)
        return found.dump()


def _encode(texts: Sequence[str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(
        (name.encode("ascii"), value.encode()) for name, value in _split(texts)
    )
