"""
Where in the Admin API a path leads: to a collection, a row, one below a parent, or a parent.

All of it follows from the table of kinds: what refers to a kind is below its rows.

Spec: gateway §§1.9, 1.10 (nested paths in all directions of every foreign key).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostiary.model.kinds import KINDS, Kind

_BY_PATH = {kind.path: kind for kind in KINDS.values() if kind.path is not None}
# Kong has no such paths, or others of its own.
_OFF = frozenset(
    {
        ("snis", "certificate"),
        ("consumers", "consumer_group_consumers"),
        ("consumer_groups", "consumer_group_consumers"),
        ("ca_certificates", "services"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Rows of `kind`: all of them, or one by `key`.

    With `parent` only those below the row `parent_key` of that kind, which they refer to in
    `field`. `is_upward` turns that around: the one row that the row `parent_key` refers to.
    """

    kind: Kind
    key: str | None = None
    parent: Kind | None = None
    parent_key: str | None = None
    field: str | None = None
    is_upward: bool = False


def read_place(steps: Sequence[str]) -> Place | None:
    """Where the steps of a path lead; None for nowhere."""
    if not 1 <= len(steps) <= 4 or (kind := _BY_PATH.get(steps[0])) is None:
        return None
    if len(steps) <= 2:
        return Place(kind=kind, key=steps[1] if len(steps) == 2 else None)
    if (kind.name, steps[2]) in _OFF:
        return None
    key = steps[3] if len(steps) == 4 else None
    for child in KINDS.values():
        for reference in child.references:
            if (
                reference.kind == kind.name
                and child.below == steps[2]
                and not reference.is_list
                and (kind.name, child.name) not in _OFF
            ):
                return Place(
                    kind=child, key=key, parent=kind, parent_key=steps[1],
                    field=reference.field,
                )  # fmt: skip
    upward = kind.reference(steps[2])
    if upward is not None and not upward.is_list and key is None:
        return Place(
            kind=KINDS[upward.kind], parent=kind, parent_key=steps[1],
            field=upward.field, is_upward=True,
        )  # fmt: skip
    return None


def list_places() -> list[str]:
    """Every path of rows, as `/endpoints` lists them."""
    found = []
    for kind in _BY_PATH.values():
        base, one = f"/{kind.path}", f"/{kind.path}/{{{kind.name}}}"
        found += [base, one]
        for child in KINDS.values():
            for reference in child.references:
                if (
                    reference.kind == kind.name
                    and not reference.is_list
                    and (kind.name, child.name) not in _OFF
                ):
                    below = f"{one}/{child.below}"
                    found += [below, f"{below}/{{{child.name}}}"]
        found += [
            f"{one}/{reference.field}"
            for reference in kind.references
            if not reference.is_list and (kind.name, reference.field) not in _OFF
        ]
    return found
