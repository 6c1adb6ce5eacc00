"""
An id for a request that has none, sent on and, if wanted, back.

What the client sent is kept: an id is a name for finding things, and proves nothing.

Spec: gateway §4.5 (correlation-id).
"""

from __future__ import annotations

import itertools
import uuid

from ostiary.http.head import find
from ostiary.kit import Exchange, Instant, Response, Services
from ostiary.plugins.correlation_id.schema import CorrelationIdConfig


class CorrelationId(Instant):
    """One configured `correlation-id` plugin."""

    def __init__(
        self,
        config: CorrelationIdConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        self._entropy = services.entropy
        self._name = config.header_name.encode("ascii")
        self._lower = self._name.lower()
        self._echoes = config.echo_downstream
        self._counts = config.generator == "uuid#counter"
        self._worker = ""
        self._numbers = itertools.count(1)

    def access(self, exchange: Exchange) -> None:
        found = find(exchange.fields, self._lower)
        if not found:
            found = self._new_id().encode("ascii")
            exchange.set_upstream(self._name, found)
        exchange.keep(self, found)

    def on_response(self, exchange: Exchange, response: Response) -> None:
        if not self._echoes:
            return
        found = exchange.kept(self) or find(exchange.fields, self._lower)
        if found:
            response.set(self._name, found)

    def _new_id(self) -> str:
        if self._counts:
            self._worker = self._worker or self._new_uuid()
            return f"{self._worker}#{next(self._numbers)}"
        return self._new_uuid()

    def _new_uuid(self) -> str:
        assert self._entropy is not None
        return str(uuid.UUID(bytes=self._entropy.bytes(16), version=4))
