"""
Sends what became of exchanges to a server, in batches, in the background.

Spec: gateway §4.5 (http-log, queue), §4.6 (what is sent).
"""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from ostiary.http.exchange import OutgoingRequest
from ostiary.kit import (
    NO_COOKIES,
    Exchange,
    FetchFailed,
    FetchLimits,
    Finished,
    Services,
)
from ostiary.kit.queue import NotTaken, Queue
from ostiary.plugins.http_log.schema import HttpLogConfig


def build_body(entries: list[bytes]) -> bytes:
    """One entry as it is, several as an array."""
    return entries[0] if len(entries) == 1 else b"[" + b",".join(entries) + b"]"


class HttpLog:
    """One configured `http-log` plugin."""

    own_cookies = NO_COOKIES

    def __init__(
        self,
        config: HttpLogConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        parts = urlsplit(config.http_endpoint)
        host = parts.netloc.rpartition("@")[2]
        self._url = parts._replace(netloc=host).geturl()
        self._where = host
        self._method = config.method
        fields = [
            ("Content-Type", config.content_type),
            *(config.headers or {}).items(),
        ]
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            basic = b64encode(pair.encode()).decode("ascii")
            fields.append(("Authorization", f"Basic {basic}"))
        self._fields = tuple(fields)
        self._limits = FetchLimits(timeout_s=config.timeout / 1000)
        self._fetch = services.fetch
        self._queue = self._build_queue(config, services)

    def _build_queue(self, config: HttpLogConfig, services: Services) -> Queue | None:
        if services.background is None:
            return None
        record = config.queue
        older = {
            "max_batch_size": config.queue_size,
            "max_coalescing_delay": config.flush_timeout,
        }
        given = {name: value for name, value in older.items() if value is not None}
        if given:
            record = record.model_copy(update=given)
        return Queue(
            record,
            self._send,
            background=services.background,
            now=services.now,
            log=services.log_as("http-log"),
        )

    def on_finish(self, exchange: Exchange, finished: Finished) -> None:  # noqa: ARG002 - the hook's name
        assert self._queue is not None
        self._queue.put(json.dumps(finished.document, separators=(",", ":")).encode())

    async def _send(self, entries: list[bytes]) -> None:
        """Send a batch; raises NotTaken."""
        assert self._fetch is not None
        request = OutgoingRequest(
            method=self._method,
            url=self._url,
            fields=self._fields,
            body=build_body(entries),
        )
        try:
            reply = await self._fetch.send(request, self._limits)
        except FetchFailed as error:
            raise NotTaken(f"{self._where}: {error.reason}") from error
        if reply.status >= 300:
            raise NotTaken(f"{self._where} answered {reply.status}")
