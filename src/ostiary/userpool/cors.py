"""
Cross-origin access for browser SDKs, on the endpoints that carry no cookies.

Hosted pages are not among them: another site's script may never read a form's token. At `/`
only operations without a signature answer such a script (decision 0011).

Spec: Fetch §3.2.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OPEN_PATHS: Final = frozenset(
    {"/", "/oauth2/token", "/oauth2/userInfo", "/oauth2/revoke"}
)
_EXPOSED: Final = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"


def is_open(path: str) -> bool:
    """Tell whether any origin may read this path's replies."""
    return path in _OPEN_PATHS or "/.well-known/" in path


class Cors:
    """Answers preflights and marks replies, for open paths only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _preflight(headers)(scope, receive, send)
            return

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                marked = MutableHeaders(scope=message)
                marked["Access-Control-Allow-Origin"] = "*"
                marked["Access-Control-Expose-Headers"] = _EXPOSED
            await send(message)

        await self._app(scope, receive, mark)


def _preflight(headers: Headers) -> Response:
    asked = headers.get("access-control-request-headers", "*")
    return Response(
        status_code=200,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
            "Access-Control-Allow-Headers": asked,
            "Access-Control-Max-Age": "172800",
        },
    )
