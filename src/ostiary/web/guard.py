"""
Who may talk to the Admin API and the Manager: known hosts only, and no foreign web page.

An open Admin API on loopback can be driven by any web page through DNS rebinding or a
cross-site form; both are refused here.

Spec: decision D25; security tests T-C12, T-O3.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from ostiary.http.url import MalformedUrl, origin_of, split_host


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The rule, made of settings."""

    hosts: frozenset[str]
    origins: frozenset[str]

    def refuse(self, *, host: str, origin: str | None, site: str | None) -> str | None:
        """Why a request is refused, or None."""
        reason = self.refuse_host(host)
        if reason is not None:
            return reason
        if origin is not None and origin not in self.origins:
            return "this Origin may not use the Admin API; see admin_gui_url"
        if site == "cross-site" and origin is None:
            return "cross-site requests may not use the Admin API"
        return None

    def refuse_host(self, host: str) -> str | None:
        """Why a request to this host is refused, or None."""
        try:
            name, _ = split_host(host)
        except MalformedUrl:
            return "the Host header is not a host"
        if not (_is_literal(name) or _is_loopback(name) or name in self.hosts):
            return f"the host {name} is not allowed; add it to admin_allowed_hosts"
        return None


def _is_literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def build_guard(*, allowed_hosts: Sequence[str], gui_url: str | None) -> Guard:
    """The guard of some settings."""
    hosts = {host.lower() for host in allowed_hosts}
    origins = set()
    if gui_url:
        origins.add(origin_of(gui_url))
        hosts.add(split_host(origin_of(gui_url).partition("://")[2])[0])
    return Guard(hosts=frozenset(hosts), origins=frozenset(origins))
