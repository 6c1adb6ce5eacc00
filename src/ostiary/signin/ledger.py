"""
Who is signed in at the routes of a worker, as far as requests have told: what operators look through.

Sessions lie in cookies, or in a store under names that say nothing. So what is listed is who has
come by since the worker began; everybody else is when they come again. No token is kept here.

Spec: decision D14 (an admin's end); decision 0050.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final

from ostiary.oidc.claims import read_text
from ostiary.sessions.session import (
    Session,
    SessionInvalid,
    Timeouts,
    check_session,
)
from ostiary.signin.claims import Identity
from ostiary.signin.party import Party

MAX_SEEN: Final = 4096
# A session that is used all the time is noted that often.
_NOTE_EVERY_S: Final = 10.0
_MAX_WHO: Final = 200
# What people are called in tokens, the most telling first; Cognito's own names among them.
_NAMES: Final = (
    "preferred_username", "email", "cognito:username", "username", "name",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSession:
    """
    A session that a request came with.

    `name` opens nothing; `plugin` is the row it is of; `who` is what a token calls its owner, or
    else the subject: people may choose what they are called, but not their subject. Times are Unix
    seconds; `ends_at` is None where only disuse ends it.
    """

    name: str
    plugin: str
    who: str
    seen_at: float
    session: Session = field(repr=False)
    party: Party = field(repr=False)
    marks: Collection[str] = field(repr=False)

    @property
    def subject(self) -> str:
        """Who its owner is to the provider, as far as it fits into a line."""
        return _clean(self.session.subject)

    @property
    def began_at(self) -> float:
        """When its owner signed in."""
        return self.session.created_at

    @property
    def lasting(self) -> Timeouts:
        """Its clocks: where people are remembered, those of that."""
        return self.party.remember_timeouts or self.party.timeouts

    @property
    def ends_at(self) -> float | None:
        """When it ends however much it is used."""
        limit = self.lasting.absolute_s
        return self.session.created_at + limit if limit else None


def name_session(session_id: str) -> str:
    """What a session is called where others read it."""
    return hashlib.sha256(b"ostiary seen\x00" + session_id.encode()).hexdigest()


def _clean(text: str) -> str:
    """What can be seen of a name, and not more of it than a line."""
    return "".join(c for c in text if c.isprintable()).strip()[:_MAX_WHO]


def _name_owner(identity: Identity, subject: str) -> str:
    """Empty where no token has a name for them."""
    for claims in (identity.id_claims, identity.access_claims):
        for name in _NAMES:
            if found := _clean(read_text(claims, name) or ""):
                return found
    client = read_text(identity.access_claims, "client_id")
    return _clean(subject) or _clean(client or "")


class Ledger:
    """
    The sessions that one worker has seen.

    Where there are too many, the plugin with the most of them loses what was not used for longest:
    nobody who signs in a thousand times at one makes another's disappear.
    """

    def __init__(self, limit: int = MAX_SEEN) -> None:
        self._limit = limit
        self._count = 0
        # By plugin and id, those used last at the end.
        self._rows: dict[str, OrderedDict[str, SeenSession]] = {}

    def note(
        self,
        party: Party,
        session: Session,
        identity: Identity,
        marks: Collection[str],
        *,
        now: float,
    ) -> None:
        """A request has come with a session."""
        idling_s = party.timeouts.idling_s
        every = min(_NOTE_EVERY_S, idling_s / 2) if idling_s else _NOTE_EVERY_S
        rows = self._rows.get(party.plugin)
        known = None if rows is None else rows.get(session.id)
        if known and known.party is party and now - known.seen_at < every:
            return
        bare = replace(session, access_token="", id_token=None, refresh_token=None)
        self.put(
            SeenSession(
                name=name_session(session.id),
                plugin=party.plugin,
                who=_name_owner(identity, session.subject),
                seen_at=now,
                session=bare,
                party=party,
                marks=marks,
            )
        )

    def put(self, row: SeenSession) -> None:
        """List a session as the one that was used last."""
        rows = self._rows.setdefault(row.plugin, OrderedDict())
        self._count += row.session.id not in rows
        rows[row.session.id] = row
        rows.move_to_end(row.session.id)
        if self._count > self._limit:
            longest = max(self._rows.values(), key=len)
            self._drop(next(iter(longest.values())))

    def _drop(self, row: SeenSession) -> None:
        rows = self._rows[row.plugin]
        del rows[row.session.id]
        self._count -= 1
        if not rows:
            del self._rows[row.plugin]

    def _every(self) -> list[SeenSession]:
        return [row for rows in self._rows.values() for row in rows.values()]

    def forget(self, mark: str) -> None:
        """An order to end was heard: of a session by its id, or of all that bear a mark."""
        named = [rows[mark] for rows in self._rows.values() if mark in rows]
        for row in named or [row for row in self._every() if mark in row.marks]:
            self._drop(row)

    def clear(self) -> None:
        """Orders may have been missed."""
        self._rows.clear()
        self._count = 0

    def find(self, name: str, plugins: Collection[str]) -> list[SeenSession]:
        """The sessions of a name at some plugins: several where those share their secret."""
        return [
            row for row in self._every() if row.name == name and row.plugin in plugins
        ]

    def list(self, plugins: Collection[str], *, now: float) -> list[SeenSession]:
        """Those of some plugins, the latest first; all that have run out are forgotten."""
        for row in self._every():
            try:
                check_session(row.session, row.lasting, now)
            except SessionInvalid:
                self._drop(row)
        found = (row for row in reversed(self._every()) if row.plugin in plugins)
        return sorted(found, key=lambda row: -row.seen_at)
