"""
What a person typed: read from a request, shown again, and marked where it is wrong.

Spec: WHATWG URL §5 (application/x-www-form-urlencoded).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from ostiary.web.body import FORM_TYPE, BodyTooLarge, read_body

_LIMIT: Final = 1024 * 1024
# openid-connect has some 240 fields, several of them with many boxes.
_MAX_FIELDS: Final = 2000


class UnreadableForm(Exception):
    """The body is no form of ours, or too large to be one."""

    code = "unreadable_form"


@dataclass(frozen=True, slots=True)
class Form:
    """The values of a form's fields; boxes may give a name several."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

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
    """A form to be shown: its values, and what is wrong with them, by field; at "" with none."""

    form: Form = field(default_factory=Form)
    errors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def error(self, name: str) -> str:
        return "; ".join(self.errors.get(name, ()))

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong and stands at no field."""
        return self.errors.get("", ())

    @property
    def wrong(self) -> tuple[str, ...]:
        """The fields that something is wrong with."""
        return tuple(name for name in self.errors if name)

    def is_wrong_below(self, name: str) -> bool:
        """Whether something is wrong with a field, or with one of the record that it is."""
        return any(w == name or w.startswith(f"{name}.") for w in self.wrong)


async def read_manager_form(request: Request) -> Form:
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
