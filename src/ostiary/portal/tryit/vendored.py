"""
The files of swagger-ui, from the package: the same for everybody, and for ever.

Their version is in their address, so a browser never asks twice for one.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

VERSION: Final = "5.35.0"
PLACE: Final = f"_swagger/{VERSION}"
_TYPES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "explore.css": "text/css",
    "explore.js": "text/javascript",
}


@cache
def load_file(name: str) -> tuple[bytes, bytes]:
    """A file as it is, and packed."""
    body = files("ostiary.pages").joinpath("vendor", "swagger-ui", name).read_bytes()
    return body, gzip.compress(body, mtime=0)


def add_scripts(
    policy: str, homes: Sequence[str], *, base: str, paths: Sequence[str]
) -> str:
    """
    A page's policy with these scripts, and requests to some paths of its workspace.

    Whatever else lies in this workspace, or in another of the origin, is no script here, and
    nothing that a specification says is asked for: no picture, and no page that does something.
    """
    scripts = " ".join(f"{home}{PLACE}/" for home in homes)
    asked = " ".join(
        f"{home}{path.removeprefix(base).lstrip('/')}"
        for home in homes
        for path in paths
    )
    kept = "; ".join(
        "img-src data:" if part.strip().startswith("img-src") else part.strip()
        for part in policy.split(";")
    )
    return f"{kept}; script-src {scripts}; connect-src {asked}"


def serve_file(request: Request) -> Response:
    """One of the files; Starlette calls this off the event loop."""
    name = request.path_params["name"]
    if name not in _TYPES:
        return Response(status_code=404)
    plain, packed = load_file(name)
    is_packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable"
        if not name.startswith("explore.")
        else "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Vary": "Accept-Encoding",
    }
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return Response(
        packed if is_packed else plain, media_type=_TYPES[name], headers=headers
    )
