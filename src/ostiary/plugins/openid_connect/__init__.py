"""The `openid-connect` plugin: Kong's name and priority, `signin` behind it."""

from __future__ import annotations

from ostiary.kit import OpenidConnectConfig, PluginType, describe_warnings
from ostiary.plugins.openid_connect.handler import OpenidConnect

PLUGIN = PluginType(
    name="openid-connect",
    priority=1050,
    schema=OpenidConnectConfig,
    build=OpenidConnect,
    warnings=describe_warnings,
)
