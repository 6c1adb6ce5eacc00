"""
What differs between two configurations, as lines: rows that are put and rows that are gone.

A revision is the sum of its lines' hashes, so that it follows a change at the cost of the
change, and does not depend on the order of lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ostiary.gateway.layered import EMPTY_MAP, Layered
from ostiary.model.kinds import KINDS

Key = tuple[str, str]
_MODULUS = 1 << 128
_START = b'{"id":"'
_ID_CHARS = 36
NOTHING_YET = "0" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """From one revision to the next. `puts` are lines, `gone` kinds and ids."""

    previous: str
    revision: str
    puts: tuple[bytes, ...] = field(default=(), repr=False)
    gone: tuple[Key, ...] = ()


NO_CHANGES = Changes(previous=NOTHING_YET, revision=NOTHING_YET)


def read_key(line: bytes) -> Key:
    """
    The kind and id of a line, without reading all of it.

    Raises:
        ValueError: It is no line of a configuration.
    """
    kind, _, text = line.partition(b" ")
    name = kind.decode("latin-1")
    if name not in KINDS or not text.startswith(_START):
        raise ValueError("a line of the configuration has an unknown kind")
    return name, text[len(_START) : len(_START) + _ID_CHARS].decode("latin-1")


def _hash(line: bytes) -> int:
    return int.from_bytes(hashlib.sha256(line).digest()[:16])


@dataclass(frozen=True, slots=True)
class Marks:
    """What a configuration holds, as a hash for each row; `total` is their sum."""

    hashes: Layered[Key, int] = EMPTY_MAP
    total: int = 0

    @property
    def revision(self) -> str:
        """32 hex digits (Kong's `configuration_hash`); all zero without rows."""
        return f"{self.total:032x}"

    def _follow(self, puts: dict[Key, int], gone: Iterable[Key]) -> Marks:
        total = self.total
        updates: dict[Key, int | None] = {**puts}
        for key, value in puts.items():
            total += value - (self.hashes.get(key) or 0)
        for key in gone:
            total -= self.hashes.get(key) or 0
            updates[key] = None
        return Marks(self.hashes.changed(updates), total % _MODULUS)

    def put(
        self, puts: Iterable[bytes], gone: Iterable[Key] = ()
    ) -> tuple[Marks, Changes]:
        """The marks after some rows were written and others deleted, and the way there."""
        lines = {read_key(line): line for line in puts}
        dropped = tuple(key for key in gone if self.hashes.get(key) is not None)
        after = self._follow({k: _hash(line) for k, line in lines.items()}, dropped)
        return after, Changes(
            previous=self.revision,
            revision=after.revision,
            puts=tuple(lines.values()),
            gone=dropped,
        )

    def replace(self, lines: Iterable[bytes]) -> tuple[Marks, Changes]:
        """The marks of a whole configuration, and what differs from this one."""
        found = {read_key(line): line for line in lines if line}
        hashes = {key: _hash(line) for key, line in found.items()}
        puts = {k: h for k, h in hashes.items() if self.hashes.get(k) != h}
        gone = tuple(key for key in self.hashes if key not in hashes)
        after = self._follow(puts, gone)
        return after, Changes(
            previous=self.revision,
            revision=after.revision,
            puts=tuple(found[key] for key in puts),
            gone=gone,
        )


def merge(steps: Sequence[Changes]) -> Changes:
    """Steps that follow one another as one; there is at least one."""
    puts: dict[Key, bytes | None] = {}
    for step in steps:
        puts |= dict.fromkeys(step.gone)
        puts |= {read_key(line): line for line in step.puts}
    return Changes(
        previous=steps[0].previous,
        revision=steps[-1].revision,
        puts=tuple(line for line in puts.values() if line is not None),
        gone=tuple(key for key, line in puts.items() if line is None),
    )


def dump_changes(changes: Changes) -> bytes:
    """Changes as bytes: two revisions, then a line for every row."""
    head = f"{changes.previous} {changes.revision}".encode()
    gone = (f"-{kind} {row}".encode() for kind, row in changes.gone)
    return b"\n".join((head, *gone, *(b"+" + line for line in changes.puts)))


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
        puts=tuple(line[1:] for line in lines if line.startswith(b"+")),
        gone=tuple(gone),
    )
