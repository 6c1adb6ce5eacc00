"""
HTTP requests of our own, over aiohttp: pooled, bounded, verified, never redirected.

`localhost` and names below it are loopback without asking a resolver (RFC 6761 §6.3): many
systems cannot resolve `idp.localhost`, and none may send that question to a name server.

Where a URL from metadata leads is checked before it is asked, because a connection may be open
already, and again with the addresses that a new connection is made to: a name may change meanwhile.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.url import DEFAULT_PORTS
from ostiary.ports.fetch import FailureKind, FetchFailed, FetchLimits

_CONNECTIONS = 64
_CONNECTIONS_PER_HOST = 48  # a slow provider leaves some for the others
REMEMBERED_S = 10.0
MAX_REMEMBERED = 1000
# Those of the request that a connection is made for.
_LIMITS: ContextVar[FetchLimits | None] = ContextVar("limits", default=None)
# What OpenSSL says of a certificate (x509_vfy.h).
_EXPIRED = 10
_OTHER_NAME = frozenset({62, 64})
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Where in it the address of IPv4 is, only its operator knows (RFC 8215, RFC 6052 §2.2).
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_GLOBAL = ipaddress.IPv6Network(
    "2000::/3"
)  # all that is global unicast (RFC 4291 §2.4)
_PROTOCOL = ipaddress.IPv4Network("192.0.0.0/24")  # global to Python before 3.11.9
# Where clouds tell a machine its secrets, besides the link-local addresses.
_CLOUD = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure; looks public
        "192.0.0.192",  # Oracle
        "fd00:42::42",  # Scaleway
        "fd00:c1::a9fe:a9fe",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google
    )
)


def _plain(text: str) -> Address:
    """An address; one of IPv4 in the clothes of IPv6 is that of IPv4: mapped, NAT64, 6to4."""
    # A zone makes an address unequal to the same one in a list, but leads to no other place.
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _describe_forbidden(address: Address) -> str | None:
    """What an address is that no metadata may lead to, not even that of an inner issuer (D7)."""
    if address in _CLOUD:
        return "where a cloud keeps the secrets of its machines"
    if address in _LOCAL_NAT64:
        return "an address behind a local NAT64, which may be any"
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return "a link-local address"
    return None


def _is_inner(address: Address) -> bool:
    """
    Tell whether an address is not one of the open Internet.

    Not `is_private`: shared addresses (100.64.0.0/10), site-local ones and reserved ones are
    somebody's inside too.
    """
    if isinstance(address, ipaddress.IPv6Address):
        return address not in _GLOBAL or not address.is_global
    return not address.is_global or address.is_reserved or address in _PROTOCOL


class _Resolver(AbstractResolver):
    """Remembers answers for a moment, and refuses those where the request must not go."""

    def __init__(self) -> None:
        self._system: AbstractResolver = DefaultResolver()
        # By the host alone: what it is judged by is what is connected to, at whatever port.
        self._recent: dict[str, tuple[float, list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._find(host, port, family)
        limits = _LIMITS.get()
        if limits is not None:
            await self._judge_all(host, port, _addresses(found), limits)
        return found

    async def check(self, host: str, port: int, limits: FetchLimits) -> None:
        """
        Judge a host, which may be an address itself.

        Raises:
            FetchFailed: It leads where the issuer itself is not (D7), or further than it may.
        """
        if limits.reach == "any" and limits.beside in {None, host}:
            return
        try:
            addresses = [_plain(host)]
        except ValueError:
            addresses = _addresses(await self._find(host, port))
        await self._judge_all(host, port, addresses, limits)

    async def _judge_all(
        self, host: str, port: int, addresses: Sequence[Address], limits: FetchLimits
    ) -> None:
        _judge_reach(host, addresses, limits)
        if limits.beside is not None and limits.beside != host:
            await self._judge(host, port, addresses, limits.beside)

    async def _judge(
        self, host: str, port: int, addresses: Sequence[Address], issuer_host: str
    ) -> None:
        for address in addresses:
            if (why := _describe_forbidden(address)) is not None:
                raise FetchFailed(f"the metadata names {host}, {why}", "place")
        if any(_is_inner(address) for address in addresses):
            own = _addresses(await self._find(issuer_host, port))
            # Who is behind a local NAT64 may be anybody: not an inner issuer.
            if not all(_is_inner(a) and a not in _LOCAL_NAT64 for a in own):
                raise FetchFailed(
                    f"the metadata names {host}, a private address, but the issuer is public",
                    "place",
                )

    async def _find(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host == "localhost" or host.endswith(".localhost"):
            return [
                ResolveResult(
                    hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET,
                    proto=0, flags=socket.AI_NUMERICHOST,
                )
            ]  # fmt: skip
        now = asyncio.get_running_loop().time()
        known = self._recent.get(host)
        if known is None or now >= known[0]:
            found = await self._system.resolve(host, port, family)
            if len(self._recent) > MAX_REMEMBERED:
                self._recent.clear()
            known = self._recent[host] = (now + REMEMBERED_S, found)
        return [_at_port(row, port) for row in known[1]]

    async def close(self) -> None:
        await self._system.close()


def _at_port(row: ResolveResult, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=row["hostname"],
        host=row["host"],
        port=port,
        family=row["family"],
        proto=row["proto"],
        flags=row["flags"],
    )


def _addresses(found: Sequence[ResolveResult]) -> list[Address]:
    return [_plain(row["host"]) for row in found]


def _judge_reach(host: str, addresses: Sequence[Address], limits: FetchLimits) -> None:
    """Refuse what is further away than a request may go."""
    if limits.reach == "any":
        return
    for address in addresses:
        if (why := _describe_forbidden(address)) is not None:
            raise FetchFailed(f"{host} is {why}", "place")
    if limits.reach == "outside" and any(map(_is_inner, addresses)):
        raise FetchFailed(f"{host} is a private address", "place")


def _describe(error: Exception, host: str) -> FetchFailed:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return FetchFailed(
                f"the certificate of {host} is not trusted ({error.certificate_error}); "
                "set lua_ssl_trusted_certificate to its CA",
                _kind_of_certificate(error.certificate_error),
            )
        case aiohttp.ClientSSLError():
            return FetchFailed(f"TLS with {host} failed", "tls")
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return FetchFailed(f"the name {host} cannot be resolved", "name")
        case aiohttp.ClientConnectorError():
            why = error.os_error.strerror or "refused"
            return FetchFailed(f"no connection to {host} ({why})", "connection")
        case TimeoutError():
            return FetchFailed(f"{host} did not answer in time", "time")
        case _:
            name = type(error).__name__
            return FetchFailed(f"the exchange with {host} broke off ({name})")


def _kind_of_certificate(error: Exception) -> FailureKind:
    code = getattr(error, "verify_code", 0)
    if code == _EXPIRED:
        return "certificate_expired"
    return "certificate_other_name" if code in _OTHER_NAME else "certificate_untrusted"


class AiohttpFetch:
    """
    The fetch port. Make it inside a running loop and `close` it.

    Without `keeps` each request has a connection of its own, so that its address is judged by the
    limits of this request and of no other.
    """

    def __init__(self, *, ca_file: str | None = None, keeps: bool = True) -> None:
        context = ssl.create_default_context(cafile=ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._verified = context
        # The operator's explicit `ssl_verify: false` (decision D29); reported where it is set.
        self._unverified = ssl.create_default_context()
        self._unverified.check_hostname = False
        self._unverified.verify_mode = ssl.CERT_NONE
        self._resolver = _Resolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                limit=_CONNECTIONS,
                limit_per_host=_CONNECTIONS_PER_HOST,
                use_dns_cache=False,
                force_close=not keeps,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            trust_env=False,
        )

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        options: dict[str, Any] = {
            "headers": list(request.fields),
            "data": request.body or None,
            "allow_redirects": False,
            "timeout": aiohttp.ClientTimeout(total=limits.timeout_s),
            "ssl": self._verified if limits.verify_tls else self._unverified,
        }
        host = request.url.split("/")[2] if request.url.count("/") >= 2 else request.url
        known = _LIMITS.set(limits)
        try:
            await self._check_place(request.url, limits)
            async with self._session.request(
                request.method, request.url, **options
            ) as reply:
                body = bytearray()
                async for chunk in reply.content.iter_chunked(65536):
                    body += chunk
                    if len(body) > limits.max_body_bytes:
                        raise FetchFailed(
                            f"{host} sent more than {limits.max_body_bytes} bytes",
                            "size",
                        )
                fields = {name.lower(): value for name, value in reply.headers.items()}
                return IncomingReply(
                    status=reply.status, fields=fields, body=bytes(body)
                )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _describe(error, host) from error
        finally:
            _LIMITS.reset(known)

    async def _check_place(self, url: str, limits: FetchLimits) -> None:
        """Refuse an address before it is asked: a connection to it may be open already."""
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
        await self._resolver.check(parts.hostname or "", port, limits)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await asyncio.sleep(0)
