"""
Whose request a site answers, where a load balancer or a TLS terminator stands before it.

Spec: Kong's `trusted_ips` and `real_ip_header`; decision D20; security tests T-F1 to T-F5.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from ostiary.gateway.forwarded import PeerRules, TrustedPeers, find_client_ip
from ostiary.settings import Settings

_KINDS: Final = frozenset({"http", "websocket"})


class BehindProxies:
    """
    An app whose requests come from whoever is behind the peers in `trusted_ips`.

    Nobody becomes this machine by a field: a loopback address is not believed.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._rules = PeerRules(
            trusted=TrustedPeers(
                [ipaddress.ip_network(n) for n in settings.trusted_ips]
            ),
            port_maps={},
            real_ip_header=settings.real_ip_header.lower().encode("ascii"),
            real_ip_recursive=settings.real_ip_recursive,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the client that trusted peers speak for."""
        peer = scope.get("client") if scope["type"] in _KINDS else None
        if peer is not None and self._rules.trusted.trusts(peer[0]):
            found = find_client_ip(tuple(scope["headers"]), peer[0], self._rules)
            if not _is_loopback(found):
                scope = {**scope, "client": (found, 0)}
        await self._app(scope, receive, send)


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)
