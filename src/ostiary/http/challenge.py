"""
Authorization and WWW-Authenticate.

Spec: RFC 9110 §11, RFC 6750 §2.1 and §3, RFC 7617.
"""

from __future__ import annotations

import re
from base64 import b64decode

_QUOTABLE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
_MAX_PAIR = 1024
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


def parse_basic(field: bytes | None) -> tuple[str, str] | None:
    """
    The user and password of `Authorization: Basic`, or None when there is none in that form.

    The pair may stand there unencoded, as Kong accepts it.
    """
    if field is None:
        return None
    scheme, _, value = field.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        raw = b64decode(value.strip(), validate=True)
    except ValueError:
        raw = value.strip()
    name, colon, secret = raw.partition(b":")
    if not colon or not name or not secret or len(raw) > _MAX_PAIR:
        return None
    try:
        return name.decode("utf-8"), secret.decode("utf-8")
    except UnicodeDecodeError:
        return None


def build_bearer_challenge(realm: str, *, error: str | None = None) -> bytes:
    """The value of WWW-Authenticate for a missing or refused token."""
    safe = realm if _QUOTABLE.fullmatch(realm) else "ostiary"
    text = f'Bearer realm="{safe}"'
    if error is not None:
        text += f', error="{error}"'
    return text.encode("ascii")
