"""Identifiers in Cognito's shapes, made of given random bytes."""

from __future__ import annotations

import base64
import hashlib
import string
from typing import Final
from uuid import UUID

from ostiary.ports.clock import Entropy

_LOWER: Final = string.ascii_lowercase + string.digits
_MIXED: Final = string.ascii_letters + string.digits


def _from_alphabet(entropy: Entropy, alphabet: str, length: int) -> str:
    # 16 bytes more than needed: the remainder's bias is far below anything measurable.
    number = int.from_bytes(entropy.bytes(length + 16), "big")
    characters = []
    for _ in range(length):
        number, index = divmod(number, len(alphabet))
        characters.append(alphabet[index])
    return "".join(characters)


def new_pool_id(entropy: Entropy, region: str) -> str:
    """Region, underscore, nine letters or digits."""
    return f"{region}_{_from_alphabet(entropy, _MIXED, 9)}"


def new_client_id(entropy: Entropy) -> str:
    """26 lower case letters or digits."""
    return _from_alphabet(entropy, _LOWER, 26)


def new_client_secret(entropy: Entropy) -> str:
    """52 lower case letters or digits."""
    return _from_alphabet(entropy, _LOWER, 52)


def new_kid(entropy: Entropy) -> str:
    """Standard base64 of 32 bytes: 44 characters, which may hold `+` and `/`."""
    return base64.b64encode(entropy.bytes(32)).decode("ascii")


def new_uuid(entropy: Entropy) -> str:
    """A random (version 4) UUID."""
    return str(UUID(bytes=entropy.bytes(16), version=4))


def new_sub(entropy: Entropy) -> str:
    """A user's id: a UUID whose third group starts with 70, as Cognito's newer ones."""
    return build_sub(entropy.bytes(15))


def build_sub(raw: bytes) -> str:
    """The `sub` of 15 bytes."""
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-70{text[12:14]}-{text[14:18]}-{text[18:30]}"


def new_code(entropy: Entropy, digits: int = 6) -> str:
    """Digits to be typed from a mail or a short message."""
    return f"{int.from_bytes(entropy.bytes(16), 'big') % 10**digits:0{digits}d}"


def new_device_key(entropy: Entropy, region: str) -> str:
    """Region, underscore, a UUID."""
    return f"{region}_{new_uuid(entropy)}"


def new_device_group_key(entropy: Entropy) -> str:
    """A dash and eight letters or digits."""
    return f"-{_from_alphabet(entropy, _MIXED, 8)}"


def new_password(entropy: Entropy, length: int) -> str:
    """A temporary password: letters of both cases, digits and a symbol, in no fixed place."""
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "!#$%&*+-")
    chosen = [_from_alphabet(entropy, kind, 1) for kind in kinds]
    chosen += _from_alphabet(entropy, _MIXED, max(length, 10) - len(chosen))
    number = int.from_bytes(entropy.bytes(length + 32), "big")
    for last in range(len(chosen) - 1, 0, -1):
        number, index = divmod(number, last + 1)
        chosen[last], chosen[index] = chosen[index], chosen[last]
    return "".join(chosen)


def new_job_id(entropy: Entropy) -> str:
    """`import-` and ten letters or digits."""
    return f"import-{_from_alphabet(entropy, _MIXED, 10)}"


def new_token(entropy: Entropy) -> str:
    """An opaque secret of 384 bits."""
    return base64.urlsafe_b64encode(entropy.bytes(48)).decode("ascii")


def hash_token(token: str) -> str:
    """How a secret with full entropy is kept: its SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()
