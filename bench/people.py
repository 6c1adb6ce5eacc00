"""
The people of a run: Cognito-like tokens, sealed sessions, and requests that carry them.

Tokens are signed for real (RS256, 2048 bits); refresh tokens have the length of Cognito's.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
import uuid
from dataclasses import dataclass, field

import redis
from bench.load import HOST
from bench.processes import CannotRun

from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey
from ostiary.sessions.cookie import build_chunks
from ostiary.sessions.keys import KeyRing, Sealer
from ostiary.sessions.session import Session, dump_session
from ostiary.sessions.ticket import build_ticket
from ostiary.signin.party import Party

PEOPLE = 1000
CLIENT_ID = "bench"
LIFETIME_S = 7200
OPAQUE = "opaque-"
REFRESH_BYTES = 1350
COOKIE_BYTES, COOKIE_CHUNKS = 4096, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What one person gets from a code flow."""

    subject: str
    access: str = field(repr=False)
    id: str = field(repr=False)
    refresh: str = field(repr=False)


def build_claims(issuer: str, number: int) -> dict[str, object]:
    """The claims that Cognito puts into both tokens of a person."""
    now = int(time.time())
    return {
        "sub": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{issuer}/{number}")),
        "cognito:groups": [f"team-{n}-{secrets.token_hex(8)}" for n in range(10)],
        "iss": issuer,
        "origin_jti": str(uuid.uuid4()),
        "event_id": str(uuid.uuid4()),
        "auth_time": now,
        "exp": now + LIFETIME_S,
        "iat": now,
        "jti": str(uuid.uuid4()),
    }


def sign_access(issuer: str, key: PrivateKey, number: int) -> str:
    """A new access token of a person: no two are equal."""
    return sign_jwt(
        {
            **build_claims(issuer, number),
            "client_id": CLIENT_ID,
            "token_use": "access",
            "version": 2,
            "scope": "openid profile email aws.cognito.signin.user.admin",
            "username": f"user-{number}",
        },
        key,
    )


def sign_tokens(
    issuer: str, key: PrivateKey, number: int, nonce: str | None = None
) -> Tokens:
    """The tokens of one sign-in of a person."""
    claims = build_claims(issuer, number)
    identity = {
        **claims,
        "aud": CLIENT_ID,
        "token_use": "id",
        "email": f"user-{number}@example.com",
        "email_verified": True,
        "cognito:username": f"user-{number}",
        "given_name": "Ada",
        "family_name": f"Lovelace {number}",
        **({"nonce": nonce} if nonce else {}),
    }
    return Tokens(
        subject=str(claims["sub"]),
        access=sign_access(issuer, key, number),
        id=sign_jwt(identity, key),
        refresh=secrets.token_urlsafe(REFRESH_BYTES),
    )


def seal_cookies(
    party: Party, ring: KeyRing, people: list[Tokens], scheme: str
) -> list[str]:
    """
    One Cookie value per person, sealed now, as the gateway seals it after a sign-in.

    Raises:
        CannotRun: They are smaller than the budget's definition asks for.
    """
    names = party.names(scheme)
    sealer = Sealer(ring, b"ostiary session")
    binding = party.binding(names.session)
    found = []
    for person in people:
        session = build_session(person)
        chunks = build_chunks(
            session, name=names.session, sealer=sealer, binding=binding,
            nonce=os.urandom(12),
        )  # fmt: skip
        size = sum(len(value) for _, value in chunks)
        if size < COOKIE_BYTES or len(chunks) < COOKIE_CHUNKS:
            raise CannotRun(
                f"a session's cookies have {size} bytes in {len(chunks)} chunks; "
                f"the budget is for {COOKIE_BYTES} bytes and {COOKIE_CHUNKS} chunks at least"
            )
        found.append("; ".join(f"{name}={value}" for name, value in chunks))
    return found


def store_sessions(
    party: Party, ring: KeyRing, people: list[Tokens], scheme: str, port: int
) -> list[str]:
    """One Cookie value per person whose session was put into a Redis now."""
    name = party.names(scheme).session
    sealer, records = (
        Sealer(ring, b"ostiary session"),
        Sealer(ring, b"ostiary session record"),
    )
    assert party.store is not None
    found = []
    with redis.Redis(port=port) as store, store.pipeline(transaction=False) as pipe:
        for person in people:
            session = build_session(person)
            record = records.seal(
                dump_session(session), binding=session.id.encode(), nonce=os.urandom(12)
            )
            digest = hashlib.sha256(session.id.encode()).hexdigest()
            pipe.set(party.store.key(name, digest), record, ex=LIFETIME_S)
            ticket = build_ticket(
                session,
                sealer=sealer,
                binding=party.binding(name),
                nonce=os.urandom(12),
            )
            found.append(f"{name}={ticket}")
        pipe.execute()
    return found


def build_session(person: Tokens) -> Session:
    """A person's session that starts now."""
    now = time.time()
    return Session(
        id=secrets.token_urlsafe(16), created_at=now, rolled_at=now, touched_at=now,
        subject=person.subject, method="authorization_code", client=0,
        access_token=person.access, id_token=person.id, refresh_token=person.refresh,
        expires_at=now + LIFETIME_S,
    )  # fmt: skip


def build_request(path: str, *fields: str, host: str = HOST) -> bytes:
    """A GET as it is sent."""
    lines = (f"GET {path} HTTP/1.1", f"Host: {host}", *fields, "", "")
    return "\r\n".join(lines).encode("latin-1")


def spoil(token: str) -> str:
    """The token with another signature of the same length."""
    head, _, signature = token.rpartition(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return f"{head}.{signature[:middle]}{other}{signature[middle + 1 :]}"
