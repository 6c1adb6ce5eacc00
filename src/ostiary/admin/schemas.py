"""
Entities and plugin configurations described as Kong describes them, for tools that fill defaults.

Spec: gateway §1.14 (`/schemas/*`); decK reads `fields` and their `default`.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ostiary.model.entity import Entity
from ostiary.model.fields import SET, Limits, OneOf, Uuid
from ostiary.model.kinds import Kind
from ostiary.model.row import Row

Json = dict[str, Any]  # Any: JSON
_SCALARS: Final[Mapping[object, str]] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    float: "number",
}
_STAMPS: Final = frozenset({"created_at", "updated_at"})


def describe_kind(kind: Kind) -> Json:
    """`GET /schemas/{entity}`."""
    fields = []
    for name in kind.model.model_fields:
        if name == "ws_id":
            continue
        reference = kind.reference(name)
        if reference is not None and not reference.is_list:
            foreign: Json = {"type": "foreign", "reference": reference.kind}
            if kind.model.model_fields[name].is_required():
                foreign["required"] = True
            described: Json | None = foreign
        elif kind.name == "plugins" and name == "config":
            described = {"type": "record", "required": True, "fields": []}
        else:
            described = describe_field(kind.model, name)
        if described is not None:
            if name in kind.sealed and described["type"] != "record":
                described["encrypted"] = True
            if (name,) in kind.unique:
                described["unique"] = True
            fields.append({name: described})
    return {"fields": fields, "entity_checks": []}


def describe_plugin(
    model: type[Entity], *, protocols: tuple[str, ...], no_consumer: bool
) -> Json:
    """`GET /schemas/plugins/{name}`."""
    consumer: Json = {"type": "foreign", "reference": "consumers"}
    if no_consumer:
        consumer |= {"eq": None, "description": "Not for consumers."}
    known: Json = {
        "type": "set",
        "required": True,
        "default": [*protocols],
        "elements": {"type": "string", "one_of": [*protocols]},
    }
    config = {"type": "record", "required": True, "fields": describe_fields(model)}
    return {
        "fields": [{"consumer": consumer}, {"protocols": known}, {"config": config}],
        "entity_checks": [],
    }


def describe_fields(model: type[Entity]) -> list[Json]:
    """The fields of a record, in order; what is not built is not there."""
    found = []
    for name in model.model_fields:
        described = describe_field(model, name)
        if described is not None and name != "ostiary":
            found.append({name: described})
    return found


def describe_field(model: type[Entity], name: str) -> Json | None:
    """One field; None for one that takes nothing."""
    info = model.model_fields[name]
    kind: Any = info.annotation
    for extra in info.metadata:
        kind = Annotated[kind, extra]
    described, takes_none = _describe(kind)
    if described is None:
        return None
    if issubclass(model, Row):
        described |= _automatic(name)
    if _is_secret(info):
        described["encrypted"] = True
    if info.description:
        described["description"] = info.description
    if not takes_none:
        described["required"] = True
    default = info.get_default(call_default_factory=True, validated_data={})
    if default is not PydanticUndefined and default is not None:
        shown = _show(default)
        if described["type"] != "record":
            described["default"] = shown
    return described


def _is_secret(info: FieldInfo) -> bool:
    """Whether nobody should see what is in a field: Kong seals such fields at rest."""
    extra = info.json_schema_extra
    return not info.repr or (isinstance(extra, dict) and bool(extra.get("secret")))


def _automatic(name: str) -> Json:
    if name == "id":
        return {"uuid": True, "auto": True}
    if name in _STAMPS:
        return {"timestamp": True, "auto": True}
    return {}


def _show(value: object) -> object:
    if isinstance(value, Entity):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | frozenset):
        return [_show(inner) for inner in value]
    return value


def _describe(kind: Any) -> tuple[Json | None, bool]:
    """A type, and whether it takes null."""
    extras: list[object] = []
    while get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        extras += more
    if get_origin(kind) in {Union, types.UnionType}:
        inner = [arg for arg in get_args(kind) if arg is not type(None)]
        described = _describe(inner[0])[0] if inner else None
        takes_none = len(inner) < len(get_args(kind))
    else:
        described = _describe_plain(kind)
        takes_none = kind in {None, type(None)}
    if described is not None:
        _apply(described, extras)
    return described, takes_none


def _describe_plain(kind: Any) -> Json | None:
    if kind in {None, type(None)}:
        return None
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"type": "string", "one_of": [*args]}
    if origin in {tuple, list, frozenset, set}:
        elements = _describe(args[0])[0] or {"type": "string"}
        word = "set" if origin in {frozenset, set} else "array"
        return {"type": word, "elements": elements}
    if origin is dict or kind is dict:
        keys, values = args or (str, str)
        return {
            "type": "map",
            "keys": _describe(keys)[0] or {"type": "string"},
            "values": _describe(values)[0] or {"type": "string"},
        }
    if isinstance(kind, type) and issubclass(kind, Entity):
        return {"type": "record", "fields": describe_fields(kind)}
    return {"type": "string"}


def _apply(described: Json, extras: list[object]) -> None:
    for extra in extras:
        if extra is SET:
            described["type"] = "set"
        elif isinstance(extra, Limits):
            described["between"] = [extra.low, extra.high]
        elif isinstance(extra, OneOf):
            described["one_of"] = [*extra.choices]
        elif extra is _UUID_CHECK:
            described["uuid"] = True


_UUID_CHECK: Final = get_args(Uuid)[1]
