"""
Where a person may be sent within a portal. Everything that ends in a Location goes through here.

Spec: security T-R1, T-R3, T-R6.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from ostiary.http.path import AmbiguousTarget, parse_target

NEXT_COOKIE: Final = "portal_next"
NEXT_FOR_S: Final = 300
_MAX_CHARS: Final = 2000
_BAD: Final = re.compile(r"[\\\x00-\x20\x7f]|%5c|%2f|%0|%1", re.IGNORECASE)


def base_of(workspace: str) -> str:
    """The path that a workspace's pages begin with, without a slash at its end."""
    return f"/{quote(workspace, safe='')}"


def read_next(text: str | None, workspace: str) -> str | None:
    """A path of this portal's own pages; None for everything else."""
    if not text or len(text) > _MAX_CHARS or _BAD.search(text) or "//" in text:
        return None
    try:
        target = parse_target(text.encode("ascii"))
    except (AmbiguousTarget, UnicodeEncodeError):
        return None
    base = base_of(workspace)
    is_ours = target.path == base or target.path.startswith(f"{base}/")
    return target.raw if is_ours else None
