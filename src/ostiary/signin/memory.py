"""
Answers from memory: what a worker knows of a request before it asks anybody.

Two kinds need no I/O: a session seen before that needs no writing, and a token seen before. What
a header field's value leads to is remembered too, so that neither is parsed again.

Spec: decision D14; security tests T-J10, T-K10.
"""

from __future__ import annotations

from ostiary.http.challenge import parse_bearer
from ostiary.http.cookies import parse_cookies
from ostiary.http.head import find_all
from ostiary.sessions.cookie import find_candidates
from ostiary.sessions.ticket import find_tickets
from ostiary.signin.arguments import Arguments, read_query
from ostiary.signin.credentials import NOTHING, Hidden, find_token, hide, reads_body
from ostiary.signin.issuer import Issuers
from ostiary.signin.live import Live, LiveToken, digest
from ostiary.signin.party import Party
from ostiary.signin.values import Allowed, SigninRequest

MAX_READERS = 64
_SEVERAL = b"several"  # a key that no session has


class Memory:
    """What requests lead to that came before, for every party of a worker."""

    def __init__(self, live: Live, issuers: Issuers) -> None:
        self._live = live
        self._issuers = issuers

    def answer(
        self, request: SigninRequest, party: Party, *, now: float
    ) -> Allowed | None:
        """The answer for a request whose credential was found good before, else None."""
        if "session" in party.methods:
            if party.is_bound:
                return None  # whom a session is bound to is looked at every time
            cookies = find_all(request.fields, b"cookie")
            if cookies:
                name = party.names(request.scheme).session
                key = self._session_key(party, name, cookies)
                if key:
                    return self._of_session(request, party, key, now)
            if party.remember_timeouts is not None:
                return None  # a persistent session may be there
        return self._of_token(request, party, now)

    def _of_session(
        self, request: SigninRequest, party: Party, key: bytes, now: float
    ) -> Allowed | None:
        entry = self._live.sessions.get(key)
        if (
            entry is None
            or now >= entry.quiet_until
            or entry.consumers is not request.consumers
        ):
            return None
        if request.target.query is None:
            return entry.answer
        return hide(entry.answer, request, party, NOTHING)

    def _of_token(
        self, request: SigninRequest, party: Party, now: float
    ) -> Allowed | None:
        if reads_body(request, party):
            return None
        key, hidden = self._token_key(request, party)
        known = self._live.tokens.get(key) if key else None
        if (
            known is None
            or known.consumers is not request.consumers
            or not self._is_fresh(party, known, now)
        ):
            return None
        if hidden is NOTHING and request.target.query is None:
            return known.answer
        return hide(known.answer, request, party, hidden)

    def _session_key(
        self, party: Party, name: str, cookies: tuple[bytes, ...]
    ) -> bytes:
        """The key of the session a request carries; empty for none, unknown for several."""
        found = self._live.keys.get(cookies[0]) if len(cookies) == 1 else None
        key = None if found is None else found.get((party.fingerprint, name))
        if key is None:
            look_up = find_candidates if party.store is None else find_tickets
            candidates = look_up(parse_cookies(cookies), name)
            key = digest(party.fingerprint, candidates[0]) if candidates else b""
            if len(candidates) > 1:
                key = _SEVERAL
            if len(cookies) == 1:
                self._keep_key(cookies[0], party, name, key)
        return key

    def _token_key(self, request: SigninRequest, party: Party) -> tuple[bytes, Hidden]:
        """The key of the token a request carries, empty for none, and where else it was."""
        values = find_all(request.fields, b"authorization")
        value = values[0] if len(values) == 1 else b""
        known = self._live.keys.get(value) if value else None
        key = None if known is None else known.get((party.fingerprint, "bearer"))
        if key is not None:
            return key, NOTHING
        found = find_token(request, party, Arguments(query=read_query(request)))
        if found is None:
            return b"", NOTHING
        key = digest(party.fingerprint, found.value)
        if value and found.hidden is NOTHING and parse_bearer(value) == found.value:
            self._keep_key(value, party, "bearer", key)
        return key, found.hidden

    def _keep_key(self, value: bytes, party: Party, what: str, key: bytes) -> None:
        known = self._live.keys.get(value)
        if known is None:
            self._live.keys.put(value, {(party.fingerprint, what): key}, len(value))
        elif len(known) < MAX_READERS:
            known[party.fingerprint, what] = key

    def _is_fresh(self, party: Party, known: LiveToken, now: float) -> bool:
        ends = known.ends
        if now >= known.fresh_until or (
            ends is not None and now >= ends + party.config.leeway
        ):
            return False
        if known.key_thumbprint is None:
            return True
        provider = self._issuers.peek(party)
        return provider is not None and (
            provider is known.provider
            or any(k.thumbprint == known.key_thumbprint for k in provider.keys.keys)
        )
