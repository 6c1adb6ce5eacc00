"""
Who the client is and what the browser sees: sockets first, fields only from trusted peers.

Spec: Kong's forwarded headers (gateway §3.7); decision D20; security tests T-F1 to T-F5.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ostiary.gateway.decision import Peer
from ostiary.http.head import Fields, find, find_all
from ostiary.http.url import DEFAULT_PORTS, MalformedUrl, split_host

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
FORWARDED = frozenset(
    {
        b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port",
        b"x-forwarded-path", b"x-forwarded-prefix", b"x-forwarded-uri", b"x-forwarded-method",
        b"x-forwarded-server", b"x-forwarded-scheme", b"x-forwarded-ssl", b"x-forwarded-user",
        b"forwarded", b"x-real-ip", b"x-original-url", b"x-rewrite-url", b"x-client-ip",
        b"x-original-forwarded-for", b"x-http-method-override", b"x-kong-request-id",
    }
)  # fmt: skip
# Names that proxies and meshes believe without asking, and names that say who somebody is:
# never from a client, on any route (T-F2, T-F7, T-H3).
_NEVER = (
    b"x-forwarded-", b"x-envoy-", b"x-ostiary-", b"x-consumer-", b"x-credential-",
    b"x-authenticated-", b"x-anonymous-", b"x-userinfo",
)  # fmt: skip


def fold_name(name: bytes) -> bytes:
    """A field name as careless upstreams read it: CGI and WSGI fold `-`, `_` and `.` (T-H1)."""
    return name.lower().replace(b"_", b"-").replace(b".", b"-")


def is_forwarded(folded: bytes) -> bool:
    """Tell whether a folded name is one that only we may send to the upstream."""
    return folded in FORWARDED or folded.startswith(_NEVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """
    The request as the browser made it. `port` None is the scheme's default.

    `routed_port` is what hosts with a port are compared with: the one that was named, else
    the listener's published one.
    """

    scheme: str
    host: str
    port: int | None
    routed_port: int
    client_ip: str
    is_trusted: bool


class TrustedPeers:
    """The peers whose forwarded fields count."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)
        self._look_up = lru_cache(maxsize=4096)(self._is_in)

    def _is_in(self, ip: str) -> bool:
        try:
            address = ipaddress.ip_address(ip.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def trusts(self, ip: str) -> bool:
        """Tell whether this peer is one of them."""
        return bool(self._networks) and self._look_up(ip)


def read_outside(
    fields: Fields, peer: Peer, trusted: TrustedPeers, port_maps: Mapping[int, int]
) -> Outside:
    """
    Scheme, host and port as the browser sees them.

    Args:
        port_maps: Listener port to published port.

    Raises:
        MalformedUrl: Host (or a trusted X-Forwarded-Host) is not a host.
    """
    scheme = "https" if peer.tls else "http"
    host, port = split_host((find(fields, b"host") or b"").decode("latin-1"))
    if port is not None:
        port = port_maps.get(port, port)
    is_trusted = trusted.trusts(peer.ip)
    client_ip = peer.ip
    if is_trusted:
        proto = (find(fields, b"x-forwarded-proto") or b"").decode("latin-1").lower()
        if proto in DEFAULT_PORTS:
            scheme = proto
        forwarded = find(fields, b"x-forwarded-host")
        if forwarded:
            host, port = split_host(forwarded.decode("latin-1").split(",")[0].strip())
        given_port = (find(fields, b"x-forwarded-port") or b"").decode("latin-1")
        if (
            given_port.isdecimal()
            and len(given_port) <= 5
            and 0 < int(given_port) < 65536
        ):
            port = int(given_port)
        real = (find(fields, b"x-real-ip") or b"").decode("latin-1").strip()
        client_ip = _address_or(real, peer.ip)
    if not host:
        raise MalformedUrl("the request has no host")
    published = port_maps.get(peer.local_port, peer.local_port)
    return Outside(
        scheme=scheme,
        host=host,
        port=None if port == DEFAULT_PORTS[scheme] else port,
        routed_port=published if port is None else port,
        client_ip=client_ip,
        is_trusted=is_trusted,
    )


def _address_or(text: str, fallback: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return fallback


def build_forwarded(
    fields: Fields,
    outside: Outside,
    peer: Peer,
    *,
    raw_path: str,
    cut_prefix: str | None,
) -> Fields:
    """The forwarded fields for the upstream; a client's own never survive an untrusted peer."""
    kept = fields if outside.is_trusted else ()
    earlier = b", ".join(v for v in find_all(kept, b"x-forwarded-for") if v)
    chain = f"{earlier.decode('latin-1')}, {peer.ip}" if earlier else peer.ip
    port = outside.port or DEFAULT_PORTS[outside.scheme]
    found = [
        (b"X-Forwarded-For", chain.encode("latin-1")),
        (b"X-Forwarded-Proto", outside.scheme.encode()),
        (b"X-Forwarded-Host", outside.host.encode()),
        (b"X-Forwarded-Port", str(port).encode()),
        (
            b"X-Forwarded-Path",
            find(kept, b"x-forwarded-path") or raw_path.encode("ascii"),
        ),
        (b"X-Real-IP", outside.client_ip.encode()),
    ]
    prefix = find(kept, b"x-forwarded-prefix") or (cut_prefix or "").encode("ascii")
    if prefix:
        found.append((b"X-Forwarded-Prefix", prefix))
    return tuple(found)
