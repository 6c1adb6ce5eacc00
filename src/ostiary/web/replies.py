"""Replies that every site sends alike: pages with their policy, redirects, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.responses import Response

from ostiary.pages import security_headers


def page(
    body: bytes,
    *,
    status: int = 200,
    form_action: Sequence[str] = (),
    styles: Sequence[str] = (),
    has_own_files: bool = False,
    has_own_referrer: bool = False,
    form_homes: Sequence[str] = ("'self'",),
) -> Response:
    """A page, with the policy that lets nothing but itself work; see `security_headers`."""
    return Response(
        body,
        status_code=status,
        headers=dict(
            security_headers(
                form_action=form_action,
                styles=styles,
                has_own_files=has_own_files,
                has_own_referrer=has_own_referrer,
                form_homes=form_homes,
            )
        ),
        media_type="text/html",
    )


def redirect(location: str) -> Response:
    """A 302 that is not stored and tells the next site nothing of this one."""
    return Response(
        status_code=302,
        headers={
            "Location": _ascii(location),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )


def json_reply(
    value: object,
    *,
    status: int = 200,
    media_type: str = "application/json;charset=UTF-8",
    headers: dict[str, str] | None = None,
) -> Response:
    """A JSON reply that is not stored."""
    return Response(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        status_code=status,
        headers={"Cache-Control": "no-store", "Pragma": "no-cache", **(headers or {})},
        media_type=media_type,
    )


def _ascii(location: str) -> str:
    # Registered URIs may hold other letters; a header may not.
    return "".join(
        c if "!" <= c <= "~" else "".join(f"%{b:02X}" for b in c.encode())
        for c in location
    )
