"""
Which rows of a file are rows that are there already, though the file does not say their ids.

Spec: gateway §2.2 (identity of rows without id; natural keys).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.model.identity import build_id
from ostiary.model.kinds import OF_MODEL, Kind
from ostiary.model.row import Row

_Name = tuple[str, str | None, tuple[str, ...], tuple[object, ...]]
# Nothing of them is unique, but the same twice would be of no use.
_BY_CONTENT: Final[Mapping[str, tuple[str, ...]]] = {"certificates": ("cert", "key")}


def _names(kind: Kind, row: Row) -> Iterator[_Name]:
    """What tells a row from all others of its kind, besides its id."""
    by_content = _BY_CONTENT.get(kind.name)
    workspace = None if kind.everywhere else row.ws_id
    for fields in (*kind.unique, *((by_content,) if by_content else ())):
        values = tuple(getattr(row, name) for name in fields)
        if values[0] is not None:
            yield kind.name, workspace, fields, values


@dataclass(frozen=True, slots=True)
class Known:
    """Rows that are there: their ids, and the ids by what is unique of them."""

    ids: frozenset[tuple[str, str]] = frozenset()
    names: Mapping[_Name, str] = field(default_factory=dict, repr=False)

    def choose_id(self, kind: Kind, row: Row) -> str:
        """The id for a row whose id was made up: that of the row it is, or one nobody has."""
        for name in _names(kind, row):
            if name in self.names:
                return self.names[name]
        made = row.id or ""
        while (kind.name, made) in self.ids:  # of a row that was called so once
            made = build_id(kind.name, made)
        return made

    def find_workspace(self, name: str) -> str | None:
        """The id of the workspace of a name, if it is there."""
        return self.names.get(("workspaces", None, ("name",), (name,)))


NOTHING: Final = Known()


def build_known(rows: Iterable[Row]) -> Known:
    """Rows as something to be recognised by."""
    ids: set[tuple[str, str]] = set()
    names: dict[_Name, str] = {}
    for row in rows:
        kind = OF_MODEL[type(row)]
        ids.add((kind.name, row.id or ""))
        names |= dict.fromkeys(_names(kind, row), row.id or "")
    return Known(frozenset(ids), names)
