"""Serves the logos and style sheets that SetUICustomization keeps."""

from __future__ import annotations

import base64
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.model.pool import Record, RecordKind
from ostiary.userpool.looks import find_image_type, image_path, style_path
from ostiary.userpool.services import Services

_HEADERS: Final = {
    "Cache-Control": "public, max-age=86400, immutable",
    # The bytes come from the operator; a browser must not find anything else in them.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


async def _find(services: Services, request: Request) -> Record | None:
    return await services.config.store.load_record(
        pool_id=request.path_params["pool_id"],
        kind=RecordKind.LOOK,
        name="look",
        owner=request.path_params["owner"],
    )


async def get_file(services: Services, request: Request) -> Response:
    """A logo or a style sheet, for as long as it is the current one."""
    found = await _find(services, request)
    if found is None:
        return Response(status_code=404)
    path: str = request.scope["path"]
    css = found.value.get("css") or ""
    if css and path == style_path(found.pool_id, found.owner, css):
        return Response(css, media_type="text/css", headers=_HEADERS)
    image = base64.b64decode(found.value.get("image") or "")
    kind = find_image_type(image)
    if kind is None or path != image_path(found.pool_id, found.owner, image):
        return Response(status_code=404)
    return Response(image, media_type=kind, headers=_HEADERS)
