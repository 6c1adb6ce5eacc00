"""
Who is asked where nobody has the name and nobody may learn that: somebody invented.

One stranger stands behind a name, always the same, and as a user is found by name and `sub`, so
is the stranger by the `sub` that was answered: everything about them is made of it, and it
carries what the name's address looks like. No answer to their questions is right.

Spec: cognito §3.8, §3.11.
"""

from __future__ import annotations

import re
from typing import Final

from ostiary.jose.seal import mac
from ostiary.model.pool import Pool, User, UserStatus
from ostiary.userpool.identifiers import build_sub
from ostiary.userpool.services import Services

_SUB: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-70[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII
)
_HEAD_BYTES: Final = 12
_EMAIL: Final = 1
_PHONE: Final = 2


def find_seed(services: Services, pool: Pool, what: str, purpose: bytes) -> bytes:
    """32 bytes that a text has in this pool, which only we can find."""
    return mac(services.vault.code_key, purpose, pool.id.encode(), what.encode())


def find_stranger(services: Services, pool: Pool, name: str) -> str:
    """The `sub` of the stranger behind a name. One that is typed is itself."""
    if _SUB.fullmatch(name):
        return name
    key = pool.settings.login_key(name)
    head = find_seed(services, pool, key, b"stranger")[:_HEAD_BYTES]
    looks = _xor(_read_looks(key), _pad(services, pool, head))
    return build_sub(head + looks)


def _read_looks(key: str) -> bytes:
    """The kind of a name, and what a mask shows of it."""
    local, at, domain = key.partition("@")
    letters = (local[:1] + domain[:1]).encode()
    if at and len(letters) == 2:
        return bytes([_EMAIL]) + letters
    if key.startswith("+") and key[-4:].isdecimal():
        return bytes([_PHONE]) + int(key[-4:]).to_bytes(2, "big")
    return bytes(3)


def _pad(services: Services, pool: Pool, head: bytes) -> bytes:
    return find_seed(services, pool, head.hex(), b"looks")[:3]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def invent_address(services: Services, pool: Pool, name: str) -> str:
    """An address of which a mask shows what it would show of the stranger's."""
    head, looks = _open(services, pool, name)
    if looks[0] != _EMAIL:
        looks = b"\0" + find_seed(services, pool, head.hex(), b"address")[:2]
    local, domain = map(_letter, looks[1:])
    return f"{local}@{domain}"


def invent_number(services: Services, pool: Pool, name: str) -> str:
    """As `invent_address`, a phone number."""
    head, looks = _open(services, pool, name)
    if looks[0] != _PHONE:
        looks = b"\0" + find_seed(services, pool, head.hex(), b"number")[:2]
    return f"+{int.from_bytes(looks[1:], 'big') % 10_000:04d}"


def _open(services: Services, pool: Pool, name: str) -> tuple[bytes, bytes]:
    digits = find_stranger(services, pool, name).replace("-", "")
    raw = bytes.fromhex(digits[:12] + digits[14:])  # without the 70
    head, looks = raw[:_HEAD_BYTES], raw[_HEAD_BYTES:]
    return head, _xor(looks, _pad(services, pool, head))


def _letter(byte: int) -> str:
    """A letter that an address can begin with."""
    char = chr(byte)
    return char if char.isascii() and char.isalnum() else chr(ord("a") + byte % 26)


def is_invented(username: str) -> bool:
    """Tell an invented username from a user's, none of which begins with a space."""
    return username.startswith(" ")


def invent_user(services: Services, pool: Pool, name: str) -> User:
    """Whom a stranger's questions are about. No store knows them."""
    sub = find_stranger(services, pool, name)
    return User(
        pool_id=pool.id,
        username=f" {sub}",
        sub=sub,
        login_key=sub,
        attributes={},
        status=UserStatus.CONFIRMED,
        password=None,
        created_at=0,
        modified_at=0,
    )


def invent_username(services: Services, pool: Pool, name: str) -> str:
    """
    What a stranger is called in answers.

    A name that can be no username, because it is an address or a number, has one behind it.
    """
    settings = pool.settings
    key = settings.login_key(name)
    is_alias = bool(settings.AliasAttributes) and ("@" in key or key.startswith("+"))
    if settings.has_attribute_names or is_alias:
        return find_stranger(services, pool, name)
    return key
