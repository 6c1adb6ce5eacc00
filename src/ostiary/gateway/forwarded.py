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
from ostiary.http.head import Field, Fields, find, find_all
from ostiary.http.path import Target
from ostiary.http.url import DEFAULT_PORTS, MalformedUrl, split_host
from ostiary.http.value import frozen

MAX_KNOWN = 4096
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
FORWARDED = frozenset(
    {
        b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port",
        b"x-forwarded-path", b"x-forwarded-prefix", b"x-forwarded-uri", b"x-forwarded-method",
        b"x-forwarded-server", b"x-forwarded-scheme", b"x-forwarded-ssl", b"x-forwarded-user",
        b"forwarded", b"x-real-ip", b"x-original-url", b"x-rewrite-url", b"x-client-ip",
        b"x-original-forwarded-for", b"x-http-method-override", b"x-kong-request-id",
        b"x-forwarded", b"x-http-method", b"x-method-override", b"x-original-uri",
        b"x-original-host", b"true-client-ip",
    }
)  # fmt: skip
# Names that proxies and meshes believe without asking, and names that say who somebody is:
# never from a client, on any route (T-F2, T-F7, T-H3).
_NEVER = (
    b"x-forwarded-", b"x-envoy-", b"x-ostiary-", b"x-consumer-", b"x-credential-",
    b"x-authenticated-", b"x-anonymous-", b"x-userinfo",
)  # fmt: skip


def is_forwarded(folded: bytes) -> bool:
    """Tell whether a folded name is one that only we may send to the upstream."""
    return folded in FORWARDED or folded.startswith(_NEVER)


@frozen
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

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, ip: str) -> bool:
        """Tell whether this peer is one of them."""
        return bool(self._networks) and self._look_up(ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRules:
    """
    Whose forwarded fields count, and how. `port_maps` goes from listener to published port.

    `append_for` keeps what strangers say in X-Forwarded-For, as Kong does (D20).
    """

    trusted: TrustedPeers
    port_maps: Mapping[int, int]
    real_ip_header: bytes = b"x-real-ip"
    real_ip_recursive: bool = False
    append_for: bool = False


@frozen
class Surroundings:
    """A request as the browser made it, and the forwarded fields that do not depend on its path."""

    outside: Outside
    fields: Fields


class Entrance:
    """Looks at where requests come from; what strangers send is looked at once per host name."""

    def __init__(self, rules: PeerRules) -> None:
        self.rules = rules
        self._believes = rules.append_for or bool(rules.trusted)
        self._known: dict[tuple[bytes, str, int, bool], Surroundings] = {}

    def look(self, fields: Fields, peer: Peer) -> Surroundings:
        """
        Scheme, host, port and client as the browser sees them.

        Raises:
            MalformedUrl: Host (or a trusted X-Forwarded-Host) is not a host.
        """
        if self._believes and (
            self.rules.append_for or self.rules.trusted.trusts(peer.ip)
        ):
            return self._look(fields, peer)
        key = (find(fields, b"host") or b"", peer.ip, peer.local_port, peer.tls)
        found = self._known.get(key)
        if found is None:
            found = self._look(fields, peer)
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key] = found
        return found

    def _look(self, fields: Fields, peer: Peer) -> Surroundings:
        outside = read_outside(fields, peer, self.rules)
        keeps_for = outside.is_trusted or self.rules.append_for
        earlier = find_all(fields, b"x-forwarded-for") if keeps_for else ()
        chain = b", ".join((*(v for v in earlier if v), peer.ip.encode("latin-1")))
        port = outside.port or DEFAULT_PORTS[outside.scheme]
        return Surroundings(
            outside=outside,
            fields=(
                (b"X-Forwarded-For", chain),
                (b"X-Forwarded-Proto", outside.scheme.encode()),
                (b"X-Forwarded-Host", outside.host.encode()),
                (b"X-Forwarded-Port", str(port).encode()),
                (b"X-Real-IP", outside.client_ip.encode()),
            ),
        )


def read_outside(fields: Fields, peer: Peer, rules: PeerRules) -> Outside:
    """
    Scheme, host and port as the browser sees them.

    Raises:
        MalformedUrl: Host (or a trusted X-Forwarded-Host) is not a host.
    """
    scheme = "https" if peer.tls else "http"
    host, port = split_host((find(fields, b"host") or b"").decode("latin-1"))
    if port is not None:
        port = rules.port_maps.get(port, port)
    is_trusted = rules.trusted.trusts(peer.ip)
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
        client_ip = find_client_ip(fields, peer.ip, rules)
    if not host:
        raise MalformedUrl("the request has no host")
    published = rules.port_maps.get(peer.local_port, peer.local_port)
    return Outside(
        scheme=scheme,
        host=host,
        port=None if port == DEFAULT_PORTS[scheme] else port,
        routed_port=published if port is None else port,
        client_ip=client_ip,
        is_trusted=is_trusted,
    )


def find_client_ip(fields: Fields, peer_ip: str, rules: PeerRules) -> str:
    """
    Who is behind trusted peers: the last address, or the right-most one nobody trusts.

    Reading stops at what is no address: everything left of it was written by a stranger.
    """
    listed = b",".join(find_all(fields, rules.real_ip_header)).decode("latin-1")
    found = peer_ip
    for text in reversed([part.strip() for part in listed.split(",")]):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            break
        if "%" in text:  # a zone may be any text, and means nothing elsewhere
            break
        found = str(address)
        if not rules.real_ip_recursive or not rules.trusted.trusts(found):
            break
    return found


def build_path_fields(
    fields: Fields, outside: Outside, target: Target, *, cut: int
) -> list[Field]:
    """The forwarded fields that say which path the browser asked for, and what we cut off."""
    path = target.raw_path.encode("ascii")
    prefix = target.path[:cut].encode("ascii") if cut > 1 else b""
    if outside.is_trusted:
        path = find(fields, b"x-forwarded-path") or path
        prefix = find(fields, b"x-forwarded-prefix") or prefix
    found = [(b"X-Forwarded-Path", path)]
    if prefix:
        found.append((b"X-Forwarded-Prefix", prefix))
    return found
