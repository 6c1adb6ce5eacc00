"""
Names of upstreams to addresses, asked of the system and remembered.

The system's resolver knows the hosts file, search domains and the order of address families as
everybody on this machine does, but not how long an answer lasts: answers are kept for a fixed
time. What is no longer fresh is still used while it is asked for again. Names under `localhost`
never reach a resolver.

Spec: Kong's DNS (gateway §3.10); RFC 6761 §6.3.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

MAX_NAMES = 4096
Addresses = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsTimes:
    """How long answers are kept, in seconds: good, good but old, no such name, other failures."""

    valid_s: float = 10.0
    stale_s: float = 3600.0
    not_found_s: float = 30.0
    error_s: float = 1.0


@dataclass(slots=True, kw_only=True)
class _Entry:
    addresses: Addresses = ()
    found_at: float = 0.0
    failure: OSError | None = None
    fresh_until: float = 0.0
    asking: asyncio.Task[None] | None = None
    turn: int = 0


async def ask_system(host: str) -> Addresses:
    """
    The addresses of a name, as the system orders them.

    Raises:
        OSError: There are none, or nobody can be asked.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # an empty label, or one of more than 63 letters
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))


def resolve_locally(host: str) -> Addresses:
    """The addresses that need nobody to be asked: literals, and names under `localhost`."""
    lower = host.lower().rstrip(".")
    if lower == "localhost" or lower.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return ()


class Resolver:
    """One worker's memory of names."""

    def __init__(
        self,
        times: DnsTimes | None = None,
        *,
        ask: Callable[[str], Awaitable[Addresses]] = ask_system,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._times = times or DnsTimes()
        self._ask = ask
        self._now = now or asyncio.get_running_loop().time
        self._entries: dict[str, _Entry] = {}

    async def addresses(self, host: str) -> Addresses:
        """
        The addresses of a host, each time beginning with another one.

        Raises:
            OSError: The name has none, or nobody can be asked.
        """
        local = resolve_locally(host)
        if local:
            return local
        entry = self._entry(host)
        now = self._now()
        if now >= entry.fresh_until:
            usable = entry.addresses and now < entry.found_at + self._times.stale_s
            asking = self._ask_again(host, entry)
            if not usable:
                await asyncio.shield(asking)
        found = self._found(entry)
        entry.turn += 1
        start = entry.turn % len(found)
        return found[start:] + found[:start]

    def is_fresh(self, host: str) -> bool:
        """Tell whether asking again would tell nothing new."""
        entry = self._entries.get(host)
        fresh = entry is not None and self._now() < entry.fresh_until
        return fresh or bool(resolve_locally(host))

    async def renewed(self, host: str) -> Addresses:
        """
        The addresses of a host, asked for again unless they are fresh.

        Raises:
            OSError: As `addresses`.
        """
        local = resolve_locally(host)
        if local:
            return local
        entry = self._entry(host)
        if self._now() >= entry.fresh_until:
            await asyncio.shield(self._ask_again(host, entry))
        return self._found(entry)

    def _entry(self, host: str) -> _Entry:
        entry = self._entries.get(host)
        if entry is None:
            if len(self._entries) >= MAX_NAMES:
                self._entries.clear()
            entry = self._entries[host] = _Entry()
        return entry

    def _ask_again(self, host: str, entry: _Entry) -> asyncio.Task[None]:
        if entry.asking is None:
            entry.asking = asyncio.create_task(self._refresh(host, entry))
        return entry.asking

    @staticmethod
    def _found(entry: _Entry) -> Addresses:
        if not entry.addresses:
            assert entry.failure is not None
            raise entry.failure.with_traceback(None)  # else it grows with every raise
        return entry.addresses

    async def _refresh(self, host: str, entry: _Entry) -> None:
        times = self._times
        try:
            found = await self._ask(host)
        except OSError as error:
            now = self._now()
            entry.failure = error
            entry.fresh_until = now + (
                times.not_found_s if is_unknown(error) else times.error_s
            )
            if now >= entry.found_at + times.stale_s:
                entry.addresses = ()
        else:
            entry.addresses, entry.failure = found, None
            entry.found_at = self._now()
            entry.fresh_until = entry.found_at + times.valid_s
        finally:
            entry.asking = None


def is_unknown(error: OSError) -> bool:
    """Tell whether a name has no address, which is an answer, from that nobody answers."""
    return isinstance(error, socket.gaierror) and error.errno in _UNKNOWN


_UNKNOWN = frozenset(
    getattr(socket, name)
    for name in ("EAI_NONAME", "EAI_NODATA")
    if hasattr(socket, name)
)
