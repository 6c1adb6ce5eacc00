"""
What the provider's rules know of a client, and which URIs a client may register.

Spec: RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import urlsplit

LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# A browser would run or render these in place instead of handing them to the client.
_UNSAFE_SCHEMES: Final = frozenset(
    {
        "javascript",
        "data",
        "vbscript",
        "file",
        "feed",
        "view-source",
        "intent",
        "filesystem",
        "blob",
        "about",
        "ws",
        "wss",
    }
)
# Nothing here can end a policy's source, or widen it as `*` would.
_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[([0-9A-Fa-f:.]+)\])(?::[0-9]+)?")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    A registered client. `flows` are the OAuth flows it may use.

    A confidential one has a secret, or two while it changes from one to the other.
    """

    id: str
    redirect_uris: tuple[str, ...] = ()
    default_redirect_uri: str | None = None
    logout_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    flows: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = field(default=(), repr=False)


def is_custom_scope(scope: str) -> bool:
    """Tell whether a scope is a resource server's: `<identifier>/<name>`."""
    return "/" in scope


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
    if "#" in uri or re.search(r"[^\x21-\x7e]", uri):
        return False
    if parts.scheme in {"http", "https"}:
        return _is_authority(parts.netloc) and bool(parts.hostname)
    # An app's scheme is followed by a slash; `javascript:` and its like need none.
    return _is_app_scheme(parts.scheme) and uri[len(parts.scheme) + 1 :].startswith("/")


def _is_authority(text: str) -> bool:
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return False
    try:
        return found[1] is None or bool(IPv6Address(found[1]).packed)
    except AddressValueError:
        return False


def _is_app_scheme(scheme: str) -> bool:
    return _SCHEME.fullmatch(scheme) is not None and scheme not in _UNSAFE_SCHEMES


def is_one_of(given: str, kept: tuple[str, ...]) -> bool:
    """Compare a secret with those kept, in constant time and with each of them."""
    hits = [hmac.compare_digest(given.encode(), one.encode()) for one in kept]
    return any(hits)


def origin_of(uri: str) -> str | None:
    """
    Scheme and authority of an http(s) URI, the scheme alone of others; for policies.

    None for what cannot be registered, which may be in a store from earlier: a policy never
    holds foreign text.
    """
    if not is_registrable_uri(uri):
        return None
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"}:
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"
