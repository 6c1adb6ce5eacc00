"""Addresses of this site, made of paths that a browser asked for. Pure."""

from __future__ import annotations

from urllib.parse import quote


def build_own_url(path: str) -> str:
    """The address of a decoded path here; however many slashes it begins with, it names no other site."""
    return "/" + quote(path.lstrip("/\\"), safe="/")
