"""
The sessions and tokens that one worker has seen: what makes the second request cheap.

Everything here can be thrown away at any time. Entries of ended sessions go the moment their
end is heard; verified tokens carry the fingerprint of the configuration that verified them.

Spec: decision D14; security tests T-J10, T-K10.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ostiary.http.memo import Memo
from ostiary.ports.consumers import Consumers
from ostiary.sessions.session import Session
from ostiary.signin.issuer import Provider
from ostiary.signin.ledger import Ledger
from ostiary.signin.values import Allowed

MAX_SESSIONS = 1024
MAX_TOKENS = 4096
MAX_KEY_BYTES = 16 << 20
ENDED_CHANNEL = "sessions-ended"

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSession:
    """An opened session, the answer it leads to, and until when it need not be looked at."""

    session: Session
    quiet_until: float
    consumers: Consumers = field(repr=False)
    answer: Allowed = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveToken:
    """
    A token that was found good, the answer it leads to, and until when it need not be looked at.

    `provider` is who was known when its key was found there; a token that the provider was
    asked about has no `key_thumbprint`. `consumers` are those that the answer was made with.
    """

    ends: float | None
    key_thumbprint: str | None
    provider: Provider | None = field(repr=False)
    consumers: Consumers = field(repr=False)
    fresh_until: float
    answer: Allowed = field(repr=False)


class Bounded(Generic[V]):
    """A dictionary that forgets what was not used for longest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: OrderedDict[bytes, V] = OrderedDict()

    def get(self, key: bytes) -> V | None:
        found = self._rows.get(key)
        if found is not None:
            self._rows.move_to_end(key)
        return found

    def put(self, key: bytes, value: V) -> None:
        self._rows[key] = value
        self._rows.move_to_end(key)
        if len(self._rows) > self._limit:
            self._rows.popitem(last=False)

    def drop(self, key: bytes) -> None:
        self._rows.pop(key, None)

    def names(self) -> tuple[bytes, ...]:
        return tuple(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def digest(fingerprint: bytes, text: str) -> bytes:
    """The key of an entry: the whole text under the configuration that judged it."""
    return hashlib.blake2b(text.encode(), digest_size=16, key=fingerprint[:32]).digest()


class Live:
    """What a worker remembers, over all parties."""

    def __init__(self) -> None:
        self.sessions: Bounded[LiveSession] = Bounded(MAX_SESSIONS)
        self.seen = Ledger()
        self.ends_heard = 0
        self.tokens: Bounded[LiveToken] = Bounded(MAX_TOKENS)
        # Keys of the two above by raw field value and what looked at it: pure results.
        self.keys: Memo[bytes, dict[tuple[bytes, str], bytes]] = Memo(MAX_KEY_BYTES)

    def forget_session(self, mark: str) -> None:
        """Drop every entry of what has ended, and make what is being opened now not stick."""
        self.ends_heard += 1
        self.seen.forget(mark)
        for key in self.sessions.names():
            entry = self.sessions.get(key)
            if entry is not None and mark in entry.answer.marks:
                self.sessions.drop(key)

    def forget_sessions(self) -> None:
        """Drop all sessions: word of an end may have been missed."""
        self.ends_heard += 1
        self.seen.clear()
        self.sessions = Bounded(MAX_SESSIONS)
