"""
Proof Key for Code Exchange, S256 only.

`plain` is never accepted: who sees the request could redeem the code.

Spec: RFC 7636 §4, RFC 9700 §2.1.1.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def is_challenge(text: str) -> bool:
    """Tell whether a text can be an S256 challenge."""
    return _CHALLENGE.fullmatch(text) is not None


def is_verified(*, verifier: str | None, challenge: str | None) -> bool:
    """
    Tell whether a verifier answers the challenge that its code was issued with.

    A verifier without a challenge fails: someone may have stripped the challenge from the
    authorization request (RFC 9700 §4.8.2, the downgrade attack).

    Spec: RFC 7636 §4.6.
    """
    if challenge is None:
        return verifier is None
    if verifier is None or _VERIFIER.fullmatch(verifier) is None:
        return False
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
    return hmac.compare_digest(made, challenge)
