"""
Values of the API as what stands in a form's fields, and back. Pure.

Lists stand in a field line by line, maps as `name: value`; where a value cannot be said that way it
stands there as JSON, and JSON is taken wherever it begins as JSON does. What is written and read
again is the same value. Secrets are never written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ostiary.manager.forms import Form
from ostiary.manager.masking import has_mask, mask_value, unmask
from ostiary.manager.schema import Field

Json = Any  # Any: JSON
KEEP: Final = object()
_INTEGER: Final = re.compile(r"[+-]?\d{1,18}")
_NUMBER: Final = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?")
REMOVE: Final = "~remove"


class NoJson(Exception):
    """What stands in a field for JSON is none."""

    code = "no_json"


def write_values(fields: Sequence[Field], row: Mapping[str, Json]) -> Form:
    """A form that says what a row says, but for its secrets."""
    found: dict[str, tuple[str, ...]] = {}
    for field in fields:
        _write(field, row.get(field.name), found)
    return Form(found)


def write_defaults(fields: Sequence[Field]) -> Form:
    """A form for something new."""
    found: dict[str, tuple[str, ...]] = {}
    _write_defaults(fields, found)
    return Form(found)


def _write_defaults(fields: Sequence[Field], found: dict[str, tuple[str, ...]]) -> None:
    for field in fields:
        if field.widget == "record":
            _write_defaults(field.fields, found)
        else:
            _write(field, field.default, found)


def _write(field: Field, value: Json, found: dict[str, tuple[str, ...]]) -> None:
    if field.widget == "record":
        inner = value if isinstance(value, Mapping) else {}
        for below in field.fields:
            _write(below, inner.get(below.name), found)
        return
    if field.widget == "foreign" and value is None:
        found[field.id] = ("",)
    if field.secret or value is None:
        return
    if field.widget == "boxes":
        found[field.id] = tuple(str(v) for v in value)
        return
    found[field.id] = (_show(field, value),)


def _show(field: Field, value: Json) -> str:
    match field.widget:
        case "switch":
            return "on" if value else ""
        case "choice" if isinstance(value, bool):
            return "true" if value else "false"
        case "foreign":
            return str(value.get("id", "")) if isinstance(value, Mapping) else ""
        case "lines":
            return _show_lines(value)
        case "commas":
            return ", ".join(str(v) for v in value)
        case "pairs":
            return _show_pairs(mask_value(value))
        case "json" if value:
            return json.dumps(mask_value(value), indent=2, ensure_ascii=False)
        case "json":
            return ""
    return say_number(value) if isinstance(value, float) else str(value)


def say_number(value: float) -> str:
    """A number without an exponent, and without a point that says nothing."""
    if value.is_integer():
        return str(int(value))
    text = repr(value)
    return f"{value:.18f}".rstrip("0") if "e" in text else text


def _dump(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _show_lines(value: Sequence[Json]) -> str:
    texts = [v for v in value if isinstance(v, str)]
    is_plain = len(texts) == len(value) and all(
        t and t == t.strip() and len(t.splitlines()) == 1 and not t.startswith("[")
        for t in texts
    )
    return "\n".join(texts) if is_plain else _dump(value)


def _show_pairs(value: Mapping[str, Json]) -> str:
    lines = []
    for name, inner in value.items():
        parts = inner if isinstance(inner, list) else [inner]
        is_plain = name and name == name.strip() and not re.search(r"[:\n{]", name)
        if not is_plain or not all(_is_plain_part(p, inner) for p in parts):
            return _dump(value)
        lines.append(f"{name}: {', '.join(parts)}")
    return "\n".join(lines)


def _is_plain_part(part: Json, whole: Json) -> bool:
    if not isinstance(part, str) or part != part.strip() or not part:
        return False
    return len(part.splitlines()) == 1 and not (isinstance(whole, list) and "," in part)


def read_values(
    fields: Sequence[Field],
    form: Form,
    errors: dict[str, tuple[str, ...]],
    row: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """
    What a form says, by wire name. A secret that was left empty is KEEP, as is a reference that it does not have.

    Args:
        errors: What cannot be read goes there, by the field's id; the API would say less.
        row: What there is: masks that come back are what they were put for.
    """
    found: dict[str, Json] = {}
    for field in fields:
        before = None if row is None else row.get(field.name)
        try:
            found[field.name] = _read(field, form, errors, before)
        except NoJson as error:
            errors[field.id] = (str(error),)
            found[field.name] = KEEP
    return found


def _read(
    field: Field, form: Form, errors: dict[str, tuple[str, ...]], before: Json
) -> Json:
    if field.widget == "record":
        inner = before if isinstance(before, Mapping) else None
        return read_values(field.fields, form, errors, inner)
    if field.secret and not form.text(field.id):
        return None if form.has(field.id + REMOVE) else KEEP
    if field.widget == "switch":
        return form.has(field.id)
    if field.widget == "boxes":
        known = [c for c, _ in field.choices]
        ticked = form.all(field.id)
        chosen = [_read_scalar(field.element, c) for c in known if c in ticked]
        return chosen or _nothing(field)
    if field.widget == "foreign" and field.id not in form.values:
        return KEEP  # a form without it does not clear it
    # A secret is taken as it was typed.
    is_exact = field.secret and field.widget == "text"
    text = form.text(field.id) if is_exact else form.text(field.id).strip()
    if not text:
        return _nothing(field)
    value = _read_text(field, text)
    if field.secret or field.widget not in {"pairs", "json"}:
        return value
    value = unmask(value, before, mask_value(before))
    if has_mask(value):
        raise NoJson("type this secret again")
    return value


def _read_text(field: Field, text: str) -> Json:
    match field.widget:
        case "choice" if field.kind == "boolean":
            return text == "true"
        case "foreign":
            return _read_foreign(field, text)
        case "lines":
            return _read_list(text, "\n")
        case "commas":
            return [_read_scalar(field.element, v) for v in _read_list(text, ",")]
        case "pairs":
            return _read_pairs(field, text)
        case "json":
            return _read_json(text)
    return _read_scalar(field.kind, text)


def _nothing(field: Field) -> Json:
    """What an empty field means: null, which the API reads as the default where null cannot be."""
    if field.may_be_null or field.widget not in {"boxes", "lines", "commas"}:
        return None
    return []


def _read_scalar(kind: str, text: str) -> Json:
    """A number as such; what is none goes as it is, and the API says what it expected."""
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def _read_json(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoJson(f"this is no JSON: {error}") from error


def _read_list(text: str, sign: str) -> list[Json]:
    if text.startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None  # an address of IPv6, for one
        if isinstance(found, list):
            return found
    parts = re.split(r"\n" if sign == "\n" else r"[,\n]", text)
    return [part.strip() for part in parts if part.strip()]


def _read_pairs(field: Field, text: str) -> Json:
    if text.startswith("{"):
        return _read_json(text)
    found: dict[str, Json] = {}
    for line in filter(str.strip, text.splitlines()):
        name, colon, value = line.partition(":")
        if not colon:
            raise NoJson(f"expected 'name: value', got '{line.strip()}'")
        parts = [v.strip() for v in value.split(",") if v.strip()]
        found[name.strip()] = parts if field.holds_lists else value.strip()
    return found


_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KEYS: Final[Mapping[str, str]] = {
    "consumers": "username", "plugins": "instance_name", "vaults": "prefix",
}  # fmt: skip


def _read_foreign(field: Field, text: str) -> Json:
    if _UUID.fullmatch(text):
        return {"id": text}
    return {_KEYS.get(field.reference, "name"): text}


def build_new(fields: Sequence[Field], values: Mapping[str, Json]) -> dict[str, Json]:
    """What is sent for something new: everything but what it would be anyway."""
    found: dict[str, Json] = {}
    for field in fields:
        value = values[field.name]
        if field.widget == "record":
            inner = build_new(field.fields, value)
            if inner:
                found[field.name] = inner
        elif not (value is KEEP or value is None or _is_same(value, field.default)):
            found[field.name] = value
    return found


def build_changes(
    fields: Sequence[Field], values: Mapping[str, Json], row: Mapping[str, Json]
) -> dict[str, Json]:
    """What is sent to change a row: only what is another than it was."""
    found: dict[str, Json] = {}
    for field in fields:
        value, before = values[field.name], row.get(field.name)
        if field.widget == "record":
            if isinstance(before, Mapping):
                inner = build_changes(field.fields, value, before)
            else:
                inner = build_new(field.fields, value)
            if inner:
                found[field.name] = inner
        elif value is not KEEP and not _is_same(value, _seen(field, before)):
            found[field.name] = value
    return found


def _seen(field: Field, before: Json) -> Json:
    """A row's value as a form would say it again."""
    if field.widget == "foreign" and isinstance(before, Mapping):
        return {"id": before.get("id")}
    if field.widget == "boxes" and isinstance(before, list):
        return [c for c, _ in field.choices if c in {str(v) for v in before}]
    return before


def _is_same(one: Json, other: Json) -> bool:
    empty: tuple[Json, ...] = (None, [], {})
    if one in empty and other in empty and not isinstance(one, bool):
        return True
    if isinstance(one, list) and isinstance(other, list):
        return [str(v) for v in one] == [str(v) for v in other]
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
