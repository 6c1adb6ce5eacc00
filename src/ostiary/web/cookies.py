"""Cookies of a site: read from and set on Starlette's values, with our own strict grammar."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ostiary.http.cookies import (
    CookieAttributes,
    build_delete_cookie,
    build_set_cookie,
    parse_cookies,
)


def read_cookie(request: Request, name: str) -> str | None:
    """The first cookie of that name: browsers send the most specific path first."""
    fields = (value for key, value in request.headers.raw if key == b"cookie")
    return next((v for n, v in parse_cookies(fields) if n == name), None)


def set_cookie(
    response: Response, name: str, value: str, *, path: str, max_age_s: int | None
) -> None:
    """Set a Secure, HttpOnly, SameSite=Lax cookie."""
    attributes = CookieAttributes(path=path, max_age_s=max_age_s)
    response.raw_headers.append(
        (b"set-cookie", build_set_cookie(name, value, attributes))
    )


def delete_cookie(response: Response, name: str, *, path: str) -> None:
    """Remove a cookie that `set_cookie` set."""
    attributes = CookieAttributes(path=path)
    response.raw_headers.append((b"set-cookie", build_delete_cookie(name, attributes)))
