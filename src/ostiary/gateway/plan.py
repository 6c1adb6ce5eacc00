"""A route as requests need it: what does not depend on the request, made once."""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.gateway.decision import Target, TlsTo
from ostiary.gateway.phases import Hooks, plan_hooks
from ostiary.http.head import Fields
from ostiary.kit import Handler
from ostiary.model.gateway import Route, Service

Chain = tuple[Handler, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """
    One compiled route. `host` is what the upstream hears, but for `preserve_host`.

    `plain` and `secure` are the handlers for requests by http and by https, in order, and
    `plain_hooks` and `secure_hooks` who of them takes part in which phase.
    """

    route: Route
    service: Service | None
    target: Target | None
    host: bytes
    plain: Chain = field(repr=False)
    secure: Chain = field(repr=False)
    serves_plain: bool
    debug_fields: Fields
    plain_hooks: Hooks = field(repr=False)
    secure_hooks: Hooks = field(repr=False)


def build_target(service: Service, *, verify: bool) -> Target:
    """Where a service is. `verify` applies where the service does not say."""
    host = service.host.strip("[]")
    tls = None
    if service.protocol == "https":
        own = service.tls_verify
        tls = TlsTo(server_name=host, verify=verify if own is None else own)
    return Target(
        host=host,
        port=service.port,
        tls=tls,
        connect_timeout_ms=service.connect_timeout,
        write_timeout_ms=service.write_timeout,
        read_timeout_ms=service.read_timeout,
    )


def build_plan(
    route: Route, service: Service | None, *, plain: Chain, secure: Chain, verify: bool
) -> Plan:
    """The plan of a route."""
    host = ""
    named: list[tuple[str, str | None]] = [
        ("Kong-Route-Id", route.id),
        ("Kong-Route-Name", route.name),
    ]
    if service is not None:
        default = 443 if service.protocol == "https" else 80
        host = (
            service.host
            if service.port == default
            else f"{service.host}:{service.port}"
        )
        named += [
            ("Kong-Service-Id", service.id),
            ("Kong-Service-Name", service.name),
        ]
    return Plan(
        route=route,
        service=service,
        target=None if service is None else build_target(service, verify=verify),
        host=host.encode("latin-1"),
        plain=plain,
        secure=secure,
        serves_plain="http" in route.protocols,
        debug_fields=tuple((n.encode(), v.encode()) for n, v in named if v),
        plain_hooks=plan_hooks(plain),
        secure_hooks=plan_hooks(secure),
    )
