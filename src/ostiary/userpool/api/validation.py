"""
Judge an input by the API's own model, in the API's own words: every violation at once.

What is no JSON of the expected types is a SerializationException, as from the service. Members
that the model does not know are left out, as the service does; null counts as absent. Values of
members that the model calls sensitive are not repeated.

Spec: AWS JSON 1.1; Smithy constraint traits.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, Protocol

from ostiary.model.fields import compile_pattern
from ostiary.userpool import messages
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.service import InputShape, Service

Shape = dict[str, Any]  # Any: JSON
_TYPES: Final = {"structure": dict, "map": dict, "list": list, "string": str}
_SHOWN: Final = 256


class _Pattern(Protocol):
    def fullmatch(self, text: str) -> object | None: ...


@cache
def _pattern(text: str) -> _Pattern:
    # RE2 reads \s, \w and \p as the service's Java does, and takes linear time. It has no
    # look-behind, which one pattern uses to forbid a full stop at the end.
    found: _Pattern = compile_pattern(text.replace(r"*(?<!\.)$", r"*[0-9A-Za-z\-_]$"))
    return found


def _refuse_type() -> ApiError:
    return ApiError("SerializationException", messages.BAD_JSON)


def _show(shape: InputShape, value: object, path: str) -> str:
    if shape.sensitive:
        return f"Value at '{path}'"
    if value is None:
        return f"Value null at '{path}'"
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
    return f"Value '{text[:_SHOWN]}' at '{path}'"


def _join(path: str, name: str) -> str:
    lower = name[:1].lower() + name[1:]
    return f"{path}.{lower}" if path else lower


class _Judge:
    """One input's walk: collects violations, answers what is kept."""

    def __init__(self, service: Service) -> None:
        self._shapes = service.shapes
        self.violations: list[str] = []

    def read(self, name: str, value: object, path: str) -> object:
        """A value without what the model does not know; raises ApiError for a wrong type."""
        shape = self._shapes[name]
        self._check_type(shape, value)
        match shape.type:
            case "structure":
                return value if shape.document else self._structure(shape, value, path)
            case "list":
                return self._list(shape, value, path)
            case "map":
                return self._map(shape, value, path)
            case "blob":
                return self._blob(shape, value, path)
            case "string" | "integer" | "boolean":
                self._check(shape, value, path)
                return value

    def _check_type(self, shape: InputShape, value: object) -> None:
        if shape.type == "boolean":
            right = isinstance(value, bool)
        elif shape.type == "integer":
            right = isinstance(value, int) and not isinstance(value, bool)
        else:
            right = isinstance(value, _TYPES.get(shape.type, str))
        if not right:
            raise _refuse_type()

    def _structure(self, shape: InputShape, value: Any, path: str) -> Shape:
        for name in shape.required:
            if value.get(name) is None:
                member = self._shapes[shape.members[name]]
                self._violate(member, None, _join(path, name), "not be null")
        return {
            name: self.read(shape.members[name], inner, _join(path, name))
            for name, inner in value.items()
            if name in shape.members and inner is not None
        }

    def _list(self, shape: InputShape, value: Any, path: str) -> list[object]:
        self._check(shape, value, path)
        if any(inner is None for inner in value):
            raise _refuse_type()
        return [
            self.read(shape.member, inner, f"{path}.{index}.member")
            for index, inner in enumerate(value, 1)
        ]

    def _map(self, shape: InputShape, value: Any, path: str) -> Shape:
        self._check(shape, value, path)
        kept: Shape = {}
        for key, inner in value.items():
            self.read(shape.key, key, f"{path}.key")
            if inner is not None:
                kept[key] = self.read(shape.value, inner, f"{path}.{key}.member")
        return kept

    def _blob(self, shape: InputShape, value: Any, path: str) -> bytes:
        try:
            raw = base64.b64decode(value, validate=True)
        except (ValueError, binascii.Error) as error:
            raise _refuse_type() from error
        for rule in _length(shape, len(raw)):
            self.violations.append(f"Value at '{path}' {_FAILED} {rule}")
        return raw

    def _check(self, shape: InputShape, value: object, path: str) -> None:
        for rule in _broken_rules(shape, value):
            self._violate(shape, value, path, rule)

    def _violate(self, shape: InputShape, value: object, path: str, rule: str) -> None:
        self.violations.append(f"{_show(shape, value, path)} {_FAILED} {rule}")


_FAILED: Final = "failed to satisfy constraint: Member must"


def _length(shape: InputShape, length: int) -> Iterator[str]:
    if shape.min is not None and length < shape.min:
        yield f"have length greater than or equal to {shape.min}"
    if shape.max is not None and length > shape.max:
        yield f"have length less than or equal to {shape.max}"


def _broken_rules(shape: InputShape, value: object) -> Iterator[str]:
    if isinstance(value, int):
        if shape.min is not None and value < shape.min:
            yield f"have value greater than or equal to {shape.min}"
        if shape.max is not None and value > shape.max:
            yield f"have value less than or equal to {shape.max}"
        return
    if isinstance(value, str | list | dict):
        yield from _length(shape, len(value))
    if not isinstance(value, str):
        return
    if shape.pattern is not None and not _pattern(shape.pattern).fullmatch(value):
        yield f"satisfy regular expression pattern: {shape.pattern}"
    if shape.enum and value not in shape.enum:
        yield f"satisfy enum value set: [{', '.join(shape.enum)}]"


def check_input(service: Service, name: str, data: object) -> Shape:
    """
    An operation's input with the members that its shape knows; blobs decoded.

    Args:
        name: The shape of the input.

    Raises:
        ApiError: SerializationException for wrong types, else InvalidParameterException with
            all violations.
    """
    judge = _Judge(service)
    if not isinstance(data, dict):
        raise _refuse_type()
    kept = judge.read(name, data, "")
    assert isinstance(kept, dict)  # inputs are structures
    if judge.violations:
        count = len(judge.violations)
        noun = "validation error" if count == 1 else "validation errors"
        raise invalid(f"{count} {noun} detected: {'; '.join(judge.violations)}")
    return kept
