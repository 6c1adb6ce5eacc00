"""The `jwt` plugin: consumers by a token that one of their keys has signed."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.jwt.handler import Jwt
from ostiary.plugins.jwt.schema import JwtConfig

PLUGIN = PluginType(
    name="jwt", priority=1450, schema=JwtConfig, build=Jwt, no_consumer=True
)
