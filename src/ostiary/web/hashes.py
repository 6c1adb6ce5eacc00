"""
Passwords as they are kept: argon2id hashes, and checks that take as long when there is none.

What a hash costs is kept in it, so that passwords hashed at another cost stay good. Tens of
milliseconds each: whoever asks does so off the event loop.

Spec: RFC 9106 §4 (argon2id), OWASP Password Storage (46 MiB, one pass, one lane).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from argon2.exceptions import VerificationError
from argon2.low_level import Type, hash_secret, verify_secret

SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HashCost:
    """What one argon2id hash takes, on one lane. No setting: less than this is for tests."""

    memory_kib: int = 46 * 1024
    time_cost: int = 1


def hash_password(password: str, salt: bytes, cost: HashCost) -> str:
    """What is kept of a password; slow on purpose. `salt` are 16 random bytes."""
    return hash_secret(
        password.encode(),
        salt,
        time_cost=cost.time_cost,
        memory_cost=cost.memory_kib,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    ).decode("ascii")


def is_right(password: str, kept: str | None, *, cost: HashCost) -> bool:
    """
    Tell whether a password is the one that is kept. As slow where none is.

    The dummy hash keeps the time of an answer from telling whether somebody exists.

    Args:
        cost: What passwords are hashed at, and so what the dummy costs.
    """
    # Made whether it is needed or not: the first stranger is no slower than anybody.
    dummy = _dummy_hash(cost)
    known = dummy if kept is None else kept
    try:
        # Half a pair of surrogates, which JSON can hold, is a wrong password and no error.
        given = password.encode("utf-8", "surrogatepass")
        verify_secret(known.encode("ascii"), given, Type.ID)
    except VerificationError:
        return False
    return kept is not None


@cache
def _dummy_hash(cost: HashCost) -> str:
    return hash_password("nobody has this password", b"\x00" * SALT_BYTES, cost)
