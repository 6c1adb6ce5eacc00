"""The `response-transformer` plugin: responses changed on their way to the client."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.response_transformer.handler import ResponseTransformer
from ostiary.plugins.response_transformer.schema import ResponseTransformerConfig

PLUGIN = PluginType(
    name="response-transformer",
    priority=800,
    schema=ResponseTransformerConfig,
    build=ResponseTransformer,
)
