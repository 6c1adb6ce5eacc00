"""A portal without files: its home page, and nothing else besides accounts."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.pages import render
from ostiary.portal.chrome import STYLES, Chrome
from ostiary.portal.gui import Asked, build_chrome
from ostiary.web.replies import page


class PlainContent:
    """What is shown of a workspace that has no files."""

    async def frame(self, asked: Asked) -> Chrome:
        """The frame around every page."""
        return build_chrome(asked, site_name="Developer portal", menu=())

    async def show(self, asked: Asked, chrome: Chrome) -> Response | None:
        """The home page."""
        if asked.path:
            return None
        body = render(
            "portal-message.html", chrome=chrome, title="Developer portal",
            text="Nothing has been published here yet.", action_url=None, action_label=None,
        )  # fmt: skip
        return page(body, styles=STYLES, has_own_files=True)
