"""
Rows with their secrets taken out, to be shown as JSON, YAML or facts. Pure.

It fails closed: besides what a schema marks, whatever is named like a secret is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ostiary.manager.schema import Field

Json = Any  # Any: JSON
HIDDEN: Final = "(hidden)"
_NAMED: Final = re.compile(
    r"secret$|passw|^user_token|private|_token$|authorization$|credential|salt$|^key(_alt)?$",
    re.IGNORECASE,
)
# Named so, and none: which fields or arguments tokens are looked for in.
_NOT_TEXT: Final = (bool, int, float)


def hide(value: Json, fields: Sequence[Field]) -> Json:
    """A row as it may be seen."""
    known = {field.name: field for field in fields}
    return {name: _hide(name, inner, known.get(name)) for name, inner in value.items()}


def hide_value(value: Json, field: Field) -> Json:
    """A field's value as it may be seen."""
    return _hide(field.name, value, field)


def _hide(name: str, value: Json, field: Field | None) -> Json:
    if value is None or isinstance(value, _NOT_TEXT) or value in ("", [], {}):
        return value
    if field is not None and field.secret:
        return HIDDEN
    if isinstance(value, Mapping):
        return hide(value, field.fields if field else ())
    # What a schema knows it judges itself: `key` is a name in one kind and a secret in another.
    if field is None and _NAMED.search(name):
        return HIDDEN
    if isinstance(value, list):
        return [hide(v, ()) if isinstance(v, Mapping) else v for v in value]
    return value


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is taken for a secret."""
    return _NAMED.search(name) is not None
