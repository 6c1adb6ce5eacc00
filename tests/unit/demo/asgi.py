"""One request to an ASGI application, without a socket."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.types import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:  # Any: JSON
        return json.loads(self.body)


async def call(
    app: Any,  # Any: an ASGI callable
    target: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    host: str = "127.0.0.1:8025",
) -> Reply:
    path, _, query = target.partition("?")
    fields = {"host": host, **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(n.encode(), v.encode()) for n, v in fields.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    return Reply(
        status=start["status"],
        headers={n.decode().lower(): v.decode() for n, v in start["headers"]},
        body=b"".join(m.get("body", b"") for m in sent[1:]),
    )
