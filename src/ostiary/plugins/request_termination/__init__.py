"""The `request-termination` plugin: an answer instead of an upstream."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.request_termination.handler import RequestTermination
from ostiary.plugins.request_termination.schema import (
    RequestTerminationConfig,
    describe_warnings,
)

PLUGIN = PluginType(
    name="request-termination",
    priority=2,
    schema=RequestTerminationConfig,
    build=RequestTermination,
    warnings=describe_warnings,
)
