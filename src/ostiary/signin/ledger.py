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
from ostiary.sessions.session import Session, SessionInvalid, check_session
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
    else the subject. Times are Unix seconds; `ends_at` is None where only disuse ends it.
    """

    name: str
    plugin: str
    who: str
    seen_at: float
    session: Session = field(repr=False)
    party: Party = field(repr=False)
    marks: Collection[str] = field(repr=False)

    @property
    def began_at(self) -> float:
        """When its owner signed in."""
        return self.session.created_at

    @property
    def ends_at(self) -> float | None:
        """When it ends however much it is used."""
        limit = self.party.timeouts.absolute_s
        return self.session.created_at + limit if limit else None


def name_session(session_id: str) -> str:
    """What a session is called where others read it."""
    return hashlib.sha256(b"ostiary seen\x00" + session_id.encode()).hexdigest()


def _name_owner(identity: Identity, subject: str) -> str:
    for claims in (identity.id_claims, identity.access_claims):
        for name in _NAMES:
            found = read_text(claims, name)
            if found:
                return found[:_MAX_WHO]
    return subject[:_MAX_WHO]


class Ledger:
    """The sessions that one worker has seen; those that were not used for longest are forgotten."""

    def __init__(self, limit: int = MAX_SEEN) -> None:
        self._limit = limit
        self._rows: OrderedDict[str, SeenSession] = OrderedDict()

    def note(
        self,
        party: Party,
        session: Session,
        identity: Identity,
        marks: Collection[str],
        *,
        now: float,
    ) -> None:
        """A request has come with a session, or has begun it."""
        known = self._rows.get(session.id)
        if known is not None and now - known.seen_at < _NOTE_EVERY_S:
            return
        bare = replace(session, access_token="", id_token=None, refresh_token=None)
        self._rows[session.id] = SeenSession(
            name=name_session(session.id),
            plugin=party.plugin,
            who=_name_owner(identity, session.subject),
            seen_at=now,
            session=bare,
            party=party,
            marks=marks,
        )
        self._rows.move_to_end(session.id)
        if len(self._rows) > self._limit:
            self._rows.popitem(last=False)

    def forget(self, mark: str) -> None:
        """An order to end was heard: of a session by its id, or of all that bear a mark."""
        if self._rows.pop(mark, None) is not None:
            return
        gone = [key for key, row in self._rows.items() if mark in row.marks]
        for key in gone:
            del self._rows[key]

    def clear(self) -> None:
        """Orders may have been missed."""
        self._rows.clear()

    def find(self, name: str) -> SeenSession | None:
        """The session of a name."""
        rows = self._rows.values()
        return next((row for row in rows if row.name == name), None)

    def list(self, *, now: float) -> list[SeenSession]:
        """Those that have not run out, the latest first; the others are forgotten."""
        for key, row in tuple(self._rows.items()):
            try:
                check_session(row.session, row.party.timeouts, now)
            except SessionInvalid:
                del self._rows[key]
        return [*reversed(self._rows.values())]
