"""The page for a request that came to nothing, with an id that is in the log too."""

from __future__ import annotations

import logging
from typing import Final

from starlette.responses import Response

from ostiary.pages import render_error
from ostiary.userpool.config import UserPoolConfig
from ostiary.userpool.identifiers import new_uuid
from ostiary.web.replies import page

_log: Final = logging.getLogger(__name__)


def show_failure(
    config: UserPoolConfig,
    *,
    status: int,
    title: str,
    message: str,
    retry_url: str | None = None,
) -> Response:
    """What happened, and what to do next."""
    request_id = new_uuid(config.entropy)
    body = render_error(
        status=status,
        title=title,
        message=message,
        action_url=retry_url,
        action_label="Try again" if retry_url else None,
        request_id=request_id,
    )
    _log.warning("answered %d, request id %s", status, request_id)
    return page(body, status=status)
