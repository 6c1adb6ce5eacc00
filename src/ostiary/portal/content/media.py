"""Media types of assets: those that pages load, and nothing that a browser runs by itself."""

from __future__ import annotations

from typing import Final

_TYPES: Final = {
    "css": "text/css", "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "avif": "image/avif",
    "ico": "image/x-icon", "woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf",
    "otf": "font/otf", "json": "application/json", "txt": "text/plain",
    "js": "text/javascript", "pdf": "application/pdf", "map": "application/json",
}  # fmt: skip


def media_type_of(name: str) -> str:
    """The media type of a file by its name; what is not known is only saved."""
    return _TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
