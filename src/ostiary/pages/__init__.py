"""Templates to bytes: the design system and every page's look. Pure."""

from __future__ import annotations

from ostiary.pages.rendering import (
    LAYERED_DESIGN,
    PORTAL_DESIGN,
    render,
    render_error,
)
from ostiary.pages.security import security_headers

__all__ = [
    "LAYERED_DESIGN",
    "PORTAL_DESIGN",
    "render",
    "render_error",
    "security_headers",
]
