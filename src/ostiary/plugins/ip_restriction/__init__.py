"""The `ip-restriction` plugin: which addresses may use what is behind a route."""

from __future__ import annotations

from ostiary.kit import PROTOCOLS, PluginType
from ostiary.plugins.ip_restriction.handler import IpRestriction
from ostiary.plugins.ip_restriction.schema import IpRestrictionConfig

PLUGIN = PluginType(
    name="ip-restriction",
    priority=990,
    schema=IpRestrictionConfig,
    build=IpRestriction,
    protocols=(*PROTOCOLS, "tcp", "tls"),
)
