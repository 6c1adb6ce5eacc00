"""
Who is asked where nobody has the name and nobody may learn that: somebody invented.

What is invented is always the same for a name, as a user's is, and no answer to its questions
is right.

Spec: cognito §3.8, §3.11; WebAuthn Level 2 §14.6.2 (made-up credential ids).
"""

from __future__ import annotations

import base64
from uuid import UUID

from ostiary.jose.seal import mac
from ostiary.model.pool import User, UserStatus
from ostiary.userpool.auth.outcome import Request
from ostiary.userpool.auth.passkeys import Passkey

_SEED_BYTES = 32


def find_seed(request: Request, name: str, purpose: bytes) -> bytes:
    """32 bytes that a name has in this pool, which only we can find."""
    key = request.pool.settings.login_key(name)
    return mac(
        request.services.vault.code_key, purpose, request.pool.id.encode(), key.encode()
    )[:_SEED_BYTES]


def is_invented(username: str) -> bool:
    """Tell an invented username from a user's, none of which begins with a space."""
    return username.startswith(" ")


def invent_user(request: Request, name: str) -> User:
    """Whom a stranger's questions are about."""
    sub = str(UUID(bytes=find_seed(request, name, b"stranger")[:16], version=4))
    return User(
        pool_id=request.pool.id,
        username=f" {sub}",
        sub=sub,
        login_key=request.pool.settings.login_key(name),
        attributes={},
        status=UserStatus.CONFIRMED,
        password=None,
        created_at=0,
        modified_at=0,
    )


def invent_username(request: Request, name: str) -> str:
    """
    What a stranger is called in answers.

    A name that can be no username, because it is an address or a number, has one behind it.
    """
    settings = request.pool.settings
    key = settings.login_key(name)
    is_alias = bool(settings.AliasAttributes) and ("@" in key or key.startswith("+"))
    if settings.has_attribute_names or is_alias:
        return invent_user(request, name).sub
    return key


def invent_passkey(request: Request, name: str) -> Passkey:
    """A passkey to ask for. It is kept nowhere, so it proves nothing."""
    raw = find_seed(request, name, b"passkey")
    return Passkey(
        id=base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii"),
        public_key="",
        sign_count=0,
        relying_party="",
        name="",
        attachment=None,
        transports=(),
        created_at=0,
    )
