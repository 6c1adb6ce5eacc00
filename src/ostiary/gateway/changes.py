"""
A configuration as lines, and what differs between two: rows that are put and rows that are gone.

A revision is the sum of its lines' hashes, so that it follows a change at the cost of the
change, and does not depend on the order of lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ostiary.gateway.layered import EMPTY_MAP, Layered
from ostiary.model.kinds import SERVED_KINDS

Key = tuple[str, str]
# Lines by kind, then by id: every one is taken apart once only.
Puts = Mapping[str, Mapping[str, bytes]]
_MODULUS = 1 << 128
_KINDS = {name.encode(): name for name in SERVED_KINDS}
_START = b'{"id":"'
_ID_CHARS = 36
NOTHING_YET = "0" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """From one revision to the next. `gone` are kinds and ids."""

    previous: str
    revision: str
    puts: Puts = field(default_factory=dict, repr=False)
    gone: tuple[Key, ...] = ()

    @property
    def lines(self) -> Iterator[bytes]:
        """The rows that are put."""
        for found in self.puts.values():
            yield from found.values()


def sort_lines(lines: Iterable[bytes]) -> dict[str, dict[str, bytes]]:
    """
    Lines by kind and id, without reading all of them; of two rows with one id the later.

    Raises:
        ValueError: One is no line of a configuration.
    """
    found: dict[str, dict[str, bytes]] = {}
    rows: dict[str, bytes] = {}
    start, at, end = b"", 0, 0
    for line in lines:
        # Most lines are of the same kind as the one before.
        if not (start and line.startswith(start)):
            kind, start = _read_start(line)
            rows = found.setdefault(kind, {})
            at = len(start)
            end = at + _ID_CHARS
        rows[line[at:end].decode("latin-1")] = line
    return found


def _read_start(line: bytes) -> tuple[str, bytes]:
    """The kind of a line, and what all lines of that kind begin with."""
    name, _, text = line.partition(b" ")
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError("a line of the configuration has an unknown kind")
    if not text.startswith(_START):
        raise ValueError("a line of the configuration has no id")
    return kind, name + b" " + _START


def _hash(line: bytes) -> int:
    return int.from_bytes(hashlib.sha256(line).digest()[:16])


@dataclass(frozen=True, slots=True)
class Lines:
    """A configuration: its lines by kind and id. `total` is the sum of their hashes."""

    kinds: Mapping[str, Layered[str, bytes]] = field(default_factory=dict, repr=False)
    total: int = 0
    size: int = 0

    @property
    def revision(self) -> str:
        """32 hex digits (Kong's `configuration_hash`); all zero without rows."""
        return f"{self.total:032x}"

    def get(self, key: Key) -> bytes | None:
        """The line of a row."""
        return self.kinds.get(key[0], EMPTY_MAP).get(key[1])

    def __iter__(self) -> Iterator[bytes]:
        for rows in self.kinds.values():
            yield from rows.values()

    def dump(self) -> bytes:
        """All of it."""
        return b"\n".join(self)

    def put(
        self, puts: Iterable[bytes], gone: Iterable[Key] = ()
    ) -> tuple[Lines, Changes]:
        """
        The configuration after some rows were written and others deleted, and the way there.

        Raises:
            ValueError: A line is none of a configuration.
        """
        return self.change(sort_lines(puts), gone)

    def change(self, puts: Puts, gone: Iterable[Key]) -> tuple[Lines, Changes]:
        """As `put`, of lines that are sorted."""
        dropped = tuple(key for key in gone if self.get(key) is not None)
        return self._follow(puts, dropped)

    def replace(
        self, lines: Iterable[bytes], revision: str = ""
    ) -> tuple[Lines, Changes]:
        """
        A whole configuration, and what differs from this one.

        Args:
            revision: that of these lines where it is known: hashing them takes a while.

        Raises:
            ValueError: A line is none of a configuration.
        """
        found = sort_lines(filter(None, lines))
        if not self.kinds:
            return self._follow(found, (), revision)
        puts: dict[str, dict[str, bytes]] = {}
        for kind, rows in found.items():
            known = self.kinds.get(kind, EMPTY_MAP)
            other = {k: line for k, line in rows.items() if known.get(k) != line}
            if other:
                puts[kind] = other
        gone = tuple(
            (kind, key)
            for kind, rows in self.kinds.items()
            for key in rows
            if key not in found.get(kind, ())
        )
        return self._follow(puts, gone, revision)

    def _follow(
        self, puts: Puts, gone: tuple[Key, ...], revision: str = ""
    ) -> tuple[Lines, Changes]:
        updates: dict[str, Mapping[str, bytes | None]] = {**puts}
        for name in {kind for kind, _ in gone}:
            without = {key: None for kind, key in gone if kind == name}
            updates[name] = {**puts.get(name, {}), **without}
        size, total = self.size, self.total
        kinds = {**self.kinds}
        for kind, rows in updates.items():
            known = kinds.get(kind, EMPTY_MAP)
            old: list[bytes] = []
            if kind in self.kinds:
                old = [line for key in rows if (line := known.get(key)) is not None]
            new = [line for line in rows.values() if line is not None]
            size += sum(map(len, new)) - sum(map(len, old)) + len(new) - len(old)
            if not revision:
                total += sum(map(_hash, new)) - sum(map(_hash, old))
            kinds[kind] = known.changed(rows)
        if revision:
            total = int(revision, 16)
        after = Lines(kinds, total % _MODULUS, size)
        return after, Changes(
            previous=self.revision, revision=after.revision, puts=puts, gone=gone
        )


NO_LINES = Lines()


def merge(steps: Sequence[Changes]) -> Changes:
    """Steps that follow one another as one; there is at least one."""
    puts: dict[str, dict[str, bytes]] = {}
    gone: dict[Key, None] = {}
    for step in steps:
        for kind, key in step.gone:
            puts.get(kind, {}).pop(key, None)
            gone[kind, key] = None
        for kind, rows in step.puts.items():
            puts.setdefault(kind, {}).update(rows)
            for key in rows:
                gone.pop((kind, key), None)
    return Changes(
        previous=steps[0].previous,
        revision=steps[-1].revision,
        puts=puts,
        gone=tuple(gone),
    )


def dump_changes(changes: Changes) -> bytes:
    """Changes as bytes: two revisions, then a line for every row."""
    head = f"{changes.previous} {changes.revision}".encode()
    gone = (f"-{kind} {row}".encode() for kind, row in changes.gone)
    return b"\n".join((head, *gone, *(b"+" + line for line in changes.lines)))


def load_changes(data: bytes) -> Changes:
    """
    Read back `dump_changes`.

    Raises:
        ValueError: It is none of its.
    """
    head, *lines = data.split(b"\n")
    previous, revision = head.decode("ascii").split(" ")
    gone = []
    for line in lines:
        if line.startswith(b"-"):
            kind, _, row = line[1:].decode("ascii").partition(" ")
            gone.append((kind, row))
    return Changes(
        previous=previous,
        revision=revision,
        puts=sort_lines(line[1:] for line in lines if line.startswith(b"+")),
        gone=tuple(gone),
    )
