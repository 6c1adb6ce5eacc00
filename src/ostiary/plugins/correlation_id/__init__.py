"""The `correlation-id` plugin: one id for a request, on its whole way."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.correlation_id.handler import CorrelationId
from ostiary.plugins.correlation_id.schema import CorrelationIdConfig

PLUGIN = PluginType(
    name="correlation-id",
    priority=100001,
    schema=CorrelationIdConfig,
    build=CorrelationId,
)
