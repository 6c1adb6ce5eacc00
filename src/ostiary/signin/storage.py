"""
Where sessions lie: in the browser's cookies, or in a store with a ticket in one cookie.

Spec: oidc-plugin §10.3, §10.5, §10.8; decisions D6, D13; security tests T-K2, T-K4, T-K16, T-K17.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ostiary.http.cookies import (
    CookieAttributes,
    build_delete_cookie,
    build_set_cookie,
)
from ostiary.http.head import Field, find
from ostiary.jose.errors import BrokenSeal
from ostiary.ports.session_store import SessionStore
from ostiary.sessions.cookie import (
    build_chunks,
    chunk_names,
    find_candidates,
    open_session,
)
from ostiary.sessions.keys import Sealer
from ostiary.sessions.session import (
    Session,
    SessionInvalid,
    dump_session,
    load_session,
)
from ostiary.sessions.ticket import (
    apply_ticket,
    build_ticket,
    find_tickets,
    open_ticket,
    record_key,
)
from ostiary.signin.party import CookieNames, Party
from ostiary.signin.values import SigninRequest, Toolbox

Cookies = Sequence[tuple[str, str]]
Slot = Literal["session", "remember"]
_PURPOSES: dict[Slot, bytes] = {
    "session": b"ostiary session",
    "remember": b"ostiary remember",
}
RECORD = b"ostiary session record"
_QUARTER_S = 90 * 86400.0
FOREVER_S = 10 * 365 * 86400.0
_MARGIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A session that was found. `text` is the one sealed value that named it."""

    session: Session
    text: str | None = field(repr=False)


def bind(party: Party, request: SigninRequest, name: str) -> bytes:
    """
    What a session's cookie is bound to: the party, its name, and what `session_bind` lists.

    Each part has its length before it, so that no two lists of parts look the same (T-K5).
    """
    parts = [party.binding(name)]
    for what in sorted(party.config.session_bind or ()):
        match what:
            case "ip":
                value = request.client_ip.encode()
            case "scheme":
                value = request.scheme.encode()
            case _:
                value = find(request.fields, b"user-agent") or b""
        parts.append(len(value).to_bytes(4, "big") + what.encode() + b"=" + value)
    return b"\x00".join(parts)


def cookie_of(names: CookieNames, slot: Slot) -> tuple[str, CookieAttributes]:
    """The name of a slot's cookie, and how it is set."""
    if slot == "session":
        return names.session, names.session_attributes
    return names.remember, names.remember_attributes


def seconds_left(
    party: Party, session: Session, now: float, slot: Slot = "session"
) -> float:
    """For how long a session can be of use if nobody uses it: the shortest of its clocks."""
    timeouts = party.timeouts
    if slot == "remember" and party.remember_timeouts is not None:
        timeouts = party.remember_timeouts
    left = (
        timeouts.absolute_s and session.created_at + timeouts.absolute_s - now,
        timeouts.rolling_s,
        timeouts.idling_s,
    )
    return max(1.0, min((s for s in left if s), default=FOREVER_S) + _MARGIN_S)


def longest_use_s(party: Party) -> float:
    """
    For how long a session may be of use wherever it is read.

    Other parties with the same secret, or the same one after a change, have clocks of their own.
    """
    longest = [_QUARTER_S, party.timeouts.absolute_s or FOREVER_S]
    if party.remember_timeouts is not None:
        longest.append(party.remember_timeouts.absolute_s or FOREVER_S)
    return max(longest) + _MARGIN_S


