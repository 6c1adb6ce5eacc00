"""
The cookie of a session that lies in a store: a sealed ticket with the session's name and clocks.

The record in the store has everything else. The clocks are in the ticket, so that using a session
writes nothing; the tokens are in the record, so that refreshing them changes no cookie.

Spec: oidc-plugin §10.5; security tests T-K8, T-K16.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ostiary.jose.encoding import decode_base64url, encode_base64url
from ostiary.jose.errors import BrokenSeal, JoseError
from ostiary.sessions.cookie import MAX_CANDIDATES
from ostiary.sessions.keys import Sealer
from ostiary.sessions.session import Session, SessionInvalid

MARK = "t"
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What the cookie says. `id` is 256 bits of chance; times are Unix seconds."""

    id: str
    rolled_at: float
    touched_at: float

    @property
    def key(self) -> str:
        """The name of the record: who can read the store learns no id from it (T-K16)."""
        return record_key(self.id)


def record_key(session_id: str) -> str:
    """The name of a session's record in a store."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def build_ticket(
    session: Session, *, sealer: Sealer, binding: bytes, nonce: bytes
) -> str:
    """The cookie's value for a session."""
    row = [_VERSION, session.id, round(session.rolled_at), round(session.touched_at)]
    data = json.dumps(row, separators=(",", ":")).encode()
    return MARK + encode_base64url(sealer.seal(data, binding=binding, nonce=nonce))


def find_tickets(cookies: Iterable[tuple[str, str]], name: str) -> tuple[str, ...]:
    """The different tickets that a request carries under a name."""
    found = (value for key, value in cookies if key == name and value[:1] == MARK)
    return tuple(dict.fromkeys(found))


def open_ticket(
    candidates: tuple[str, ...], *, sealer: Sealer, binding: bytes
) -> Ticket:
    """
    The one ticket among the candidates that was sealed here, for this binding.

    Raises:
        SessionInvalid: None is, or more than one.
    """
    opened = []
    for text in candidates[:MAX_CANDIDATES]:
        try:
            data = sealer.open(decode_base64url(text[1:]), binding=binding)
            version, session_id, rolled_at, touched_at = json.loads(data)
        except (BrokenSeal, JoseError, ValueError, TypeError):
            continue
        if version == _VERSION:
            opened.append(
                Ticket(id=session_id, rolled_at=rolled_at, touched_at=touched_at)
            )
    if len(opened) != 1:
        reason = (
            "several sessions"
            if opened
            else "invalid session message authentication code"
        )
        raise SessionInvalid(reason if candidates else "missing session cookie")
    return opened[0]


def apply_ticket(record: Session, ticket: Ticket) -> Session:
    """
    The session of a record, with the clocks of the ticket.

    Raises:
        SessionInvalid: The record is of another session.
    """
    if record.id != ticket.id:
        raise SessionInvalid("invalid session payload")
    return replace(record, rolled_at=ticket.rolled_at, touched_at=ticket.touched_at)
