"""
Authorization and WWW-Authenticate.

Spec: RFC 9110 §11, RFC 6750 §2.1 and §3, RFC 7617.
"""

from __future__ import annotations

import re

_QUOTABLE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
_B64TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")


def parse_bearer(field: bytes | None) -> str | None:
    """The token of `Authorization: Bearer`, or None when there is none in that form."""
    if field is None:
        return None
    scheme, _, token = field.strip().partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not _B64TOKEN.fullmatch(token):
        return None
    return token.decode("ascii")


def build_bearer_challenge(realm: str, *, error: str | None = None) -> bytes:
    """The value of WWW-Authenticate for a missing or refused token."""
    safe = realm if _QUOTABLE.fullmatch(realm) else "ostiary"
    text = f'Bearer realm="{safe}"'
    if error is not None:
        text += f', error="{error}"'
    return text.encode("ascii")
