"""
What the settings mean to a worker's gateway and proxy.

Spec: Kong's settings (gateway §5.3).
"""

from __future__ import annotations

import ipaddress

from ostiary import __version__
from ostiary.gateway.gateway import GatewayOptions, Tokens
from ostiary.proxy.limits import Limits
from ostiary.proxy.resolver import DnsTimes
from ostiary.settings import Settings


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def build_options(settings: Settings) -> GatewayOptions:
    """What the gateway decides by."""
    sent = settings.headers
    return GatewayOptions(
        version=__version__,
        trusted_ips=tuple(ipaddress.ip_network(n) for n in settings.trusted_ips),
        port_maps={listener: published for published, listener in settings.port_maps},
        real_ip_header=settings.real_ip_header,
        real_ip_recursive=settings.real_ip_recursive,
        append_forwarded_for=settings.forwarded_for_append,
        max_body_bytes=settings.client_max_body_size,
        allow_debug_header=settings.allow_debug_header,
        tokens=Tokens(
            server="server" in sent,
            via="via" in sent,
            upstream_latency="x-kong-upstream-latency" in sent,
            proxy_latency="x-kong-proxy-latency" in sent,
            response_latency="x-kong-response-latency" in sent,
            upstream_status="x-kong-upstream-status" in sent,
            request_id="x-kong-request-id" in sent,
            upstream_request_id="x-kong-request-id" in settings.headers_upstream,
        ),
    )


def build_dns_times(settings: Settings) -> DnsTimes:
    """How long the addresses of upstreams are remembered."""
    return DnsTimes(
        valid_s=settings.dns_valid_ttl,
        stale_s=settings.dns_stale_ttl,
        not_found_s=settings.dns_not_found_ttl,
        error_s=settings.dns_error_ttl,
    )


def build_limits(settings: Settings) -> Limits:
    """How long and how much the proxy takes."""
    shortest = min(
        settings.client_header_timeout,
        settings.client_body_timeout,
        settings.send_timeout,
        settings.keepalive_timeout,
    )
    return Limits(
        head_timeout_ms=_ms(settings.client_header_timeout),
        body_timeout_ms=_ms(settings.client_body_timeout),
        write_timeout_ms=_ms(settings.send_timeout),
        keepalive_timeout_ms=_ms(settings.keepalive_timeout),
        keepalive_requests=settings.keepalive_requests,
        pool_max_per_key=settings.upstream_max_connections,
        pool_idle_per_key=settings.upstream_keepalive_pool_size,
        pool_requests=settings.upstream_keepalive_max_requests,
        pool_idle_ms=_ms(settings.upstream_keepalive_idle_timeout),
        tick_ms=max(20, min(250, _ms(shortest) // 4)),
    )
