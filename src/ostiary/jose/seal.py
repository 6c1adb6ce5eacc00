"""
Sealing: AES-256-GCM with derived keys, for cookies, state and secrets at rest.

The additional data names the purpose, so that one sealed value can never stand in for
another. Nonces are given by the caller (96 random bits).

Spec: NIST SP 800-38D, RFC 5869.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ostiary.jose.errors import BrokenSeal

NONCE_BYTES = 12
TAG_BYTES = 16


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> AESGCM:
    # A start opens a hundred thousand seals with one key.
    return AESGCM(key)


def derive_key(secret: bytes, info: bytes) -> bytes:
    """32 bytes for one purpose, from a secret that serves many."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


def mac(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256 over length-prefixed parts: no two lists of parts look alike."""
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.new(key, message, hashlib.sha256).digest()


def seal(key: bytes, plaintext: bytes, *, aad: bytes, nonce: bytes) -> bytes:
    """Nonce, ciphertext and tag. `key` has 32 bytes, `nonce` 12 that were never used before."""
    assert len(nonce) == NONCE_BYTES
    return nonce + _cipher(key).encrypt(nonce, plaintext, aad)


def unseal(key: bytes, sealed: bytes, *, aad: bytes) -> bytes:
    """
    What was sealed, if key and purpose are the same and no bit has changed.

    Raises:
        BrokenSeal: They are not, or it has.
    """
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise BrokenSeal("too short to be sealed")
    try:
        return _cipher(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except InvalidTag as error:
        raise BrokenSeal("the seal is broken") from error
