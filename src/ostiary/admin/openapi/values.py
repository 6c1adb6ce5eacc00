"""
Types of models as JSON Schema: what a request may say of a field, and what a reply shows.

What the checks of a type accept is said by a pattern where that is simple. A pattern never
refuses what the check accepts; the check may refuse more.

Spec: OpenAPI 3.1 §4.8.24 (JSON Schema 2020-12); gateway §1.1 (types).
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import MinLen
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ostiary.kit.fields import Positive
from ostiary.model.entity import Entity
from ostiary.model.fields import (
    SET,
    HeaderName,
    Host,
    HostAndPort,
    Limits,
    Method,
    Name,
    OneOf,
    Path,
    RouteHost,
    RoutePath,
    ServerName,
    Tag,
    Uuid,
)
from ostiary.model.row import NotYetTrue

Json = dict[str, Any]  # Any: JSON
Way = Literal["request", "reply"]

UUID: Final[Json] = {
    "type": "string",
    "format": "uuid",
    "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
}
_SCALARS: Final[Mapping[object, str]] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    float: "number",
}
_NAME: Final = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*)"
HOST: Final[Json] = {"pattern": f"^{_NAME}$"}
HOST_AND_PORT: Final[Json] = {"pattern": f"^{_NAME}(:[0-9]{{1,5}})?$"}
_WILDCARD: Final[Json] = {"pattern": r"^[A-Za-z0-9_*\[][A-Za-z0-9_.:*\]-]*$"}
_PATH_SIGNS: Final = r"[A-Za-z0-9._~!$&'()*+,;=:@/%-]*"


def _check_of(alias: object) -> object:
    """The last check of a type that has a name."""
    return get_args(alias)[-1]


_OF_CHECKS: Final[Mapping[object, Json]] = {
    _check_of(Uuid): UUID,
    # Letters and digits of every script: the ASCII signs that are none are named.
    _check_of(Name): {"pattern": r"^[^\x00-,/:-@\[-^`{-}\x7f]+$"},
    _check_of(Tag): {"pattern": r"^[^\x00-\x1f,/\x7f]+$"},
    _check_of(Path): {"pattern": f"^/{_PATH_SIGNS}$"},
    _check_of(RoutePath): {"pattern": f"^(/{_PATH_SIGNS}|~/[^\\x00]*)$"},
    _check_of(Host): HOST,
    _check_of(HostAndPort): HOST_AND_PORT,
    _check_of(RouteHost): _WILDCARD,
    _check_of(ServerName): _WILDCARD,
    _check_of(Method): {"pattern": "^[A-Z]+$"},
    _check_of(HeaderName): {"pattern": "^[a-zA-Z0-9_-]+$"},
    _check_of(Positive): {"exclusiveMinimum": 0},
    _check_of(NotYetTrue): {"enum": [False]},
}


def allow_null(schema: Json) -> Json:
    """The same, or null."""
    kind = schema.get("type")
    if kind is None:
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = kind if isinstance(kind, list) else [kind]
    if "null" in kinds:
        return schema
    found = {**schema, "type": [*kinds, "null"]}
    if "enum" in schema:
        found["enum"] = [*schema["enum"], None]
    return found


def words_of(name: str) -> str:
    """`key-auth` and `key_sets` as one word: `KeyAuth`, `KeySets`."""
    return "".join(
        part[:1].upper() + part[1:] for part in name.replace("_", "-").split("-")
    )


def ref(name: str) -> Json:
    """The schema of that name."""
    return {"$ref": f"#/components/schemas/{name}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Writes the types of one owner, after whom its records are named, for one way."""

    owner: str
    way: Way

    def name(self, record: type[Entity]) -> str:
        """The name of a record's schema."""
        inner = record.__name__.removesuffix("Record")
        return f"{self.owner}{inner}" + ("Input" if self.way == "request" else "")

    def fields(self, model: type[Entity]) -> dict[str, Json]:
        """Every field of a model."""
        return {
            name: self.field(name, info) for name, info in model.model_fields.items()
        }

    def field(self, name: str, info: FieldInfo) -> Json:
        """One field; in requests null means the default."""
        kind: Any = info.annotation  # Any: types are values here
        schema = self.describe(kind, info.metadata)
        if self.way == "reply":
            return schema
        if not info.is_required():
            default = info.get_default(call_default_factory=True, validated_data={})
            schema = allow_null(schema)
            if (
                default is not PydanticUndefined
                and default is not None
                and name != "id"
                and "$ref" not in str(schema.get("anyOf"))
            ):
                schema["default"] = _show(default)
        if info.description:
            schema["description"] = info.description
        return schema

    def describe(self, kind: Any, extras: Iterable[object] = ()) -> Json:
        """A type with what is annotated."""
        checks = [*extras]
        while get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            checks = [*more, *checks]
        if get_origin(kind) in {Union, types.UnionType}:
            inner = [arg for arg in get_args(kind) if arg is not type(None)]
            schema = self._apply(self.describe(inner[0]), checks)
            takes_null = len(inner) < len(get_args(kind))
            return allow_null(schema) if takes_null else schema
        return self._apply(self._plain(kind), checks)

    def _plain(self, kind: Any) -> Json:
        if kind in {None, type(None)}:
            return {"type": "null"}
        if kind in _SCALARS:
            return {"type": _SCALARS[kind]}
        origin, args = get_origin(kind), get_args(kind)
        if origin is Literal:
            return {"type": "string", "enum": [*args]}
        if origin in {tuple, list, frozenset, set}:
            return {"type": "array", "items": self.describe(args[0])}
        if origin is dict:
            found: Json = {"type": "object"}
            keys, values = self.describe(args[0]), self.describe(args[1])
            if "pattern" in keys:
                found["propertyNames"] = {"pattern": keys["pattern"]}
            if values:
                found["additionalProperties"] = values
            return found
        if isinstance(kind, type) and issubclass(kind, Entity):
            return ref(self.name(kind))
        return {}

    def _apply(self, schema: Json, checks: Iterable[object]) -> Json:
        found = {**schema}
        for check in checks:
            if isinstance(check, FieldInfo):
                found = self._apply(found, check.metadata)
            elif isinstance(check, MinLen):
                word = "minItems" if found.get("type") == "array" else "minLength"
                found[word] = check.min_length
            elif isinstance(check, Limits):
                found |= {"minimum": check.low, "maximum": check.high}
            elif isinstance(check, OneOf):
                found["enum"] = [*check.choices]
            elif check is SET and self.way == "reply":
                found["uniqueItems"] = True
            elif _is_known(check):
                found |= _OF_CHECKS[check]
        return found

    def record(self, model: type[Entity]) -> Json:
        """A model as an object. Older names that a model still reads are not told."""
        fields = self.fields(model)
        found: Json = {"type": "object", "properties": fields}
        if self.way == "reply":
            found["required"] = [*fields]
        else:
            required = [
                name for name, info in model.model_fields.items() if info.is_required()
            ]
            if required:
                found["required"] = required
            found["additionalProperties"] = False
        if model.__doc__ and model.__doc__ != Entity.__doc__:
            found["description"] = first_line(model.__doc__)
        return found

    def records_below(self, model: type[Entity]) -> dict[str, Json]:
        """The schemas of every record in a model, by name."""
        return {
            self.name(inner): self.record(inner) for inner in {*find_records(model)}
        }


def _is_known(check: object) -> bool:
    try:
        return check in _OF_CHECKS
    except TypeError:
        return False  # not hashable: none of ours


def _show(value: object) -> object:
    if isinstance(value, Entity):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | frozenset):
        return [_show(inner) for inner in value]
    return value


def find_records(model: type[Entity]) -> Iterator[type[Entity]]:
    """The records in the fields of a model, and in theirs."""
    for info in model.model_fields.values():
        for record in _records_in(info.annotation):
            yield record
            yield from find_records(record)


def _records_in(kind: Any) -> Iterator[type[Entity]]:
    if isinstance(kind, type) and issubclass(kind, Entity):
        yield kind
    for inner in get_args(kind):
        yield from _records_in(inner)


def first_line(text: str | None) -> str:
    """What a docstring promises."""
    return (text or "").strip().partition("\n")[0].strip()


def build_object(required: Mapping[str, Json], **optional: Json) -> Json:
    """An object with these properties."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": [*required],
    }


def build_list(items: Json) -> Json:
    """An array."""
    return {"type": "array", "items": items}
