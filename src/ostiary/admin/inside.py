"""
The Admin API called from within: no socket, no token, the same application.

What names the operator is in the ASGI scope, where nothing that comes over a network can put it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlencode

from starlette.types import ASGIApp, Message

from ostiary.admin.audit import SOURCE_HEADER
from ostiary.ports.admin_client import OPERATOR, AdminReply, Operator


class InsideClient:
    """The admin client port over the Admin API's application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def call(
        self,
        operator: Operator,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,  # Any: JSON
    ) -> AdminReply:
        """As the port says."""
        data = b"" if body is None else json.dumps(body).encode()
        scope = _build_scope(operator, method, path, urlencode(query or {}), data)
        sent: list[Message] = []
        pending: list[Message] = [{"type": "http.request", "body": data}]

        async def receive() -> Message:
            return pending.pop() if pending else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        status = next(m["status"] for m in sent if m["type"] == "http.response.start")
        body_sent = b"".join(m.get("body", b"") for m in sent)
        try:
            return AdminReply(status=status, value=json.loads(body_sent))
        except ValueError:  # nothing, or a text
            return AdminReply(status=status, text=body_sent.decode("utf-8", "replace"))


def _build_scope(
    operator: Operator, method: str, path: str, query: str, body: bytes
) -> dict[str, Any]:
    fields = [
        (b"host", b"localhost"),
        (SOURCE_HEADER.lower().encode(), operator.site.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    if body:
        fields.append((b"content-type", b"application/json"))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": fields,
        "client": (operator.client_ip, 0),
        "server": ("localhost", 80),
        OPERATOR: operator,
    }
