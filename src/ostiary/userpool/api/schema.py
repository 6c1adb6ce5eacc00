"""A pool's attribute schema as the API shows it: standard attributes, then custom ones."""

from __future__ import annotations

from typing import Any, Final

from ostiary.model.pool_settings import (
    STANDARD_ATTRIBUTES,
    VERIFIED_ATTRIBUTES,
    PoolSettings,
    SchemaAttribute,
)
from ostiary.userpool import messages
from ostiary.userpool.api.errors import invalid

_MAX_LENGTH: Final = 2048
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
        shape |= given.to_wire()
    return shape


def _custom(given: SchemaAttribute) -> Shape:
    developer = bool(given.DeveloperOnlyAttribute)
    kind = given.AttributeDataType or "String"
    shape: Shape = {
        "AttributeDataType": kind,
        "DeveloperOnlyAttribute": developer,
        "Mutable": True,
        "Required": False,
        **given.to_wire(),
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
        _check_lengths(attribute)


def _check_lengths(attribute: SchemaAttribute) -> None:
    limits = attribute.StringAttributeConstraints
    if limits is None:
        return
    try:
        low = int(limits.MinLength or "0")
        high = int(limits.MaxLength or str(_MAX_LENGTH))
    except ValueError as error:
        raise invalid(messages.STRING_TOO_LONG.format(attribute.Name)) from error
    if max(low, high) > _MAX_LENGTH:
        raise invalid(messages.STRING_TOO_LONG.format(attribute.Name))
    if high < low:
        raise invalid(messages.MAX_BELOW_MIN.format(attribute.Name))
