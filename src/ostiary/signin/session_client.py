"""
Which of the configured clients a session belongs to, wherever that stands by now. Pure.

Spec: decision D13.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from ostiary.jose.encoding import encode_base64url
from ostiary.sessions.session import Session, SessionInvalid
from ostiary.signin.party import Party


def hash_client(client_id: str) -> str:
    """What a session holds of its client's name."""
    return encode_base64url(hashlib.sha256(client_id.encode()).digest()[:12])


def find_client(party: Party, session: Session) -> Session:
    """
    The session at its client's present place: the order of `client_id` may have changed (D13).

    Raises:
        SessionInvalid: That client is not configured any more.
    """
    hashes = [hash_client(client.client_id) for client in party.clients]
    at, known = session.client, session.client_hash
    here = hashes[at] if 0 <= at < len(hashes) else None
    if not hashes or (here is not None and here == known):
        return session
    if known is None and here is not None:  # it is older than the hash
        return replace(session, client_hash=here)
    if known not in hashes:
        raise SessionInvalid("the session's client is not configured any more")
    return replace(session, client=hashes.index(known))
