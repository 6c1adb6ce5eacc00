"""The bundled plugins, one folder each, listed by priority."""

from __future__ import annotations

from ostiary.kit import Catalog, PluginType
from ostiary.plugins.acl import PLUGIN as ACL
from ostiary.plugins.application_registration import (
    PLUGIN as APPLICATION_REGISTRATION,
)
from ostiary.plugins.basic_auth import PLUGIN as BASIC_AUTH
from ostiary.plugins.correlation_id import PLUGIN as CORRELATION_ID
from ostiary.plugins.cors import PLUGIN as CORS
from ostiary.plugins.file_log import PLUGIN as FILE_LOG
from ostiary.plugins.http_log import PLUGIN as HTTP_LOG
from ostiary.plugins.ip_restriction import PLUGIN as IP_RESTRICTION
from ostiary.plugins.jwt import PLUGIN as JWT
from ostiary.plugins.key_auth import PLUGIN as KEY_AUTH
from ostiary.plugins.openid_connect import PLUGIN as OPENID_CONNECT
from ostiary.plugins.prometheus import PLUGIN as PROMETHEUS
from ostiary.plugins.rate_limiting import PLUGIN as RATE_LIMITING
from ostiary.plugins.request_size_limiting import PLUGIN as REQUEST_SIZE_LIMITING
from ostiary.plugins.request_termination import PLUGIN as REQUEST_TERMINATION
from ostiary.plugins.request_transformer import PLUGIN as REQUEST_TRANSFORMER
from ostiary.plugins.response_transformer import PLUGIN as RESPONSE_TRANSFORMER

BUNDLED: tuple[PluginType, ...] = (
    CORRELATION_ID,
    CORS,
    JWT,
    KEY_AUTH,
    BASIC_AUTH,
    OPENID_CONNECT,
    APPLICATION_REGISTRATION,
    IP_RESTRICTION,
    REQUEST_SIZE_LIMITING,
    ACL,
    RATE_LIMITING,
    REQUEST_TRANSFORMER,
    RESPONSE_TRANSFORMER,
    PROMETHEUS,
    HTTP_LOG,
    FILE_LOG,
    REQUEST_TERMINATION,
)
CATALOG: Catalog = {plugin.name: plugin for plugin in BUNDLED}