class Storage:
    """Reads and writes the sessions of every party of a worker."""

    def __init__(
        self, tools: Toolbox, sealer: Callable[[Party, bytes], Sealer]
    ) -> None:
        self._tools = tools
        self._sealer = sealer

    async def read(
        self,
        request: SigninRequest,
        party: Party,
        cookies: Cookies,
        slot: Slot = "session",
    ) -> Read:
        """
        The session of a request, its clocks not yet judged.

        Raises:
            SessionInvalid: There is none.
            SharedUnavailable: The store cannot be asked.
        """
        name, _ = cookie_of(party.names(request.scheme), slot)
        sealer = self._sealer(party, _PURPOSES[slot])
        binding = bind(party, request, name)
        store = self._store(party)
        if store is None:
            candidates = find_candidates(cookies, name)
            session = open_session(candidates, sealer=sealer, binding=binding)
        else:
            candidates = find_tickets(cookies, name)
            ticket = open_ticket(candidates, sealer=sealer, binding=binding)
            sealed = await store.get(self._key(name, ticket.key))
            if sealed is None:
                raise SessionInvalid("session was not found in the store")
            session = apply_ticket(self._open(party, ticket.id, sealed), ticket)
        return Read(
            session=session, text=candidates[0] if len(candidates) == 1 else None
        )

    async def write(
        self,
        request: SigninRequest,
        party: Party,
        session: Session,
        present: Collection[str],
        *,
        tokens: bool = True,
        starts: bool = True,
        slot: Slot = "session",
    ) -> tuple[Field, ...]:
        """
        Set-Cookie for a session, and removal of cookies that it no longer needs.

        Args:
            tokens: Whether more than the clocks has changed.
            starts: Whether it is new, so that there need not be one already.

        Raises:
            SessionTooLarge: It does not fit into nine cookies.
            SessionInvalid: It should have been in the store and is not.
            SharedUnavailable: The store cannot be written.
        """
        name, attributes = cookie_of(party.names(request.scheme), slot)
        store = self._store(party)
        if store is not None:
            await self._store_record(
                party, store, name, session, slot, new=tokens, starts=starts
            )
        values = self._values(request, party, name, session, slot)
        needed = {n for n, _ in values}
        surplus = [n for n in chunk_names(name) if n in present and n not in needed]
        return (
            *((b"Set-Cookie", build_set_cookie(n, v, attributes)) for n, v in values),
            *((b"Set-Cookie", build_delete_cookie(n, attributes)) for n in surplus),
        )

    def _values(
        self,
        request: SigninRequest,
        party: Party,
        name: str,
        session: Session,
        slot: Slot,
    ) -> tuple[tuple[str, str], ...]:
        sealer = self._sealer(party, _PURPOSES[slot])
        binding = bind(party, request, name)
        nonce = self._tools.entropy.bytes(12)
        if party.store is None:
            return build_chunks(
                session, name=name, sealer=sealer, binding=binding, nonce=nonce
            )
        ticket = build_ticket(session, sealer=sealer, binding=binding, nonce=nonce)
        return ((name, ticket),)

    async def reread(self, party: Party, session: Session) -> Session | None:
        """
        What the store has now of a session; None where it lies in a cookie, or is gone.

        Raises:
            SessionInvalid: The record cannot be read.
            SharedUnavailable: The store cannot be asked.
        """
        store = self._store(party)
        if store is None:
            return None
        for names in (party.secure, party.plain):
            sealed = await store.get(self._key(names.session, record_key(session.id)))
            if sealed is not None:
                return self._open(party, session.id, sealed)
        return None

    async def forget(self, party: Party, session: Session) -> None:
        """
        Delete the record of a session that has ended, if it has one.

        Raises:
            SharedUnavailable: The store cannot be written.
        """
        store = self._store(party)
        if store is None:
            return
        digest = record_key(session.id)
        for names in (party.secure, party.plain):
            await store.delete(self._key(names.session, digest))
            if party.remember_timeouts is not None:
                await store.delete(self._key(names.remember, digest))
        if party.config.session_store_metadata:
            for names in (party.secure, party.plain):
                await store.unindex(self._index(party, names.session, session), digest)

    async def _store_record(
        self,
        party: Party,
        store: SessionStore,
        name: str,
        session: Session,
        slot: Slot,
        *,
        new: bool,
        starts: bool,
    ) -> None:
        ttl = seconds_left(party, session, self._tools.clock.now(), slot)
        digest = record_key(session.id)
        key = self._key(name, digest)
        if not new:
            is_there = await store.keep(key, ttl_s=ttl)
        else:
            sealed = self._sealer(party, RECORD).seal(
                dump_session(session),
                binding=session.id.encode(),
                nonce=self._tools.entropy.bytes(12),
            )
            if starts:
                await store.set(key, sealed, ttl_s=ttl)
                is_there = True
            else:
                is_there = await store.overwrite(key, sealed, ttl_s=ttl)
        # What another node has ended, by deleting its record, must not come back.
        if not is_there:
            raise SessionInvalid("session was not found in the store")
        if (
            slot == "session"
            and party.config.session_store_metadata
            and session.subject
        ):
            await store.index(self._index(party, name, session), digest, ttl_s=ttl)

    def _open(self, party: Party, session_id: str, sealed: bytes) -> Session:
        try:
            data = self._sealer(party, RECORD).open(sealed, binding=session_id.encode())
        except BrokenSeal as error:
            raise SessionInvalid("invalid session payload") from error
        return load_session(data)

    @staticmethod
    def _key(name: str, digest: str) -> str:
        return f"{name}:{digest}"

    @staticmethod
    def _index(party: Party, name: str, session: Session) -> str:
        """The list of a person's sessions (Kong's `session_store_metadata`)."""
        subject = session.subject
        if party.config.session_hash_subject:
            subject = hashlib.sha256(subject.encode()).hexdigest()
        return f"{name}:{party.config.session_audience}:{subject}"

    def _store(self, party: Party) -> SessionStore | None:
        if party.store is None:
            return None
        assert self._tools.stores is not None
        return self._tools.stores.open(party.store)
