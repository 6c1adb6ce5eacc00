"""
What has to happen to one configuration to make it another: rows to create, update, delete.

Times are no difference: a row that is otherwise the same stays as it is.

Spec: gateway §2.3 (load semantics).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.model.kinds import KINDS, OF_MODEL
from ostiary.model.row import Row

_TIMES: Final = ("created_at", "updated_at")
_ORDER: Final = {name: place for place, name in enumerate(KINDS)}
Key = tuple[str, str]


def row_key(row: Row) -> Key:
    """The (kind, id) of a row."""
    return OF_MODEL[type(row)].name, row.id or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One row before and after."""

    before: Row = field(repr=False)
    after: Row = field(repr=False)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what is different."""
        return _differences(self.before, self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    All changes.

    Rows to create or update come after those that they refer to, rows to delete before.
    """

    creates: tuple[Row, ...] = field(default=(), repr=False)
    updates: tuple[Update, ...] = ()
    deletes: tuple[Row, ...] = field(default=(), repr=False)
    same: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.creates or self.updates or self.deletes)

    @property
    def puts(self) -> tuple[Row, ...]:
        """Every row that is to be written."""
        rows = (*self.creates, *(update.after for update in self.updates))
        return tuple(sorted(rows, key=_place))


def _place(row: Row) -> int:
    return _ORDER[OF_MODEL[type(row)].name]


def _differences(before: Row, after: Row) -> tuple[str, ...]:
    return tuple(
        name
        for name in type(after).model_fields
        if name not in _TIMES and getattr(before, name) != getattr(after, name)
    )


def build_plan(
    there: Iterable[Row], wanted: Iterable[Row], *, now: int, keeps_others: bool
) -> Plan:
    """
    The plan that makes what is there what is wanted.

    Args:
        now: Unix seconds; what rows get whose times nobody said.
        keeps_others: rows that are not wanted stay.
    """
    known: Mapping[Key, Row] = {row_key(row): row for row in there}
    creates: list[Row] = []
    updates: list[Update] = []
    seen: set[Key] = set()
    for row in wanted:
        seen.add(key := row_key(row))
        before = known.get(key)
        if before is None:
            creates.append(_stamp(row, now))
        elif _differences(before, row):
            times = {"created_at": before.created_at, "updated_at": now}
            updates.append(Update(before=before, after=row.model_copy(update=times)))
    gone = [] if keeps_others else [r for k, r in known.items() if k not in seen]
    return Plan(
        creates=tuple(sorted(creates, key=_place)),
        updates=tuple(sorted(updates, key=lambda update: _place(update.after))),
        deletes=tuple(sorted(gone, key=_place, reverse=True)),
        same=len(seen) - len(creates) - len(updates),
    )


def _stamp(row: Row, now: int) -> Row:
    missing: dict[str, Any] = {
        name: now for name in _TIMES if getattr(row, name) is None
    }
    return row.model_copy(update=missing) if missing else row


def apply_plan(there: Iterable[Row], plan: Plan) -> tuple[Row, ...]:
    """The rows after a plan."""
    found = {row_key(row): row for row in there}
    for row in plan.deletes:
        found.pop(row_key(row), None)
    found |= {row_key(row): row for row in plan.puts}
    return tuple(found.values())
