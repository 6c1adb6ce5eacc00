"""
Proof that a form was filled in on our own page.

The browser's word comes first (Fetch Metadata, `Origin`): no page can make a browser forge it.
Only where the browser says nothing must a token that the form and a cookie share do instead. It
never has to do both: tabs opened at once get a token each and share the last one's cookie
(decision 0023).

Spec: Fetch Metadata Request Headers §2.4; Fetch §3.2; OWASP CSRF, double submit.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from starlette.requests import Request

from ostiary.http.url import DEFAULT_PORTS

COOKIE: Final = "XSRF-TOKEN"
_TOKEN: Final = re.compile(r"[0-9a-f-]{36}")
_OURS: Final = "same-origin"
# "none" is the person, not a page: an address typed, a bookmark. No form is posted that way.
_NOTHING_SAID: Final = frozenset({None, "none"})


def is_token(text: str | None) -> bool:
    """Tell whether a text can be one of our tokens."""
    return text is not None and _TOKEN.fullmatch(text) is not None


def is_own_form(
    request: Request,
    *,
    cookie: str | None,
    field: str | None,
    home: str | None,
    takes_null: bool = True,
) -> bool:
    """
    Tell whether a POST came from a page of ours: by the browser's word, or by the page's token.

    Args:
        home: The origin that the site is known by, besides the one that `Host` names.
        takes_null: Whether `Origin: null` without the browser's word leaves it to the token, as
            pages with `Referrer-Policy: no-referrer` need it over plain HTTP. A page on another
            port can say it too, and set cookies here.
    """
    if not _is_own_origin(request, home):
        return False
    said = request.headers.get("sec-fetch-site")
    if said is None and not takes_null and request.headers.get("origin") == "null":
        return False
    return said == _OURS or (said in _NOTHING_SAID and _has_token(cookie, field))


def is_own_call(request: Request) -> bool:
    """
    Tell whether a call that names no origin came from a page of ours, or from no browser.

    It brings no token, so whatever a page would leave to one is refused: a page on another port
    can say `Origin: null`. Programs say neither that nor what browsers add.
    """
    said = request.headers.get("sec-fetch-site")
    if said is None:
        return request.headers.get("origin") is None
    return said == _OURS


def _is_own_origin(request: Request, home: str | None) -> bool:
    origin = request.headers.get("origin", "null")
    # A page with `Referrer-Policy: no-referrer`, as ours, posts "null": that says nothing.
    if origin == "null":
        return True
    host = request.headers.get("host", "").lower()
    # Over plain HTTP there may be a TLS terminator before us, which only the browser knows of.
    schemes = ("https",) if request.scope["scheme"] == "https" else ("https", "http")
    own = {f"{s}://{host.removesuffix(f':{DEFAULT_PORTS[s]}')}" for s in schemes}
    return origin in own or (home is not None and origin == home.lower())


def _has_token(cookie: str | None, field: str | None) -> bool:
    if cookie is None or field is None or not is_token(cookie):
        return False
    return hmac.compare_digest(cookie.encode(), field.encode())
