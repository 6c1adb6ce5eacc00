"""The bundled plugins, one folder each, listed by priority."""

from __future__ import annotations

from ostiary.kit import Catalog, PluginType
from ostiary.plugins.openid_connect import PLUGIN as OPENID_CONNECT

BUNDLED: tuple[PluginType, ...] = (OPENID_CONNECT,)
CATALOG: Catalog = {plugin.name: plugin for plugin in BUNDLED}
