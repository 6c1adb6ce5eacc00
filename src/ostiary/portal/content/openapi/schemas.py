"""
Schemas as trees that a page shows: fields, their types, what holds for them. Pure.

What refers to itself is named and not opened again; a tree has a limited number of nodes, so that
no document makes a page without end.

Spec: OpenAPI 3.1 §4.8.24; JSON Schema 2020-12.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostiary.portal.content.openapi.lengths import (
    LEFT_OUT,
    MAX_LABEL_CHARS,
    measure,
)
from ostiary.portal.content.openapi.refs import (
    Json,
    Refs,
    items,
    name_ref,
    record,
    text,
)

MAX_NODES: Final = 400
MAX_DEPTH: Final = 10
_MAX_CHOICES: Final = 12
_MAX_ENUM: Final = 40
_MAX_VALUE_CHARS: Final = 2000
_BOUNDS: Final = (
    ("minimum", "≥ {}"), ("maximum", "≤ {}"),
    ("exclusiveMinimum", "> {}"), ("exclusiveMaximum", "< {}"),
    ("minLength", "at least {} characters"), ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"), ("maxItems", "at most {} items"),
    ("multipleOf", "multiple of {}"), ("pattern", "pattern {}"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One field or one alternative; `facts` are what holds for it, in words."""

    name: str
    type: str
    is_required: bool = False
    is_deprecated: bool = False
    access: str = ""
    description: str = ""
    facts: tuple[str, ...] = ()
    note: str = ""
    children: tuple[Node, ...] = ()
    choices: tuple[Node, ...] = ()
    choice_word: str = ""


class SchemaReader:
    """Reads schemas of one page; the limit is for all of them together."""

    def __init__(self, refs: Refs, *, limit: int = MAX_NODES) -> None:
        self._refs = refs
        self._left = limit

    def read(
        self, schema: object, name: str = "", *, is_required: bool = False
    ) -> Node:
        """The tree of a schema."""
        return self._read(schema, name, is_required=is_required, seen=())

    def _read(
        self, schema: object, name: str, *, is_required: bool, seen: tuple[str, ...]
    ) -> Node:
        self._left -= 1
        if isinstance(schema, bool):
            return Node(name=name, type="any" if schema else "nothing", is_required=is_required)  # fmt: skip
        found, ref = self._refs.follow(schema)
        label = name_ref(ref)
        if ref is not None and ref in seen:
            return Node(name=name, type=label, is_required=is_required, note="as above")
        if ref is not None:
            seen = (*seen, ref)
        found = self._merge(found, seen)
        stops = self._left <= 0 or len(seen) > MAX_DEPTH
        note = "" if not stops else "not shown further"
        kind = describe_type(found, self._refs) or ("object" if found else "any")
        shown = f"{label} ({kind})" if label and label != kind else kind
        return Node(
            name=name,
            type=shown,
            is_required=is_required,
            is_deprecated=found.get("deprecated") is True,
            access="read only" if found.get("readOnly") is True else "write only" if found.get("writeOnly") is True else "",
            description=text(found.get("description")) or text(found.get("title")),
            facts=tuple(_list_facts(found)),
            note=note if _has_below(found) else "",
            children=() if stops else tuple(self._children(found, seen)),
            choices=() if stops else tuple(self._choices(found, seen)),
            choice_word="One of" if found.get("oneOf") else "Any of",
        )  # fmt: skip

    def _merge(self, schema: Json, seen: tuple[str, ...]) -> Json:
        """A schema with those that all hold put together."""
        parts = items(schema.get("allOf"))
        if not parts:
            return schema
        merged: dict[str, Any] = {k: v for k, v in schema.items() if k != "allOf"}
        properties: dict[str, Any] = {}
        required: list[Any] = []
        for part in parts[:_MAX_CHOICES]:
            found, ref = self._refs.follow(part)
            self._left -= 1
            if self._left <= 0 or (ref is not None and ref in seen):
                continue
            deeper = (*seen, ref) if ref is not None else (*seen, "")
            if len(deeper) > MAX_DEPTH:
                continue
            inner = self._merge(found, deeper)
            properties |= record(inner.get("properties"))
            required += items(inner.get("required"))
            merged = {**inner, **merged}
        properties |= record(schema.get("properties"))
        merged["properties"] = properties
        merged["required"] = [*required, *items(schema.get("required"))]
        return merged

    def _children(self, schema: Json, seen: tuple[str, ...]) -> Iterator[Node]:
        required = {r for r in items(schema.get("required")) if isinstance(r, str)}
        for name, value in record(schema.get("properties")).items():
            if self._left <= 0:
                yield Node(name="…", type="", note="more fields are not shown")
                return
            yield self._read(
                value,
                str(name)[:MAX_LABEL_CHARS],
                is_required=name in required,
                seen=(*seen, ""),
            )
        if isinstance(schema.get("items"), Mapping):
            inner = self._read(
                schema["items"], "item", is_required=False, seen=(*seen, "")
            )
            # Of plain values the type says it all.
            if inner.children or inner.choices or inner.facts or inner.note:
                yield inner
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping) and more:
            yield self._read(more, "any name", is_required=False, seen=(*seen, ""))

    def _choices(self, schema: Json, seen: tuple[str, ...]) -> Iterator[Node]:
        choices = items(schema.get("oneOf")) or items(schema.get("anyOf"))
        for choice in choices[:_MAX_CHOICES]:
            found, ref = self._refs.follow(choice)
            if found.get("type") == "null":
                continue
            name = text(found.get("title"))[:MAX_LABEL_CHARS] or name_ref(ref)
            yield self._read(choice, name, is_required=False, seen=(*seen, ""))


