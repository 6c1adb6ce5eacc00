"""
Every setting in one table, and which of them Kong does not have. Pure.

Spec: gateway §5; decision D24.
"""

from __future__ import annotations

import re
from typing import Final

from ostiary.settings.audit import AuditSettings
from ostiary.settings.gateway import GatewaySettings
from ostiary.settings.sites import SiteSettings
from ostiary.settings.userpool import UserpoolSettings


class Settings(UserpoolSettings, SiteSettings, AuditSettings, GatewaySettings):
    """Every setting, with its default and what it means."""


class SettingsInvalid(Exception):
    """Settings that cannot be used; the text names each and says what it must be."""

    code = "settings_invalid"


OURS_ONLY: Final = frozenset(
    {
        "upstream_tls_verify",
        "admin_allowed_hosts",
        "debugger_allowed_hosts",
        "smtp_sender",
        "forwarded_for_append",
        "upstream_max_connections",
        "declarative_config_watch",
    }
    | {name for name in Settings.model_fields if name.startswith("userpool")}
)
# A key's file may be shown, its content may not: only these names hold one or the other.
_SECRET_NAME: Final = re.compile(r"password|secret|token|_key$|credentials")


def is_secret(name: str) -> bool:
    """Tell whether a setting's value may be secret."""
    known = Settings.model_fields.get(name)
    return bool(_SECRET_NAME.search(name)) or (known is not None and not known.repr)
