"""The `cors` plugin: which pages of other origins may use what is behind a route."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.cors.handler import Cors
from ostiary.plugins.cors.schema import CorsConfig

PLUGIN = PluginType(
    name="cors", priority=2000, schema=CorsConfig, build=Cors, no_consumer=True
)
