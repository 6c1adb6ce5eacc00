"""
The configuration of `response-transformer`.

Spec: gateway §4.5 (response-transformer).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator

from ostiary.kit import Check, Entity, Problem
from ostiary.kit.fields import LIST, SECRET, Field, NonEmpty, one_of

_HEADER: Final = re.compile(r"[a-zA-Z0-9\-_]+")


def split_pair(text: str) -> tuple[str, str]:
    """A name and what stands behind its colon."""
    name, _, value = text.partition(":")
    return name, value


def _check_header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise ValueError(f"'{name}' is not a valid header")
    return name


def _check_pair(text: str) -> str:
    name, value = split_pair(text)
    if not value:
        raise ValueError(f"key '{name}' has no value")
    return text


def _check_header_pair(text: str) -> str:
    name, value = split_pair(_check_pair(text))
    _check_header(name)
    if not value.isprintable():
        raise ValueError(f"'{name}' has a value that no field can have")
    return text


def _check_header_rename(text: str) -> str:
    _check_header(split_pair(_check_header_pair(text))[1])
    return text


def _judge_types(values: Mapping[str, Any]) -> Iterable[Problem]:
    types = values["json_types"]
    if types and len(types) != len(values["json"]):
        yield ("json_types",), "must have one element for each of json"


Names = Annotated[tuple[NonEmpty, ...], LIST]
Headers = Annotated[
    tuple[Annotated[NonEmpty, AfterValidator(_check_header)], ...], LIST
]
Pairs = Annotated[tuple[Annotated[NonEmpty, AfterValidator(_check_pair)], ...], LIST]
HeaderPairs = Annotated[
    tuple[Annotated[NonEmpty, AfterValidator(_check_header_pair)], ...], LIST
]
HeaderRenames = Annotated[
    tuple[Annotated[NonEmpty, AfterValidator(_check_header_rename)], ...], LIST
]
Types = Annotated[
    tuple[Annotated[str, one_of("boolean", "number", "string")], ...], LIST
]


with warnings.catch_warnings():
    # Kong's name `json` takes the place of a method that pydantic itself no longer wants.
    warnings.filterwarnings("ignore", 'Field name "json"')

    class RemoveRecord(Entity):
        """Names that go."""

        json: Names = Field((), description="Members of a JSON object.")  # type: ignore[assignment]  # see above
        headers: Headers = Field((), description="Fields.")

    class RenameRecord(Entity):
        """`old:new`."""

        json: Pairs = Field((), description="Members of a JSON object.")  # type: ignore[assignment]  # see above
        headers: HeaderRenames = Field((), description="Fields.")

    class AddRecord(Entity):
        """`name:value`."""

        json: Pairs = Field(  # type: ignore[assignment]  # see above
            (),
            description="Members of a JSON object.",
            json_schema_extra=SECRET,
            repr=False,
        )
        json_types: Types = Field(
            (), description="What each of `json` is: boolean, number or string."
        )
        headers: HeaderPairs = Field(
            (), description="Fields.", json_schema_extra=SECRET, repr=False
        )

        checks: ClassVar = (Check(fields=("json", "json_types"), judge=_judge_types),)


class ResponseTransformerConfig(Entity):
    """`config` of the plugin."""

    remove: RemoveRecord = Field(
        default_factory=RemoveRecord, description="What goes, first."
    )
    rename: RenameRecord = Field(
        default_factory=RenameRecord, description="`old:new`, if there is an old one."
    )
    replace: AddRecord = Field(
        default_factory=AddRecord, description="`name:value`, if there is one."
    )
    add: AddRecord = Field(
        default_factory=AddRecord, description="`name:value`, if there is none."
    )
    append: AddRecord = Field(
        default_factory=AddRecord, description="`name:value`, besides those there are."
    )
