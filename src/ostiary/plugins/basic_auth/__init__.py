"""The `basic-auth` plugin: consumers by a name and a password."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.basic_auth.handler import BasicAuth
from ostiary.plugins.basic_auth.schema import BasicAuthConfig

PLUGIN = PluginType(
    name="basic-auth",
    priority=1100,
    schema=BasicAuthConfig,
    build=BasicAuth,
    no_consumer=True,
)
