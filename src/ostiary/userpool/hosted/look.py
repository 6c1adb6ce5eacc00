"""
The look that an operator gave the pages: a style sheet and a logo, the client's or the pool's.

Both are files of the page's own origin; nothing of them stands in the page itself, so its
policy stays as it is.

Spec: cognito §1.4 (SetUICustomization).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from ostiary.model.pool import RecordKind
from ostiary.userpool.looks import ALL_CLIENTS, image_path, style_path
from ostiary.userpool.services import Services
from ostiary.userpool.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Where the files are; None for what there is not."""

    style_url: str | None
    image_url: str | None


async def load_look(services: Services, site: Site, client_id: str) -> Look | None:
    """The look of a client's pages."""
    for owner in (client_id, ALL_CLIENTS):
        found = await services.config.store.load_record(
            pool_id=site.pool.id, kind=RecordKind.LOOK, name="look", owner=owner
        )
        if found is None:
            continue
        css, image = found.value.get("css"), found.value.get("image")
        logo = base64.b64decode(image) if image else b""
        look = Look(
            style_url=site.url(style_path(site.pool.id, owner, css)) if css else None,
            image_url=site.url(image_path(site.pool.id, owner, logo)) if logo else None,
        )
        return look if css or logo else None
    return None
