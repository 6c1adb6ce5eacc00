"""The `key-auth` plugin: consumers by a key that they send."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.key_auth.handler import KeyAuth
from ostiary.plugins.key_auth.schema import KeyAuthConfig

PLUGIN = PluginType(
    name="key-auth",
    priority=1250,
    schema=KeyAuthConfig,
    build=KeyAuth,
    no_consumer=True,
)
