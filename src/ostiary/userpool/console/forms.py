"""
What a person typed: read from a request, shown again, and marked where it is wrong.

Spec: WHATWG URL §5 (application/x-www-form-urlencoded).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from ostiary.web.body import FORM_TYPE, BodyTooLarge, read_body

_LIMIT: Final = 256 * 1024
# A pool may have 70 attributes, each with a box for reading and one for writing.
_MAX_FIELDS: Final = 400
_VIOLATION: Final = re.compile(
    r"Value(?: '.*?'| null)? at '([^']*)' failed to satisfy constraint: "
    r"(?:(?!; Value ).)*",
    re.DOTALL,
)
_NAMED: Final = re.compile(r"([A-Za-z]+(?:\.\w+)*)[: ]")


class UnreadableForm(Exception):
    """The body is no form of ours, or too large to be one."""

    code = "unreadable_form"


@dataclass(frozen=True, slots=True)
class Form:
    """The values of a form's fields; boxes may give a name several."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """The first value, without space around it; empty where there is none."""
        return next(iter(self.values.get(name, ())), "").strip()

    def text(self, name: str) -> str:
        """The first value as it was typed, with the line ends of this system."""
        return next(iter(self.values.get(name, ())), "").replace("\r\n", "\n")

    def all(self, name: str) -> tuple[str, ...]:
        return self.values.get(name, ())

    def has(self, name: str, value: str = "on") -> bool:
        """Whether a box is ticked."""
        return value in self.values.get(name, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A form to be shown: its values, and what is wrong with them, by field."""

    form: Form = field(default_factory=Form)
    errors: Mapping[str, str] = field(default_factory=dict)

    def error(self, name: str) -> str:
        return self.errors.get(name, "")

    @property
    def problem(self) -> str:
        """What is wrong and stands at no field."""
        return self.errors.get("", "")

    @property
    def wrong(self) -> tuple[str, ...]:
        """The fields that something is wrong with."""
        return tuple(name for name in self.errors if name)


async def read_console_form(request: Request) -> Form:
    """
    The fields of a posted form.

    Raises:
        UnreadableForm: It is none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise UnreadableForm("another content type")
    try:
        body = (await read_body(request, _LIMIT)).decode("ascii")
        pairs = parse_qsl(
            body, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
        )
    except (BodyTooLarge, ValueError) as error:
        raise UnreadableForm("too large, or not UTF-8") from error
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        values[name] = (*values.get(name, ()), value)
    return Form(values)


def _find_field(path: str, fields: Mapping[str, str]) -> str:
    lowered = path.lower()
    fitting = [known for known in fields if lowered.startswith(known.lower())]
    return fields[max(fitting, key=len)] if fitting else ""


def place_error(text: str, fields: Mapping[str, str]) -> dict[str, str]:
    """
    The API's refusal at the fields that it is about; at "" what is about none.

    Args:
        fields: Members of the input, or texts that a refusal begins with, and their fields.
    """
    found = list(_VIOLATION.finditer(text))
    placed: dict[str, str] = {}
    for violation in found:
        where = _find_field(violation[1], fields)
        whole = text if len(found) == 1 else violation[0]
        placed[where] = f"{placed[where]}; {whole}" if where in placed else whole
    if placed:
        return placed
    named = _NAMED.match(text)
    where = _find_field(text, fields) or (
        _find_field(named[1], fields) if named else ""
    )
    return {where: text}


def read_number(form: Form, name: str) -> int | None:
    """A field's whole number; None where it holds none."""
    found = re.fullmatch(r"-?\d{1,9}", form.get(name))
    return int(found[0]) if found else None
