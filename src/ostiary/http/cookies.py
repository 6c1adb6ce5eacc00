"""
Cookies: read strictly, written exactly.

No quoting, no `$Version`, no unescaping: what browsers send is a plain list. Anything else
in the field is left out rather than guessed at (a parser difference is an attack).

Spec: RFC 6265bis §4, §5.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
MAX_COOKIES = 400
LONG_AGO = "Thu, 01 Jan 1970 00:00:01 GMT"

SameSite = Literal["Strict", "Lax", "None", "Default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieAttributes:
    """The attributes of one cookie. `max_age_s` None makes it last as long as the browser."""

    path: str = "/"
    domain: str | None = None
    same_site: SameSite = "Lax"
    secure: bool = True
    http_only: bool = True
    max_age_s: int | None = None


def is_cookie_name(name: str) -> bool:
    """Tell whether a text may name a cookie."""
    return _TOKEN.fullmatch(name) is not None


def parse_cookies(fields: Iterable[bytes]) -> tuple[tuple[str, str], ...]:
    """Every well-formed cookie of the Cookie fields, in order, duplicates kept."""
    found: list[tuple[str, str]] = []
    for value in fields:
        for pair in value.decode("latin-1").split(";", MAX_COOKIES):
            name, sign, content = pair.strip(" \t").partition("=")
            if sign and _TOKEN.fullmatch(name) and _VALUE.fullmatch(content):
                found.append((name, content))
    return tuple(found[:MAX_COOKIES])


# How the names of the node's own cookies begin, whatever plugins add: sites share a host's cookies
# with the proxy, on all ports, and what signs in there must reach no upstream.
OWN_PREFIXES: Final = ("ostiary-", "__Host-ostiary-")


def remove_cookies(
    field: bytes, *, names: Collection[str], prefixes: tuple[str, ...]
) -> bytes:
    """A Cookie field without the cookies named, or whose name starts with a prefix."""
    kept = []
    for pair in field.decode("latin-1").split(";"):
        name = pair.partition("=")[0].strip(" \t")
        if name and name not in names and not name.startswith(prefixes):
            kept.append(pair.strip(" \t"))
    return "; ".join(kept).encode("latin-1")


def _attributes(attributes: CookieAttributes) -> str:
    parts = []
    if attributes.domain and attributes.domain != "localhost":
        parts.append(f"Domain={attributes.domain}")
    parts.append(f"Path={attributes.path}")
    if attributes.same_site != "Default":
        parts.append(f"SameSite={attributes.same_site}")
    if attributes.secure or attributes.same_site == "None":
        parts.append("Secure")
    if attributes.http_only:
        parts.append("HttpOnly")
    return "; ".join(parts)


def build_set_cookie(name: str, value: str, attributes: CookieAttributes) -> bytes:
    """The value of a Set-Cookie field, attributes in the order Kong writes them."""
    text = f"{name}={value}; {_attributes(attributes)}"
    if attributes.max_age_s is not None:
        text += f"; Max-Age={attributes.max_age_s}"
    return text.encode("ascii")


def build_delete_cookie(name: str, attributes: CookieAttributes) -> bytes:
    """
    The value of a Set-Cookie field that removes the cookie.

    Path, Domain, Secure and SameSite are repeated: without them browsers keep
    `__Host-` cookies, and logging out would not.
    """
    return f"{name}=; {_attributes(attributes)}; Expires={LONG_AGO}; Max-Age=0".encode(
        "ascii"
    )
