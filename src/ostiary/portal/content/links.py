"""
Where links of a portal's files lead: relative ones and those with a slash are the portal's own.

Spec: portal §1.3 (every link of a theme is relative to the workspace's portal).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_GOOD: Final = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_PICTURE: Final = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,")
_BLANKS: Final = re.compile(r"[\x00-\x20\x7f]+")


def build_url(url: str, base: str) -> str:
    """
    A link as an `href`; what could run a script leads nowhere.

    Args:
        base: The path of the workspace's portal, without a slash at its end.
    """
    text = _BLANKS.sub("", url)
    if text.startswith("#"):
        return text
    if _SCHEME.match(text):
        return text if _GOOD.match(text) else "#"
    # Browsers take a backslash for a slash: `/\host` is another site.
    if text.startswith(("//", "\\", "/\\")):
        return "#"
    path = text.removeprefix("./").lstrip("/")
    own = base.strip("/")
    if text.startswith("/") and own and (path == own or path.startswith(f"{own}/")):
        return text
    return f"{base}/{path}" if path else base or "/"


def build_picture_url(url: str, base: str) -> str:
    """The same for a picture, which may be written into the page."""
    return url if _PICTURE.match(url) else build_url(url, base)


def build_route_url(route: str, base: str) -> str:
    """A route as an `href`: names of files may have blanks and letters of every language."""
    if route == "/":
        return base or "/"
    return base + quote(route, safe="/:@!$&'()*+,;=~")
