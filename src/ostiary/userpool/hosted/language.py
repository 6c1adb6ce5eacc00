"""
In which language a hosted page speaks, and the links to the others.

Spec: cognito §1.3 (`lang`), §1.4 (cookie `lang`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.pages.languages import (
    LANGUAGES,
    Words,
    choose_language,
    find_language,
    load_words,
)
from ostiary.userpool.site import Site, raw_query, read_query
from ostiary.web.cookies import read_cookie, set_cookie

COOKIE: Final = "lang"
_KEPT_S: Final = 365 * 86400
# Pages that only answer forms, and where their forms stand.
_SHOWN_AT: Final = {
    "/resendcode": "/confirm",
    "/mfa/resend": "/mfa",
    "/mfa/other": "/mfa",
    "/startOver": "/login",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The same page in another language, named in that language."""

    tag: str
    name: str
    url: str


def choose(request: Request) -> Words:
    """The texts of the language that a request's page is to speak."""
    chosen = choose_language(
        asked=read_query(request).get("lang"),
        kept=read_cookie(request, COOKIE),
        accepted=request.headers.get("accept-language", ""),
    )
    return load_words(chosen)


def keep(site: Site, request: Request, response: Response) -> None:
    """Remember the language that a request names."""
    found = find_language(read_query(request).get("lang"))
    if found is not None:
        set_cookie(response, COOKIE, found, path=site.cookie_path, max_age_s=_KEPT_S)


def build_links(site: Site, request: Request) -> tuple[Link, ...]:
    """The page in each language. The rest of the query stays as it came, `state` above all."""
    parts = [
        p for p in raw_query(request).split("&") if p and not p.startswith("lang=")
    ]
    path: str = request.scope["path"]
    shown = _SHOWN_AT.get(path, path)
    return tuple(
        Link(tag=tag, name=name, url=site.url(shown, "&".join((*parts, f"lang={tag}"))))
        for tag, name in LANGUAGES.items()
    )
