"""
What the provider's rules know of a client, and which URIs a client may register.

Spec: RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# A browser would run or render these in place instead of handing them to the client.
_UNSAFE_SCHEMES: Final = frozenset(
    {"javascript", "data", "vbscript", "file", "blob", "about", "ws", "wss"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered client. `flows` are the OAuth flows it may use."""

    id: str
    redirect_uris: tuple[str, ...] = ()
    default_redirect_uri: str | None = None
    logout_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    flows: frozenset[str] = frozenset()
    secret: str | None = field(default=None, repr=False)


def is_http_on_a_foreign_host(uri: str) -> bool:
    """Tell whether a URI sends its answer in the clear over a network."""
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS


def is_registrable_uri(uri: str) -> bool:
    """Tell whether a client may register this URI for redirects: absolute, no fragment."""
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return False
    if not parts.scheme or parts.scheme in _UNSAFE_SCHEMES or "#" in uri:
        return False
    if any(c.isspace() or ord(c) < 0x20 for c in uri):
        return False
    if parts.scheme in {"http", "https"}:
        return bool(parts.hostname) and "@" not in parts.netloc
    return True


def is_same_secret(given: str, kept: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(given.encode(), kept.encode())


def origin_of(uri: str) -> str | None:
    """Scheme and authority of an http(s) URI, the scheme alone of others; for policies."""
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"}:
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:" if parts.scheme else None
