"""
An answer in the upstream's place, for every request or for those with a trigger.

With `echo` the answer shows the request as the gateway sees it. Cookies and credentials are
left out: a page's script could read there what its browser hides from it.

Spec: gateway §4.5 (request-termination).
"""

from __future__ import annotations

import os
from typing import Any

from ostiary.http.forms import MalformedForm, parse_form
from ostiary.http.head import Field, find
from ostiary.kit import (
    NEEDS_IO,
    NO_COOKIES,
    AccessResult,
    BodyTooLarge,
    Exchange,
    Reply,
    Services,
    exit_reply,
)
from ostiary.plugins.request_termination.schema import RequestTerminationConfig

MAX_ECHOED_BYTES = 64 * 1024
_HIDDEN = frozenset((b"cookie", b"authorization", b"proxy-authorization"))
_MESSAGES = {
    401: "Unauthorized",
    404: "Not found",
    405: "Method not allowed",
    500: "An unexpected error occurred",
    502: "Bad Gateway",
    503: "Service unavailable",
}


def _arguments(query: str | None) -> dict[str, str]:
    try:
        return dict(parse_form(query or ""))
    except MalformedForm:
        return {}


def _shown_fields(fields: tuple[Field, ...]) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in fields
        if name.lower() not in _HIDDEN
    }


class RequestTermination:
    """One configured `request-termination` plugin."""

    own_cookies = NO_COOKIES

    def __init__(
        self,
        config: RequestTerminationConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        self._status = config.status_code
        self._message = config.message or _MESSAGES.get(config.status_code)
        self._trigger = config.trigger
        self._field = (config.trigger or "").lower().encode("ascii")
        self._echoes = config.echo
        self._node = {"node_id": services.node_id, "hostname": services.hostname}
        self._reply = self._build(config)

    def _build(self, config: RequestTerminationConfig) -> Reply:
        if config.body is not None:
            kind = config.content_type or "application/json; charset=utf-8"
            fields = ((b"Content-Type", kind.encode("latin-1", "replace")),)
            return Reply(status=self._status, fields=fields, body=config.body.encode())
        message = self._message
        return exit_reply(
            self._status, None if message is None else {"message": message}
        )

    def access(self, exchange: Exchange) -> AccessResult:
        if self._trigger is not None and not self._is_triggered(exchange):
            return None
        return NEEDS_IO if self._echoes else self._reply

    async def access_io(self, exchange: Exchange) -> Reply | None:
        try:
            raw = await exchange.body.read(MAX_ECHOED_BYTES)
        except BodyTooLarge:
            raw = b""
        return exit_reply(self._status, self._echo(exchange, raw))

    def _is_triggered(self, exchange: Exchange) -> bool:
        if find(exchange.fields, self._field) is not None:
            return True
        return self._trigger in _arguments(exchange.target.query)

    def _echo(self, exchange: Exchange, raw: bytes) -> dict[str, Any]:
        route, service = exchange.route, exchange.service
        text = raw.decode("utf-8", "replace")
        return {
            "message": self._message,
            "kong": {**self._node, "worker_pid": os.getpid()},
            "request": {
                "scheme": exchange.scheme,
                "host": exchange.host,
                "port": exchange.port,
                "headers": _shown_fields(exchange.fields),
                "query": _arguments(exchange.target.query),
                "body": text,
                "raw_body": text,
                "method": exchange.method.decode("latin-1"),
                "path": exchange.target.path,
                "uri_captures": exchange.captures,
            },
            "matched_route": None if route is None else route.model_dump(mode="json"),
            "matched_service": None
            if service is None
            else service.model_dump(mode="json"),
        }
