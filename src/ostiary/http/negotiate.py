"""
Which form of an error the client wants, and whether it is a person looking at a page.

Spec: RFC 9110 §12.5.1; Fetch Metadata (Sec-Fetch-*).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ostiary.http.head import Field, find

Kind = Literal["json", "html", "plain", "xml"]
_KINDS: dict[str, Kind] = {
    "application/json": "json",
    "application/*": "json",
    "*/*": "json",
    "text/html": "html",
    "text/plain": "plain",
    "text/*": "plain",
    "application/xml": "xml",
    "text/xml": "xml",
}


def _weighted(accept: str) -> list[tuple[str, float]]:
    found = []
    for part in accept.lower().split(","):
        media, *parameters = (p.strip() for p in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        if media and 0 < weight <= 1:
            found.append((media, weight))
    return found


def decide_kind(accept: bytes | None) -> Kind:
    """The error format for an Accept field: the best known type, JSON when in doubt."""
    if accept is None:
        return "json"
    ranked = sorted(_weighted(accept.decode("latin-1")), key=lambda pair: -pair[1])
    return next((_KINDS[media] for media, _ in ranked if media in _KINDS), "json")


def is_navigation(method: bytes, fields: Iterable[Field]) -> bool:
    """
    Tell whether a redirect to a login page would be seen by a person (decision D9).

    GET or HEAD; with Fetch Metadata: a navigation of a document or frame; without: no
    XMLHttpRequest, no Upgrade, and Accept absent, `*/*` or with text/html.
    """
    known = tuple(fields)
    if method not in {b"GET", b"HEAD"}:
        return False
    mode, destination = find(known, b"sec-fetch-mode"), find(known, b"sec-fetch-dest")
    if mode is not None or destination is not None:
        return mode == b"navigate" and destination in {b"document", b"iframe"}
    if (
        find(known, b"x-requested-with") is not None
        or find(known, b"upgrade") is not None
    ):
        return False
    accept = find(known, b"accept")
    if accept is None:
        return True
    media = {m for m, _ in _weighted(accept.decode("latin-1"))}
    return bool(media & {"*/*", "text/html"}) and "text/event-stream" not in media