def _has_below(schema: Json) -> bool:
    return any(schema.get(k) for k in ("properties", "items", "oneOf", "anyOf"))


def describe_type(schema: Json, refs: Refs) -> str:
    """The type of a schema in words: `array of Pet`, `string (uuid) or null`."""
    said = schema.get("type")
    names = [t for t in (said if isinstance(said, list) else [said]) if isinstance(t, str)]  # fmt: skip
    if not names and record(schema.get("properties")):
        names = ["object"]
    if not names and schema.get("items") is not None:
        names = ["array"]
    if schema.get("nullable") is True:
        names.append("null")
    form = text(schema.get("format"))
    shown = []
    for name in names:
        if name == "array":
            inner, ref = refs.follow(schema.get("items"))
            of = name_ref(ref) or text(inner.get("type")) or "any"
            shown.append(f"array of {of}")
        elif form and name != "null":
            shown.append(f"{name} ({form})")
        else:
            shown.append(name)
    if not shown and (schema.get("oneOf") or schema.get("anyOf")):
        return "one of several" if schema.get("oneOf") else "any of several"
    return " or ".join(dict.fromkeys(shown))[:MAX_LABEL_CHARS]


def write_value(value: object) -> str:
    """A value as people write it."""
    value = value[:MAX_LABEL_CHARS] if isinstance(value, str) else value
    if measure(value, _MAX_VALUE_CHARS) > _MAX_VALUE_CHARS:
        return LEFT_OUT
    return json.dumps(value, ensure_ascii=False)[:MAX_LABEL_CHARS]


def _list_facts(schema: Json) -> Iterator[str]:
    if "const" in schema:
        yield f"always {write_value(schema['const'])}"
    values = items(schema.get("enum"))
    if values:
        listed = ", ".join(write_value(v) for v in values[:_MAX_ENUM])
        yield f"one of {listed[:_MAX_VALUE_CHARS]}{' …' if len(values) > _MAX_ENUM else ''}"
    if "default" in schema:
        yield f"default {write_value(schema['default'])}"
    for key, form in _BOUNDS:
        value = schema.get(key)
        if value is not None and not isinstance(value, bool | dict | list):
            yield form.format(str(value)[:200])
    if schema.get("uniqueItems") is True:
        yield "no item twice"
