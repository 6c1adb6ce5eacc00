"""
Proof that a form was filled in on our own page.

Two layers: what the browser says of where the request came from (Fetch Metadata), and a token
that the page and a cookie share.

Spec: Fetch Metadata Request Headers; OWASP CSRF, double submit.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from starlette.requests import Request

COOKIE: Final = "XSRF-TOKEN"
_TOKEN: Final = re.compile(r"[0-9a-f-]{36}")
_OWN_SITES: Final = frozenset({None, "same-origin", "none"})


def is_token(text: str | None) -> bool:
    """Tell whether a text can be one of our tokens."""
    return text is not None and _TOKEN.fullmatch(text) is not None


def is_own_form(request: Request, *, cookie: str | None, field: str | None) -> bool:
    """Tell whether a POST came from our own page, with the token that the page holds."""
    if request.headers.get("sec-fetch-site") not in _OWN_SITES:
        return False
    if cookie is None or field is None or not is_token(cookie):
        return False
    return hmac.compare_digest(cookie.encode(), field.encode())
