"""Serves the logos that SetUICustomization keeps."""

from __future__ import annotations

import base64

from starlette.requests import Request
from starlette.responses import Response

from ostiary.model.pool import RecordKind
from ostiary.userpool.looks import find_image_type, image_path
from ostiary.userpool.services import Services


async def get_image(services: Services, request: Request) -> Response:
    """A logo, for as long as it is the current one."""
    pool_id, owner = request.path_params["pool_id"], request.path_params["owner"]
    found = await services.config.store.load_record(
        pool_id=pool_id, kind=RecordKind.LOOK, name="look", owner=owner
    )
    image = base64.b64decode(found.value.get("image", "")) if found else b""
    kind = find_image_type(image)
    if kind is None or request.scope["path"] != image_path(pool_id, owner, image):
        return Response(status_code=404)
    headers = {
        "Cache-Control": "public, max-age=86400, immutable",
        # The bytes come from the operator; a browser must not find anything else in them.
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(image, media_type=kind, headers=headers)
