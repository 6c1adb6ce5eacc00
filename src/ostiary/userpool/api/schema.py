"""A pool's attribute schema as the API shows it: standard attributes, then custom ones."""

from __future__ import annotations

import re
from typing import Any, Final

from ostiary.model.pool_settings import (
    STANDARD_ATTRIBUTES,
    VERIFIED_ATTRIBUTES,
    PoolSettings,
    SchemaAttribute,
)
from ostiary.userpool import messages
from ostiary.userpool.api.errors import ApiError, invalid

_MAX_LENGTH: Final = 2048
# Python reads 4300 digits as a number and no more; nobody needs twenty.
_BOUND: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
Shape = dict[str, Any]  # Any: JSON
_IDENTITIES: Final[Shape] = {
    "Name": "identities",
    "AttributeDataType": "String",
    "DeveloperOnlyAttribute": False,
    "Mutable": True,
    "Required": False,
    "StringAttributeConstraints": {},
}


def _standard_type(name: str) -> str:
    if name in VERIFIED_ATTRIBUTES:
        return "Boolean"
    return "Number" if name == "updated_at" else "String"


def _to_wire(given: SchemaAttribute, kind: str) -> Shape:
    """What was given of an attribute, without the bounds of another type."""
    others = {f"{name}AttributeConstraints" for name in ("String", "Number")}
    others.discard(f"{kind}AttributeConstraints")
    return {k: v for k, v in given.to_wire().items() if k not in others}


def _standard(name: str, given: SchemaAttribute | None) -> Shape:
    kind = _standard_type(name)
    shape: Shape = {
        "Name": name,
        "AttributeDataType": kind,
        "DeveloperOnlyAttribute": False,
        "Mutable": name != "sub",
        "Required": name == "sub",
    }
    if kind == "String":
        fixed = {"sub": ("1", "2048"), "birthdate": ("10", "10")}
        low, high = fixed.get(name, ("0", "2048"))
        shape["StringAttributeConstraints"] = {"MinLength": low, "MaxLength": high}
    elif kind == "Number":
        shape["NumberAttributeConstraints"] = {"MinValue": "0"}
    if given is not None and name != "sub":
        shape |= _to_wire(given, kind)
    return shape


def _custom(given: SchemaAttribute) -> Shape:
    developer = bool(given.DeveloperOnlyAttribute)
    kind = given.AttributeDataType or "String"
    shape: Shape = {
        "AttributeDataType": kind,
        "DeveloperOnlyAttribute": developer,
        "Mutable": True,
        "Required": False,
        **_to_wire(given, kind),
        "Name": f"{'dev:' if developer else ''}custom:{given.Name}",
    }
    if kind == "String":
        shape.setdefault("StringAttributeConstraints", {})
    if kind == "Number":
        shape.setdefault("NumberAttributeConstraints", {})
    return shape


def build_schema(settings: PoolSettings, *, has_providers: bool = False) -> list[Shape]:
    """Every attribute of a pool: standard ones, `identities` where there are any, custom ones."""
    given = {a.Name: a for a in settings.Schema}
    standard = [_standard(name, given.get(name)) for name in STANDARD_ATTRIBUTES]
    custom = [_custom(a) for a in settings.Schema if a.Name not in STANDARD_ATTRIBUTES]
    return standard + ([_IDENTITIES] if has_providers else []) + custom


def attribute_names(settings: PoolSettings) -> frozenset[str]:
    """The names that clients may list and read."""
    return frozenset(shape["Name"] for shape in build_schema(settings))


def check_schema(settings: PoolSettings) -> None:
    """
    What the model cannot say of a schema.

    Raises:
        ApiError: The first attribute that is wrong.
    """
    for attribute in settings.Schema:
        name = attribute.Name
        if name in STANDARD_ATTRIBUTES:
            kind = attribute.AttributeDataType
            if attribute.DeveloperOnlyAttribute or kind not in {
                None,
                _standard_type(name),
            }:
                raise invalid(messages.STANDARD_TYPE.format(name))
        elif attribute.AttributeDataType is None:
            raise invalid(messages.ATTRIBUTE_TYPE)
        elif attribute.Required:
            raise invalid(messages.CUSTOM_REQUIRED)
        _check_constraints(attribute)


def _check_constraints(attribute: SchemaAttribute) -> None:
    name = attribute.Name
    texts, numbers = (
        attribute.StringAttributeConstraints,
        attribute.NumberAttributeConstraints,
    )
    if texts is not None:
        wrong = invalid(messages.CONSTRAINTS_WRONG.format("String", name))
        low = _read_bound(texts.MinLength, wrong)
        high = _read_bound(texts.MaxLength, wrong)
        if max(low or 0, high or 0) > _MAX_LENGTH:
            raise invalid(messages.STRING_TOO_LONG.format(name))
        if (_MAX_LENGTH if high is None else high) < (low or 0):
            raise invalid(messages.MAX_BELOW_MIN.format(name))
    if numbers is not None:
        wrong = invalid(messages.CONSTRAINTS_WRONG.format("Number", name))
        low = _read_bound(numbers.MinValue, wrong)
        high = _read_bound(numbers.MaxValue, wrong)
        if low is not None and high is not None and high < low:
            raise invalid(messages.MAX_VALUE_BELOW_MIN.format(name))


def _read_bound(text: str | None, wrong: ApiError) -> int | None:
    if text is None:
        return None
    if not _BOUND.fullmatch(text):
        raise wrong
    return int(text)
