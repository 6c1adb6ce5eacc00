"""The `file-log` plugin: one line of JSON for each exchange, in a file."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.file_log.handler import FileLog
from ostiary.plugins.file_log.schema import FileLogConfig, describe_warnings

PLUGIN = PluginType(
    name="file-log",
    priority=9,
    schema=FileLogConfig,
    build=FileLog,
    warnings=describe_warnings,
)
