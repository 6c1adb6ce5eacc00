"""
Refuses by the client's address, as the gateway's rules about trusted proxies see it.

Spec: gateway §4.5 (ip-restriction).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ostiary.http.memo import Memo
from ostiary.kit import Exchange, Instant, Reply, Services, refuse
from ostiary.plugins.ip_restriction.schema import IpRestrictionConfig

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
MAX_MEMO_BYTES = 1 << 20


def parse_address(text: str) -> Address | None:
    """An address; one of IPv4 in the clothes of IPv6 is that of IPv4. None for anything else."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def is_within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of the networks; what is no address is in none."""
    return address is not None and any(address in network for network in networks)


class IpRestriction(Instant):
    """One configured `ip-restriction` plugin."""

    def __init__(
        self,
        config: IpRestrictionConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,  # noqa: ARG002 - same
    ) -> None:
        self._allow = tuple(
            ipaddress.ip_network(n, strict=False) for n in config.allow or ()
        )
        self._deny = tuple(
            ipaddress.ip_network(n, strict=False) for n in config.deny or ()
        )
        self._status = config.status or 403
        self._message = config.message
        self._known: Memo[str, bool] = Memo(MAX_MEMO_BYTES)

    def access(self, exchange: Exchange) -> Reply | None:
        client_ip = exchange.client_ip
        may = self._known.get(client_ip)
        if may is None:
            may = self._may(client_ip)
            self._known.put(client_ip, may, 100)
        if may:
            return None
        message = self._message or f"IP address not allowed: {client_ip}"
        return refuse(exchange, self._status, message)

    def _may(self, client_ip: str) -> bool:
        address = parse_address(client_ip)
        if is_within(address, self._deny):
            return False
        return not self._allow or is_within(address, self._allow)
