"""
Hosts, origins and URLs as text.

Spec: RFC 3986 §3, RFC 6454 §4 (origin), RFC 9110 §7.2 (Host).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HOST = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?)(?::(?P<port>[0-9]{1,5}))?"
)
MAX_AUTHORITY = 255 + len(":65535")  # RFC 1035 §2.3.4
DEFAULT_PORTS = {"http": 80, "https": 443}


class MalformedUrl(Exception):
    """Not an absolute http or https URL, or not a host."""

    code = "malformed_url"


def split_host(authority: str) -> tuple[str, int | None]:
    """
    Host in lower case and port of a Host field.

    Raises:
        MalformedUrl: It is not `host` or `host:port`.
    """
    match = _HOST.fullmatch(authority) if len(authority) <= MAX_AUTHORITY else None
    if match is None:
        raise MalformedUrl("not host or host:port")
    port = int(match["port"]) if match["port"] else None
    if port is not None and port > 65535:
        raise MalformedUrl("the port is over 65535")
    # A name with and without its root dot is the same name: routes must not tell them apart.
    return match["name"].lower().removesuffix("."), port


def build_origin(scheme: str, host: str, port: int | None) -> str:
    """`scheme://host[:port]`, default ports left out."""
    if port is None or DEFAULT_PORTS.get(scheme) == port:
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


def origin_of(url: str) -> str:
    """
    The origin of an absolute URL.

    Raises:
        MalformedUrl: It has no http or https scheme, no host, or a bad port.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise MalformedUrl("not a URL") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise MalformedUrl("not an absolute http or https URL")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return build_origin(parts.scheme, host, port)


def is_http_url(url: str) -> bool:
    """
    Tell whether a text is an absolute http or https URL without user information.

    Nor may its host have an escape, such as a zone's (`[fe80::1%25eth0]`): it could hide an address
    that is forbidden.
    """
    try:
        parts = urlsplit(url)
        origin_of(url)
    except (MalformedUrl, ValueError):
        return False
    return not re.search("[@%]", parts.netloc) and not re.search(r"[^\x21-\x7e]", url)
