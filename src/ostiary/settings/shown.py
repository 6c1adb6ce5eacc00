"""
Settings as clients of the Admin API see them; what may be secret is masked. Pure.

Spec: gateway §1.14 (what clients read), §5.1 (which names are secret).
"""

from __future__ import annotations

from typing import Any

from ostiary.settings.listen import ListenAddress
from ostiary.settings.table import Settings, is_secret


def show_settings(settings: Settings) -> dict[str, Any]:
    """Every setting as the root of the Admin API shows it."""
    shown: dict[str, Any] = settings.model_dump(mode="json")
    for name, value in shown.items():
        if value and is_secret(name):
            shown[name] = "******"
    shown |= {
        "database": "off" if settings.database == "off" else "postgres",
        "router_flavor": "traditional_compatible",
        "rbac": settings.enforce_rbac,
        "portal": False,
        "role": "traditional",
    }
    for name in ("proxy", "admin", "status"):
        addresses = getattr(settings, f"{name}_listen")
        shown[f"{name}_listeners"] = [_show_listener(a) for a in addresses]
        shown[f"{name}_listen"] = [a["listener"] for a in shown[f"{name}_listeners"]]
    shown["stream_listeners"] = []
    return shown


def _show_listener(address: ListenAddress) -> dict[str, Any]:
    text = f"{address.host}:{address.port}" + (" ssl" if address.tls else "")
    return {
        "ip": address.host,
        "port": address.port,
        "ssl": address.tls,
        "http2": False,
        "proxy_protocol": False,
        "deferred": False,
        "bind": False,
        "reuseport": True,
        "backlog=%d+": False,
        "listener": text,
    }
