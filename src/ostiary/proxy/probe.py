"""
One question to a target: how are you?

Spec: gateway §3.11 (active checks).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass

from ostiary.gateway.balance import Balancer, build_host
from ostiary.gateway.balance_ways import Address
from ostiary.gateway.decision import TlsTo
from ostiary.gateway.health import Failure
from ostiary.http.head import RequestHead
from ostiary.http.url import split_host
from ostiary.model.balancing import Active
from ostiary.proxy import wire
from ostiary.proxy.tls import UpstreamTls

_STATUS = re.compile(rb"HTTP/\d\.\d +(\d{3})(?: |\r?\n)")
_MAX_LINE_BYTES = 8192
# A timeout of 0 is what Kong's sockets make of it.
_LONG_S = 60.0


@dataclass(frozen=True, slots=True)
class Answered:
    """The status of the reply; 0 where it has none."""

    status: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The connection was all that was asked for."""


@dataclass(frozen=True, slots=True)
class Broken:
    """No connection, no reply, or not in time."""

    failure: Failure


Result = Answered | Accepted | Broken


async def probe(balancer: Balancer, address: Address, tls: UpstreamTls) -> Result:
    """
    Ask one address.

    Raises:
        UnsafeHead: What the operator wants to be sent is no request.
    """
    active = balancer.upstream.healthchecks.active
    request = b"" if active.type == "tcp" else build_probe(balancer, address)
    try:
        async with asyncio.timeout(active.timeout or _LONG_S):
            return await _ask(balancer, address, tls, request)
    except TimeoutError:
        return Broken("timeout")
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
        # A name that TLS cannot ask for, or a first line without an end, is no answer either.
        return Broken("tcp")


def build_probe(balancer: Balancer, address: Address) -> bytes:
    """
    The request of a probe.

    Raises:
        UnsafeHead: It would not be one request.
    """
    active = balancer.upstream.healthchecks.active
    fields = [
        (name.encode("utf-8"), value.encode("utf-8"))
        for name, values in (active.headers or {}).items()
        for value in values
    ]
    if not any(name.lower() == b"host" for name, _ in fields):
        secure = active.type == "https"
        host = build_host(balancer.upstream, address, secure=secure)
        fields.insert(0, (b"Host", host))
    path = active.http_path.encode("ascii")
    head = RequestHead(method=b"GET", target=path, fields=tuple(fields))
    return wire.build_request(head, None, websocket=False)


def _context(
    active: Active, balancer: Balancer, address: Address, tls: UpstreamTls
) -> tuple[ssl.SSLContext | None, str | None]:
    if active.type != "https":
        return None, None
    header = balancer.upstream.host_header
    host = address.name if header is None else split_host(header)[0].strip("[]")
    name = active.https_sni or host
    to = TlsTo(
        server_name=name,
        verify=active.https_verify_certificate,
        client=balancer.shown,
    )
    return tls.context(to), name


async def _ask(
    balancer: Balancer, address: Address, tls: UpstreamTls, request: bytes
) -> Result:
    active = balancer.upstream.healthchecks.active
    context, name = _context(active, balancer, address, tls)
    reader, writer = await asyncio.open_connection(
        address.ip,
        address.port,
        ssl=context,
        server_hostname=name,
        limit=_MAX_LINE_BYTES,
    )
    try:
        if not request:
            return Accepted()
        writer.write(request)
        line = await reader.readuntil(b"\n")
        found = _STATUS.match(line)
        return Answered(int(found[1]) if found else 0)
    finally:
        writer.transport.abort()
