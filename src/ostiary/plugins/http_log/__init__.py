"""The `http-log` plugin: what became of exchanges, sent to a server."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.http_log.handler import HttpLog
from ostiary.plugins.http_log.schema import HttpLogConfig, describe_warnings

PLUGIN = PluginType(
    name="http-log",
    priority=12,
    schema=HttpLogConfig,
    build=HttpLog,
    warnings=describe_warnings,
)
