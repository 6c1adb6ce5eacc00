"""
What is kept of an RBAC user's token: a hash that costs time to guess, and a hint to find it by.

Spec: gateway §1.16; decision D17 (tokens are hashed).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

_COST: Final = 14  # of two: 16 MB and some 50 ms
_BLOCKS: Final = 8
_SALT_BYTES: Final = 16
_HINT_CHARS: Final = 5
_HEAD: Final = f"$scrypt$ln={_COST},r={_BLOCKS},p=1$"


def build_hint(token: str) -> str:
    """Five hex digits that tell most tokens apart (Kong's `user_token_ident`)."""
    return hashlib.sha256(token.encode()).hexdigest()[:_HINT_CHARS]


def hash_token(token: str, salt: bytes) -> str:
    """The hash of a token; slow on purpose. `salt` are 16 random bytes."""
    made = hashlib.scrypt(
        token.encode(), salt=salt, n=1 << _COST, r=_BLOCKS, p=1, maxmem=1 << 26
    )
    parts = (base64.b64encode(part).decode().rstrip("=") for part in (salt, made))
    return _HEAD + "$".join(parts)


def check_token(token: str, kept: str) -> bool:
    """Whether a token is the one that `hash_token` kept."""
    salt, _, _ = kept.removeprefix(_HEAD).partition("$")
    if not kept.startswith(_HEAD):
        return False
    try:
        raw = base64.b64decode(salt + "=" * (-len(salt) % 4), validate=True)
    except ValueError:
        return False
    if len(raw) != _SALT_BYTES:
        return False
    return hmac.compare_digest(hash_token(token, raw).encode(), kept.encode())
