"""
How a configuration gets from control to the workers: whole, and then what changes of it.

Control keeps in the node's shared state a whole configuration (the base, in pieces) and what
has changed since (the log), and tells everybody of each change as it comes. A worker that has
followed applies the change alone; one that is new, or has missed something, reads base and log.
A new base is made at once while that costs little, else when the log has grown. A large one is
offered first: workers compile it while control checks it, and serve it once it is the base.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from ostiary.gateway.changes import Changes, Lines, dump_changes, load_changes
from ostiary.node.role import CONFIG_CHANNEL, CONFIG_KEY, FOREVER_S
from ostiary.ports.shared import Shared

LOG_KEY = f"{CONFIG_KEY}:log"
OFFER_KEY = OFFER_CHANNEL = f"{CONFIG_KEY}:offer"
# Below the node socket's frame.
PIECE_BYTES = 8 << 20
# Up to this size a whole configuration is cheaper than thinking about it.
SMALL_BYTES = 256 << 10
_BETWEEN = b"\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A whole configuration; `revision` is empty where nobody has told it."""

    revision: str
    data: bytes = field(repr=False)

    @property
    def lines(self) -> list[bytes]:
        """Its rows."""
        return self.data.split(b"\n")


class Publisher:
    """Control's side."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._log: list[bytes] = []
        self._log_size = 0
        self._pieces: tuple[str, ...] = ()
        self._offered: tuple[str, ...] = ()

    def is_due(self, lines: Lines) -> bool:
        """Whether a new base of these lines is worth its cost now."""
        size = lines.size
        return size <= SMALL_BYTES or self._log_size > max(SMALL_BYTES, size // 4)

    @property
    def has_log(self) -> bool:
        """Whether something has changed since the base."""
        return bool(self._log)

    async def tell(self, changes: Changes) -> None:
        """
        Give a change to every worker.

        Raises:
            SharedUnavailable: The node socket is away.
        """
        message = dump_changes(changes)
        self._log.append(message)
        self._log_size += len(message)
        await self._shared.set(LOG_KEY, _BETWEEN.join(self._log), ttl_s=FOREVER_S)
        await self.announce(changes)

    async def offer(self, base: Base) -> None:
        """
        Let workers compile what may be the next base, but not serve it yet.

        Raises:
            SharedUnavailable: The node socket is away.
        """
        await self.withdraw()
        if len(base.data) > SMALL_BYTES:
            self._offered = await self._store(base, OFFER_KEY)
            await self._shared.publish(OFFER_CHANNEL, b"")

    async def withdraw(self) -> None:
        """
        Forget what was offered.

        Raises:
            SharedUnavailable: The node socket is away.
        """
        if self._offered:
            await self._shared.delete(OFFER_KEY)
            for key in {*self._offered} - {*self._pieces}:
                await self._shared.delete(key)
            self._offered = ()

    async def rebase(self, base: Base) -> None:
        """
        Let this be the base; workers that have followed hear nothing.

        Raises:
            SharedUnavailable: The node socket is away.
        """
        pieces = await self._store(base, CONFIG_KEY)
        # What came meanwhile is after this base, and stays in the log.
        self._log = self._log_after(base.revision)
        self._log_size = sum(map(len, self._log))
        await self._shared.set(LOG_KEY, _BETWEEN.join(self._log), ttl_s=FOREVER_S)
        for key in {*self._pieces} - {*pieces}:
            await self._shared.delete(key)
        self._pieces = pieces
        await self.withdraw()

    async def _store(self, base: Base, place: str) -> tuple[str, ...]:
        """Put a base into the node's state; what it has of it stays."""
        data = base.data
        pieces = tuple(
            f"{CONFIG_KEY}:{base.revision}:{start}"
            for start in range(0, len(data) or 1, PIECE_BYTES)
        )
        for number, key in enumerate(pieces):
            start = number * PIECE_BYTES
            piece = data[start : start + PIECE_BYTES]
            if key not in self._offered:
                await self._shared.set(key, piece, ttl_s=FOREVER_S)
        head = json.dumps({"revision": base.revision, "pieces": pieces}).encode()
        await self._shared.set(place, head, ttl_s=FOREVER_S)
        return pieces

    def _log_after(self, revision: str) -> list[bytes]:
        for number, message in enumerate(self._log):
            if load_changes(message).previous == revision:
                return self._log[number:]
        return []

    async def ask(self) -> None:
        """
        Let every worker look at the base, and say once more what it serves.

        Workers that have begun by themselves may have said so before anybody listened.

        Raises:
            SharedUnavailable: The node socket is away.
        """
        await self._shared.publish(CONFIG_CHANNEL, b"")

    async def announce(self, changes: Changes) -> None:
        """
        Tell of changes that the base has already.

        Raises:
            SharedUnavailable: The node socket is away.
        """
        size = sum(map(len, changes.lines))
        news = dump_changes(changes) if size <= PIECE_BYTES else b""
        await self._shared.publish(CONFIG_CHANNEL, news)


async def fetch_base(
    shared: Shared, *, known: Container[str] = (), place: str = CONFIG_KEY
) -> Base | None:
    """
    The whole configuration that the node knows; None when it knows none.

    Args:
        known: revisions whose lines need not be fetched.
        place: `OFFER_KEY` for what is only offered yet.

    Raises:
        SharedUnavailable: The node socket is away.
    """
    while (head := await shared.get(place)) is not None:
        told = json.loads(head)
        if told["revision"] in known:
            return Base(revision=told["revision"], data=b"")
        pieces = [await shared.get(key) for key in told["pieces"]]
        if all(piece is not None for piece in pieces):
            data = b"".join(piece for piece in pieces if piece is not None)
            return Base(revision=told["revision"], data=data)
        if await shared.get(place) == head:
            return None  # its pieces are lost: as good as none
    return None


async def fetch_log(shared: Shared) -> tuple[Changes, ...]:
    """
    What has changed since the base, in order.

    Raises:
        SharedUnavailable: The node socket is away.
    """
    data = await shared.get(LOG_KEY)
    return tuple(map(load_changes, data.split(_BETWEEN))) if data else ()


def following(log: Iterable[Changes], revision: str) -> tuple[Changes, ...] | None:
    """What of a log comes after a revision; None when that is not on its way."""
    steps = tuple(log)
    for number, step in enumerate(steps):
        if step.previous == revision:
            return steps[number:]
    return () if steps and steps[-1].revision == revision else None
