"""
Rows as the Admin API shows and takes them. Pure.

Spec: gateway §§1.1 (every field is there), 1.10 (PATCH merges records, replaces the rest).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

from pydantic import ValidationError

from ostiary.model.entity import Entity
from ostiary.model.fields import ARRAYS_ALONE
from ostiary.model.kinds import Kind
from ostiary.model.row import Row
from ostiary.model.words import Problem, read_problems

Json = dict[str, Any]  # Any: JSON


def show_row(row: Row, kind: Kind) -> Json:
    """Every field; references as `{id}`."""
    shown = row.model_dump(mode="json", exclude={"ws_id"})
    for reference in kind.references:
        value = shown.get(reference.field)
        if value is not None and not reference.is_list:
            shown[reference.field] = {"id": value}
    return shown


def validate(
    model: type[Entity], data: Mapping[str, Any], *, lax: bool
) -> Entity | tuple[Problem, ...]:
    """An entity of a model, or everything that is wrong. `lax` reads texts as a form means them."""
    try:
        if lax:
            return model.model_validate(data, strict=False)
        return model.model_validate(data, context=ARRAYS_ALONE)
    except ValidationError as error:
        return read_problems(error)


@cache
def record_of(model: type[Entity], name: str) -> type[Entity] | None:
    """The model of a field that is a record; None for everything else."""
    info = model.model_fields.get(name)
    if info is None:
        return None
    for kind in (info.annotation, *get_args(info.annotation)):
        if isinstance(kind, type) and issubclass(kind, Entity):
            return kind
    return None


def merge(model: type[Entity], old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """`old` as `new` changes it: records member by member, everything else as a whole."""
    found = {**old}
    for name, value in new.items():
        inner = record_of(model, name)
        before = old.get(name)
        if inner and isinstance(value, Mapping) and isinstance(before, Mapping):
            found[name] = merge(inner, before, value)
        else:
            found[name] = value
    return found


def drop_nulls(model: type[Entity], data: Mapping[str, Any]) -> Json:
    """Without the nulls that mean a default: those of fields that are never null."""
    found = {}
    for name, value in data.items():
        info = model.model_fields.get(name)
        is_unset = value is None and info is not None and not info.is_required()
        if is_unset and not _takes_none(model, name):
            continue
        inner = record_of(model, name)
        is_record = inner is not None and isinstance(value, Mapping)
        found[name] = drop_nulls(inner, value) if inner and is_record else value
    return found


@cache
def _takes_none(model: type[Entity], name: str) -> bool:
    kind = model.model_fields[name].annotation
    return kind is None or kind is type(None) or type(None) in get_args(kind)
