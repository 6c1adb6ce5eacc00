"""
Entities read back without their rules, for rows that were checked when they were kept.

Types, defaults and unknown names are still looked at, in a tenth of the time: ten thousand rows
are read whenever a node starts. Must not be given what somebody typed.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from pydantic_core import SchemaValidator

from ostiary.model.entity import Entity

_RULES = frozenset({"function-before", "function-after", "function-wrap"})
Model = TypeVar("Model", bound=Entity)


def recall(model: type[Model], text: bytes) -> Model:
    """
    An entity from its JSON.

    Raises:
        ValueError: Its types are others, or it has fields that the model does not know.
    """
    found: Model = _reader(model).validate_json(text, strict=False)
    return found


@cache
def _reader(model: type[Entity]) -> SchemaValidator:
    return SchemaValidator(_without_rules(model.__pydantic_core_schema__))


def _without_rules(schema: Any) -> Any:  # Any: pydantic's description of a type
    """The same description without the functions in it."""
    if isinstance(schema, list | tuple):
        return type(schema)(map(_without_rules, schema))
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if isinstance(kind, str) and kind in _RULES:  # a field may be called so as well
        inner = _without_rules(schema["schema"])
        return {**inner, "ref": schema["ref"]} if "ref" in schema else inner
    return {name: _without_rules(value) for name, value in schema.items()}
