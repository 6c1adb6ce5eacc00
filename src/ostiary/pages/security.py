"""
The response fields that every page of ours is sent with.

Pages hold no script and fetch nothing, so the policy starts from nothing and allows only the
one stylesheet, by its hash, and images written into the page itself.

Spec: Content Security Policy Level 3; RFC 9700 §4.16 (clickjacking).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Final

from ostiary.pages.rendering import DESIGN


def _source(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"'sha256-{digest}'"


_DESIGN_SOURCE: Final = _source(DESIGN)


def security_headers(
    *,
    form_action: Sequence[str] = (),
    styles: Sequence[str] = (),
    has_own_files: bool = False,
    has_own_referrer: bool = False,
    form_homes: Sequence[str] = ("'self'",),
) -> tuple[tuple[str, str], ...]:
    """
    Content-Security-Policy and its companions.

    Args:
        form_action: Origins, besides the page's own, that a form of this page may end at.
            Chromium applies the directive to the redirect that answers a POST, so a sign-in
            page names the origin of the client that it returns to.
        styles: The style sheets of this page besides the design system's.
        has_own_files: The page loads style sheets, fonts and images from its own origin.
        has_own_referrer: The page's address holds no secret, and its forms say where they come
            from: browsers send a real `Origin` with them only then.
        form_homes: Where its forms may end, besides `form_action`: `'self'`, or addresses that end
            with a slash where not all of the origin is the page's own.
    """
    targets = " ".join((*form_homes, *dict.fromkeys(form_action)))
    own = " 'self'" if has_own_files else ""
    policy = (
        "default-src 'none'",
        f"style-src {' '.join((_DESIGN_SOURCE, *map(_source, styles)))}{own}",
        f"img-src data:{own}",
        *(["font-src 'self'"] if has_own_files else []),
        f"form-action {targets}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
    return (
        ("Content-Security-Policy", "; ".join(policy)),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin" if has_own_referrer else "no-referrer"),
        ("Cache-Control", "no-store"),
    )
