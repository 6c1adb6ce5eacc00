"""
Refuses bodies that are too large, by what they announce.

Those that announce nothing are cut off by the front as soon as they are.

Spec: gateway §4.5 (request-size-limiting).
"""

from __future__ import annotations

from ostiary.http.head import find
from ostiary.kit import Exchange, Instant, Reply, Services, refuse
from ostiary.plugins.request_size_limiting.schema import (
    UNITS,
    RequestSizeLimitingConfig,
)


class RequestSizeLimiting(Instant):
    """One configured `request-size-limiting` plugin."""

    def __init__(
        self,
        config: RequestSizeLimitingConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,  # noqa: ARG002 - same
    ) -> None:
        self._limit = config.allowed_payload_size * UNITS[config.size_unit]
        self._needs_length = config.require_content_length

    def access(self, exchange: Exchange) -> Reply | None:
        announced = find(exchange.fields, b"content-length")
        if announced is None:
            if self._needs_length:
                text = "A valid Content-Length header is required"
                return refuse(exchange, 411, text)
            # In pieces, of which the sum is not known. 0 would be no limit at all.
            exchange.max_body_bytes = max(1, self._limit)
            return None
        if int(announced) <= self._limit:
            return None
        waits = (find(exchange.fields, b"expect") or b"").lower() == b"100-continue"
        return refuse(exchange, 417 if waits else 413, "Request size limit exceeded")
