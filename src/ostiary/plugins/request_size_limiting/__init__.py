"""The `request-size-limiting` plugin: how large a body may be."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.request_size_limiting.handler import RequestSizeLimiting
from ostiary.plugins.request_size_limiting.schema import RequestSizeLimitingConfig

PLUGIN = PluginType(
    name="request-size-limiting",
    priority=951,
    schema=RequestSizeLimitingConfig,
    build=RequestSizeLimiting,
)
