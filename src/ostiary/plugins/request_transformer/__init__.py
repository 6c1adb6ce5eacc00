"""The `request-transformer` plugin: requests changed on their way to the upstream."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.request_transformer.handler import RequestTransformer
from ostiary.plugins.request_transformer.schema import (
    RequestTransformerConfig,
    describe_warnings,
)

PLUGIN = PluginType(
    name="request-transformer",
    priority=801,
    schema=RequestTransformerConfig,
    build=RequestTransformer,
    warnings=describe_warnings,
)
