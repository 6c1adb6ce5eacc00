"""
Proof Key for Code Exchange, S256 only.

Spec: RFC 7636 §4; RFC 9700 §2.1.1 (plain is not used).
"""

from __future__ import annotations

import hashlib
import hmac
import re

from ostiary.jose.encoding import encode_base64url

METHOD = "S256"
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


def build_challenge(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    return encode_base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def is_verifier(text: str) -> bool:
    """Tell whether a text has the form of a verifier."""
    return _VERIFIER.fullmatch(text) is not None


def is_answer(verifier: str, challenge: str) -> bool:
    """Tell, in constant time, whether a verifier answers a challenge."""
    return is_verifier(verifier) and hmac.compare_digest(
        build_challenge(verifier).encode(), challenge.encode()
    )
