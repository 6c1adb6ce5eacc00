"""The consumers of one configuration, found by any of their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ostiary.model.gateway import Consumer as Row
from ostiary.ports.consumers import Consumer


class Directory:
    """Look-ups by id, username and custom_id; `rows` are what it was made from."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows = tuple(rows)
        known = [
            Consumer(id=row.id or "", username=row.username, custom_id=row.custom_id)
            for row in self.rows
        ]
        self._tables: Mapping[str, Mapping[str, Consumer]] = {
            "id": {c.id: c for c in known},
            "username": {c.username: c for c in known if c.username is not None},
            "custom_id": {c.custom_id: c for c in known if c.custom_id is not None},
        }
        # Two names that differ in case only are nobody when case does not count (T-J18).
        folded: dict[str, Consumer | None] = {}
        for consumer in known:
            if consumer.username is not None:
                name = consumer.username.casefold()
                folded[name] = None if name in folded else consumer
        self._folded = folded

    def find(
        self, value: str, *, by: Sequence[str], ignore_case: bool = False
    ) -> Consumer | None:
        """As the port says."""
        for name in by:
            found = self._tables[name].get(value)
            if found is None and ignore_case and name == "username":
                found = self._folded.get(value.casefold())
            if found is not None:
                return found
        return None


EMPTY_DIRECTORY = Directory()
