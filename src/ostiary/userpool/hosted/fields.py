"""Form fields for attributes, as automated clients of the classic pages know them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ostiary.userpool.hosted.visit import Visit

_AUTOCOMPLETE: Final = {
    "email": "email",
    "given_name": "given-name",
    "family_name": "family-name",
    "middle_name": "additional-name",
    "name": "name",
    "nickname": "nickname",
    "phone_number": "tel",
    "website": "url",
    "birthdate": "bday",
    "gender": "sex",
    "address": "street-address",
}
_TYPES: Final = {"email": "email", "phone_number": "tel", "website": "url"}
Field = dict[str, object]


def field_name(attribute: str) -> str:
    """The form's name for an attribute."""
    return f"requiredAttributes[{attribute}]"


def build_fields(
    visit: Visit,
    attributes: Iterable[str],
    *,
    wrong: str | None = None,
    message: str = "",
) -> list[Field]:
    """
    A field for each attribute, with what was given.

    Args:
        wrong: The attribute that `message` is about.
    """
    say = visit.words.say
    return [
        {
            "id": f"signUp-{attribute}",
            "name": field_name(attribute),
            "label": say(attribute.replace("_", " ").capitalize()),
            "type": _TYPES.get(attribute, "text"),
            "value": visit.form.get(field_name(attribute), ""),
            "autocomplete": _AUTOCOMPLETE.get(attribute, "off"),
            "error": say(message) if wrong == attribute else "",
            "required": True,
        }
        for attribute in attributes
    ]


def read_fields(visit: Visit, attributes: Iterable[str]) -> dict[str, str]:
    """What the form says of attributes."""
    return {a: visit.form.get(field_name(a), "").strip() for a in attributes}
