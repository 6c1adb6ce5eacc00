"""The `rate-limiting` plugin: how often somebody may ask."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.rate_limiting.handler import RateLimiting
from ostiary.plugins.rate_limiting.schema import RateLimitingConfig

PLUGIN = PluginType(
    name="rate-limiting",
    priority=910,
    schema=RateLimitingConfig,
    build=RateLimiting,
)
