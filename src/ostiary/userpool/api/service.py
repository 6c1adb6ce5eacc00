"""
The API's own description: which operations there are, what they take, what they may refuse.

The file is made by `tools/cognito_model.py` of the description that botocore ships (decision
0027), so limits and names are the service's and not retyped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal

_FILE: Final = "cognito_idp_model.json"
Kind = Literal["structure", "list", "map", "string", "integer", "boolean", "blob"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputShape:
    """What a value must be. `members`, `member`, `key` and `value` name other shapes."""

    type: Kind
    required: tuple[str, ...] = ()
    members: Mapping[str, str] = field(default_factory=dict)
    member: str = ""
    key: str = ""
    value: str = ""
    min: int | None = None
    max: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    sensitive: bool = False
    document: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationShape:
    """An operation: its input's shape, whether it answers a body, whether it asks a signature."""

    name: str
    input: str
    answers: bool
    signed: bool
    errors: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """All operations, and the shapes of their inputs."""

    operations: Mapping[str, OperationShape]
    shapes: Mapping[str, InputShape] = field(repr=False)


def _read_shape(data: dict[str, Any]) -> InputShape:  # Any: JSON of our own making
    return InputShape(
        **{
            **data,
            "required": tuple(data.get("required", ())),
            "enum": tuple(data.get("enum", ())),
            "members": data.get("members", {}),
        }
    )


@cache
def load_service() -> Service:
    """The description, read once per process."""
    data = json.loads(files(__package__).joinpath(_FILE).read_text(encoding="utf-8"))
    return Service(
        operations=MappingProxyType(
            {
                name: OperationShape(
                    name=name,
                    input=operation["input"],
                    answers=operation["answers"],
                    signed=operation["signed"],
                    errors=frozenset(operation["errors"]),
                )
                for name, operation in data["operations"].items()
            }
        ),
        shapes=MappingProxyType({k: _read_shape(v) for k, v in data["shapes"].items()}),
    )
