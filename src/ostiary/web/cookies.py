"""Cookies of a site: read from and set on Starlette's values, with our own strict grammar."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ostiary.http.cookies import (
    CookieAttributes,
    SameSite,
    build_delete_cookie,
    build_set_cookie,
    parse_cookies,
)


def read_cookie(request: Request, name: str) -> str | None:
    """The first cookie of that name: browsers send the most specific path first."""
    fields = (value for key, value in request.headers.raw if key == b"cookie")
    return next((v for n, v in parse_cookies(fields) if n == name), None)


def set_cookie(
    response: Response,
    name: str,
    value: str,
    *,
    path: str,
    max_age_s: int | None,
    same_site: SameSite = "Lax",
    secure: bool = True,
) -> None:
    """Set an HttpOnly cookie; Secure and SameSite=Lax, unless somebody says otherwise."""
    attributes = CookieAttributes(
        path=path, max_age_s=max_age_s, same_site=same_site, secure=secure
    )
    response.raw_headers.append(
        (b"set-cookie", build_set_cookie(name, value, attributes))
    )


def delete_cookie(
    response: Response,
    name: str,
    *,
    path: str,
    same_site: SameSite = "Lax",
    secure: bool = True,
) -> None:
    """Remove a cookie that `set_cookie` set in the same words."""
    attributes = CookieAttributes(path=path, same_site=same_site, secure=secure)
    response.raw_headers.append((b"set-cookie", build_delete_cookie(name, attributes)))
