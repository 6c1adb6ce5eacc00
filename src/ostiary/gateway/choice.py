"""
Which instance of each plugin runs where: found by scope, not by looking at every instance.

Spec: Kong's scopes with consumer groups (gateway §4.1): of one plugin at most one instance runs
for a request, the most specific one; equal priorities run by name, the last letter first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ostiary.gateway.plan import Chain
from ostiary.gateway.variants import Variants
from ostiary.kit import Handler
from ostiary.model.gateway import Plugin, Route

# A workspace (None is `default`), a route and a service of it.
Place = tuple[str | None, str | None, str | None]
Ranked = tuple[int, Handler]
Scope = tuple[str, str | None, str | None, str | None, str | None, str | None]

# By (route is set, service is set): the ranks of instances for a consumer, for a group of
# consumers, and for everybody.
_OF_CONSUMER = {(True, True): 1, (True, False): 3, (False, True): 4, (False, False): 8}
_OF_GROUP = {(True, True): 2, (True, False): 5, (False, True): 6, (False, False): 9}
_OF_ALL = {(True, True): 7, (True, False): 10, (False, True): 11, (False, False): 12}
_SCHEMES = ("http", "https")


class Instance(NamedTuple):
    """One plugin row with what runs for it."""

    row: Plugin
    handler: Handler
    priority: int

    @property
    def place(self) -> Place:
        """The workspace that it is in, and the route and the service that it is bound to."""
        return self.row.ws_id, self.row.route, self.row.service

    @property
    def scope(self) -> Scope:
        """What no two instances share."""
        return find_scope(self.row)

    def rank(self, ranks: Mapping[tuple[bool, bool], int]) -> int:
        """How specific it is; less is more."""
        return ranks[self.row.route is not None, self.row.service is not None]


def find_scope(row: Plugin) -> Scope:
    """What no two rows share."""
    return (
        row.name, row.ws_id, row.route, row.service, row.consumer, row.consumer_group,
    )  # fmt: skip


class ScopeTaken(Exception):
    """Two instances of one plugin have the same scope; `row` is the second."""

    code = "scope_taken"

    def __init__(self, row: Plugin) -> None:
        super().__init__(f"another {row.name} has the same scope")
        self.row = row


class _Nearest(Mapping[str, Ranked]):
    """Instances by consumer (or group), the most specific place first."""

    def __init__(self, tables: Iterable[Mapping[str, Ranked]]) -> None:
        self._tables = tuple(tables)

    def __getitem__(self, key: str) -> Ranked:
        for table in self._tables:
            found = table.get(key)
            if found is not None:
                return found
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter({key: None for table in self._tables for key in table})

    def __len__(self) -> int:
        return len({key for table in self._tables for key in table})


_Special = Mapping[tuple[str, str, Place], Mapping[str, Ranked]]


@dataclass(frozen=True, slots=True)
class Choices:
    """
    Instances by where they are. Values share what they have in common.

    `wide` are those for everybody by place; `consumers` and `groups` are by scheme, name and
    place, then by id. `special` are the plugins in these with their priorities, and `taken` says
    whose each scope is.
    """

    wide: Mapping[Place, tuple[Instance, ...]] = field(default_factory=dict)
    consumers: _Special = field(default_factory=dict)
    groups: _Special = field(default_factory=dict)
    special: Mapping[str, int] = field(default_factory=dict)
    taken: Mapping[Scope, str] = field(default_factory=dict)

    def changed(self, *, gone: Iterable[Instance], put: Iterable[Instance]) -> Choices:
        """
        The next choices.

        Raises:
            ScopeTaken: Two instances of one plugin would have the same scope.
        """
        gone, put = [*gone], [*put]
        if not gone and not put:
            return self
        draft = _Draft(self)
        for found in gone:
            draft.drop(found)
        for found in put:
            draft.put(found)
        return draft.finish()

    def chains(self, route: Route | None) -> tuple[Chain, Chain]:
        """
        The handlers of a route for http and for https, in order.

        Without a route those that are for everything in the workspace `default`.
        """
        places: tuple[Place, ...] = ((None, None, None),)
        if route is not None:
            here = route.ws_id
            nearer = (
                (here, route.id, route.service),
                (here, route.id, None),
                (here, None, route.service),
                (here, None, None),
            )
            places = tuple(dict.fromkeys(nearer))
        # Wider places first: narrower ones take their place.
        wide = [i for place in reversed(places) for i in self.wide.get(place, ())]
        plain, secure = (self._chain(places, wide, scheme) for scheme in _SCHEMES)
        return plain, secure

    def _chain(
        self, places: tuple[Place, ...], wide: list[Instance], scheme: str
    ) -> Chain:
        chosen: dict[str, tuple[int, Handler]] = {}
        for found in wide:
            if scheme in found.row.protocols:
                chosen[found.row.name] = (found.priority, found.handler)
        if not self.special and len(chosen) < 2:
            return tuple(handler for _, handler in chosen.values())
        ranks = self._ranks(wide, scheme)
        for name, priority in self.special.items():
            variants = self._variants(name, places, scheme, ranks.get(name))
            if variants is not None:
                chosen[name] = (priority, variants)
        ordered = sorted(
            chosen.items(), key=lambda pair: (pair[1][0], pair[0]), reverse=True
        )
        return tuple(handler for _, (_, handler) in ordered)

    def _ranks(self, wide: list[Instance], scheme: str) -> dict[str, Ranked]:
        if not self.special:
            return {}
        return {
            found.row.name: (found.rank(_OF_ALL), found.handler)
            for found in wide
            if scheme in found.row.protocols and found.row.name in self.special
        }

    def _variants(
        self, name: str, places: tuple[Place, ...], scheme: str, wider: Ranked | None
    ) -> Variants | None:
        consumers, groups = (
            [
                table
                for place in places
                if (table := tables.get((scheme, name, place))) is not None
            ]
            for tables in (self.consumers, self.groups)
        )
        if not consumers and not groups:
            return None
        return Variants(
            wider=wider, consumers=_Nearest(consumers), groups=_Nearest(groups)
        )


_Tables = dict[tuple[str, str, Place], Mapping[str, Ranked]]


class _Draft:
    """Choices that are being changed: what changes is copied first, once."""

    def __init__(self, before: Choices) -> None:
        self.wide = {**before.wide}
        self.consumers: _Tables = {**before.consumers}
        self.groups: _Tables = {**before.groups}
        self.special = {**before.special}
        self.taken = {**before.taken}
        self._own: dict[int, dict[str, Ranked]] = {}

    def _special(self, found: Instance) -> tuple[_Tables, str, int] | None:
        row = found.row
        if row.consumer is not None:
            return self.consumers, row.consumer, found.rank(_OF_CONSUMER)
        if row.consumer_group is not None:
            return self.groups, row.consumer_group, found.rank(_OF_GROUP)
        return None

    def _mutable(
        self, tables: _Tables, key: tuple[str, str, Place]
    ) -> dict[str, Ranked]:
        there = tables.get(key, {})
        own = self._own.get(id(there))
        if own is None:
            own = {**there}
            tables[key] = own
            self._own[id(own)] = own
        return own

    def drop(self, found: Instance) -> None:
        """Take an instance out."""
        self.taken.pop(found.scope, None)
        if not found.row.enabled:
            return
        special = self._special(found)
        if special is None:
            self.wide[found.place] = tuple(
                i for i in self.wide.get(found.place, ()) if i.row.id != found.row.id
            )
            if not self.wide[found.place]:
                del self.wide[found.place]
            return
        tables, who, _ = special
        for scheme in _SCHEMES:
            key = (scheme, found.row.name, found.place)
            if scheme in found.row.protocols:
                own = self._mutable(tables, key)
                own.pop(who, None)
                if not own:
                    del tables[key]

    def put(self, found: Instance) -> None:
        """
        Let an instance take part.

        Raises:
            ScopeTaken: Another one has its scope.
        """
        if self.taken.setdefault(found.scope, found.row.id or "") != found.row.id:
            raise ScopeTaken(found.row)
        if not found.row.enabled:
            return
        special = self._special(found)
        if special is None:
            self.wide[found.place] = (*self.wide.get(found.place, ()), found)
            return
        tables, who, rank = special
        self.special[found.row.name] = found.priority
        for scheme in _SCHEMES:
            if scheme in found.row.protocols:
                key = (scheme, found.row.name, found.place)
                self._mutable(tables, key)[who] = (rank, found.handler)

    def finish(self) -> Choices:
        """What they have become."""
        names = {key[1] for tables in (self.consumers, self.groups) for key in tables}
        return Choices(
            wide=self.wide,
            consumers=self.consumers,
            groups=self.groups,
            special={k: v for k, v in self.special.items() if k in names},
            taken=self.taken,
        )
