"""
Secrets in what is edited as a text: masks where they are shown, put back where they return. Pure.

What a schema marks is masked whole, and besides it fails closed: so is every text that is named
like a secret. Entries of a list are masked one by one, so that one of them can be changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ostiary.manager.hiding import is_secret_name
from ostiary.manager.schema import Field

Json = Any  # Any: JSON
MASK: Final = "******"
# Masked whole even where no schema says so: a node may offer none.
_WHOLE: Final = frozenset({"client_jwk", "introspection_headers_values"})
# Lists whose entries belong to those of another: a secret never moves to another client.
_OWNERS: Final[Mapping[str, str]] = {
    "client_secret": "client_id",
    "client_jwk": "client_id",
    "introspection_headers_values": "introspection_headers_names",
}


def mask(value: Mapping[str, Json], fields: Sequence[Field] = ()) -> dict[str, Json]:
    """A record as it may be seen; `fields` are what its schema says."""
    known = {field.name: field for field in fields}
    return {name: _mask(inner, name, known.get(name)) for name, inner in value.items()}


def _mask(value: Json, name: str, field: Field | None) -> Json:
    if name in _WHOLE or (field is not None and field.secret):
        if isinstance(value, list):
            return [MASK if inner else inner for inner in value]
        return MASK if value else value
    if isinstance(value, dict):
        return mask(value, field.fields if field else ())
    if isinstance(value, list):
        return [_mask(inner, name, None) for inner in value]
    is_secret = isinstance(value, str) and value and is_secret_name(name)
    return MASK if is_secret else value


def mask_value(value: Json) -> Json:
    """A value that no schema describes further, as it may be seen."""
    return _mask(value, "", None)


def unmask(value: Json, old: Json, shown: Json) -> Json:
    """
    What was typed, with what was there in the place of masks that came back.

    Args:
        shown: `old` as it was masked; where it had no mask, one that is typed stays.
    """
    if value == MASK:
        return old if shown == MASK else value
    if isinstance(value, dict) and isinstance(old, dict):
        return {
            name: unmask(inner, *_find_old(name, value, old, shown))
            for name, inner in value.items()
        }
    if isinstance(value, list) and isinstance(old, list):
        entries = zip(value, old, shown, strict=False)
        return [*(unmask(*entry) for entry in entries), *value[len(old) :]]
    return value


def _find_old(
    name: str, value: Mapping[str, Json], old: Mapping[str, Json], shown: Json
) -> tuple[Json, Json]:
    """What a field was and how it was shown; None for entries that belonged to another owner."""
    was, seen, owner = old.get(name), shown.get(name), _OWNERS.get(name)
    if owner is None:
        return was, seen
    now, before = _list(value.get(owner)), _list(old.get(owner))
    if not isinstance(was, list):
        return (was, seen) if now == before else (None, None)
    kept = [now[i : i + 1] == before[i : i + 1] for i in range(len(was))]
    return (
        [v if is_kept else None for v, is_kept in zip(was, kept, strict=True)],
        [v if is_kept else None for v, is_kept in zip(seen, kept, strict=True)],
    )


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def find_masks(value: Mapping[str, Json]) -> tuple[str, ...]:
    """The fields of a record in which a mask is left, at whatever depth."""
    return tuple(name for name, inner in value.items() if has_mask(inner))


def has_mask(value: Json) -> bool:
    """Whether a mask is left in a value, at whatever depth."""
    # Without recursion: what was typed may be nested deeper than any record that was kept.
    left = [value]
    while left:
        one = left.pop()
        if one == MASK:
            return True
        if isinstance(one, dict):
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
    return False
