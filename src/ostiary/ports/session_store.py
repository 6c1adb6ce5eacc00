"""
Sealed session records kept outside cookies, and which sessions a subject has.

What cannot be known now is an error, never "nothing there": a store that is down must not
look like a user without a session (decision D6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePlace:
    """
    Where a Redis is and how to come in. Two places that differ in anything share nothing.

    A `socket` wins over host and port. `ca_file` is trusted beside the system's CAs.
    `server_name` is what its certificate must say, when that is not the host.
    """

    host: str = "127.0.0.1"
    port: int = 6379
    socket: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    tls: bool = False
    verify_tls: bool = True
    server_name: str | None = None
    ca_file: str | None = None
    connect_timeout_s: float = 2.0
    send_timeout_s: float = 2.0
    read_timeout_s: float = 2.0
    pool_size: int = 256
    prefix: str | None = None

    @property
    def where(self) -> str:
        """The socket, or host and port: what a person looks for."""
        if self.socket:
            return self.socket
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def key(self, *words: str) -> str:
        """A name in the store, below the prefix."""
        return ":".join((self.prefix, *words) if self.prefix else words)


class SessionStore(Protocol):
    """
    Keys and names are texts of ours, values sealed bytes, times-to-live in seconds.

    Whatever has no time left is gone at once. Every method raises `SharedUnavailable` when
    the store cannot be reached or refuses; a write may then have happened or not.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None when absent or out of time."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store a value, replacing any."""
        ...

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        """In one step: store `new` if `old` is what is there; tell whether it was."""
        ...

    async def overwrite(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        """In one step: store a value where there is one; False when that is gone."""
        ...

    async def keep(self, key: str, *, ttl_s: float) -> bool:
        """Let a key live for so long from now on. False when it is gone."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a key."""
        ...

    async def index(self, name: str, member: str, *, ttl_s: float) -> None:
        """List a member under a name for so long, instead of any time it had before."""
        ...

    async def members(self, name: str) -> tuple[str, ...]:
        """The members with time left, those that end first at the front."""
        ...

    async def unindex(self, name: str, member: str) -> None:
        """Take a member off the list of a name."""
        ...


class ListedStore(Protocol):
    """A store whose keys can be looked through: that of the node's own database."""

    async def keys(self, part: str, *, most: int) -> tuple[tuple[str, float], ...]:
        """
        Keys that hold a text, and when they end (Unix seconds), those that end last first.

        Raises:
            SharedUnavailable: The store does not answer.
        """
        ...

    async def records(
        self, start: str, *, most: int
    ) -> tuple[tuple[str, bytes, float], ...]:
        """The same with the values, of keys that begin with a text. Raises SharedUnavailable."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a key. Raises SharedUnavailable."""
        ...


class Stores(Protocol):
    """Opens stores."""

    def open(self, place: StorePlace) -> SessionStore:
        """The store at a place: one client for each place, made without any I/O."""
        ...
