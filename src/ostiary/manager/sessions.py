"""
Who has signed in with which browser: kept on the node, named by a cookie of 256 random bits.

Only the SHA-256 of the cookie is kept, so that nobody who reads the node's state can sign in with
it. A session ends with its time, with signing out, and as soon as its user is gone, disabled or has
another token. It begins with a new id each time: an id from elsewhere is never taken.

Spec: OWASP Session Management; RFC 6265bis §4.1.3 (`__Host-`).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ostiary.manager.config import ManagerConfig, People, Person
from ostiary.ports.shared import Shared

_ID_BYTES: Final = 32
_ID: Final = re.compile(r"[0-9a-f]{64}")
_KEY: Final = "manager:session:"
# Apart, so that a request that is under way cannot bring back what signing out has deleted.
_SEEN: Final = "manager:seen:"
_SEEN_EVERY_S: Final = 60
# Which sessions there are: shared state cannot be searched.
_INDEX: Final = "manager:sessions"
_MOST_LISTED: Final = 500
# Nobody works in more browsers; with more, one person could push out all others' sessions.
_MOST_OF_ONE: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """
    A session as others may see it: `name` opens nothing. Times are Unix seconds.

    `user` is the id of the RBAC user, whom `who` names.
    """

    name: str
    who: str
    began: int
    user: str = ""
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class SessionList:
    """
    The sessions that there are, for whoever may end them.

    Only one process signs people in, so that a lock of its own is enough.
    """

    shared: Shared
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def note(self, listed: Listed, *, ttl_s: float) -> None:
        """
        List one more; the oldest of too many, of one user or of all, ends.

        What is not listed could be ended by nobody. Raises SharedUnavailable.
        """
        async with self._lock:
            known = [one for one in await self._read() if await self._is_there(one)]
            own = [one for one in known if one.user == listed.user]
            ends = own[: max(0, len(own) + 1 - _MOST_OF_ONE)]
            others = [one for one in known if one not in ends]
            ends += others[: max(0, len(others) + 1 - _MOST_LISTED)]
            for one in ends:
                await self.shared.delete(_KEY + one.name)
            rows = [
                [one.name, one.who, one.began, one.user]
                for one in [*known, listed]
                if one not in ends
            ]
            await self.shared.set(_INDEX, json.dumps(rows).encode(), ttl_s=ttl_s)

    async def _is_there(self, one: Listed) -> bool:
        if await self.shared.get(_KEY + one.name) is None:
            return False
        return await self.shared.get(_SEEN + one.name) is not None

    async def find_all(self) -> list[Listed]:
        """Those that have not ended, the newest first. Raises SharedUnavailable."""
        found = []
        for one in reversed(await self._read()):
            seen = await self.shared.get(_SEEN + one.name)
            if seen is not None and await self.shared.get(_KEY + one.name) is not None:
                found.append(replace(one, seen=int(seen)))
        return found

    async def end(self, name: str) -> bool:
        """End one; tell whether it was there. Raises SharedUnavailable."""
        if not _ID.fullmatch(name) or await self.shared.get(_KEY + name) is None:
            return False
        await self.shared.delete(_KEY + name)
        return True

    async def _read(self) -> list[Listed]:
        data = await self.shared.get(_INDEX)
        rows: list[Any] = [] if data is None else json.loads(data)  # Any: JSON
        return [
            Listed(name=name, who=who, began=began, user=user)
            for name, who, began, user in rows
        ]


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one Manager."""

    config: ManagerConfig
    people: People
    listed: SessionList

    async def begin(self, person: Person, hint: str = "") -> str:
        """
        A new session; the value of its cookie.

        Args:
            hint: What is wanted again when it ends, sealed.

        Raises:
            SharedUnavailable: It cannot be kept.
        """
        value = self.config.entropy.bytes(_ID_BYTES).hex()
        name = name_session(value)
        told: dict[str, Any] = {
            "user": person.id,
            "workspace": person.workspace,
            "mark": person.mark,
            "hint": hint,
            "began": int(self.config.clock.now()),
        }
        data = json.dumps(told).encode()
        await self._see(name)
        await self.config.shared.set(_KEY + name, data, ttl_s=self.config.absolute_s)
        await self.listed.note(
            Listed(name=name, who=person.name, began=told["began"], user=person.id),
            ttl_s=self.config.absolute_s,
        )
        return value

    async def find(self, value: str | None) -> Person | None:
        """
        Who has the session of a cookie, as they are now.

        Raises:
            SharedUnavailable: Nobody can say; that is not "nobody".
        """
        if value is None or not _ID.fullmatch(value):
            return None
        name = name_session(value)
        data = await self.config.shared.get(_KEY + name)
        seen = await self.config.shared.get(_SEEN + name)
        if data is None or seen is None:
            return None
        told = json.loads(data)
        now = self.config.clock.now()
        person = None
        if (
            now < told["began"] + self.config.absolute_s
            and now < float(seen) + self.config.idle_s
        ):
            person = await self.people.load(told["workspace"], told["user"])
        if person is None or not hmac.compare_digest(person.mark, told["mark"]):
            await self.end(value)
            return None
        # Not at every request: what is written is told to every process of the node.
        if now - float(seen) > min(_SEEN_EVERY_S, self.config.idle_s / 4):
            await self._see(name)
        return person

    async def end(self, value: str | None) -> str:
        """
        End the session of a cookie, if there is one; copies of the cookie are worth nothing then.

        What comes back is its hint.

        Raises:
            SharedUnavailable: It may still be there.
        """
        if value is None or not _ID.fullmatch(value):
            return ""
        data = await self.config.shared.get(_KEY + name_session(value))
        await self.config.shared.delete(_KEY + name_session(value))
        return "" if data is None else str(json.loads(data).get("hint", ""))

    async def _see(self, name: str) -> None:
        now = str(int(self.config.clock.now())).encode()
        await self.config.shared.set(_SEEN + name, now, ttl_s=self.config.idle_s)


def name_session(value: str) -> str:
    """What a session is kept under: its cookie's value cannot be told from it."""
    return hashlib.sha256(value.encode()).hexdigest()
