"""The `acl` plugin: which groups of consumers may use what is behind a route."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.acl.handler import Acl
from ostiary.plugins.acl.schema import AclConfig

PLUGIN = PluginType(
    name="acl", priority=950, schema=AclConfig, build=Acl, no_consumer=True
)
