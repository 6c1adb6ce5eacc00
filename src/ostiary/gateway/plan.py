"""A route as requests need it: what does not depend on the request, made once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ostiary.gateway.decision import KeyPair, Target, TlsTo
from ostiary.gateway.phases import Hooks, plan_hooks
from ostiary.http.head import Fields
from ostiary.kit import Handler
from ostiary.model.balancing import Upstream, upstream_key
from ostiary.model.certificates import CaCertificate, Certificate
from ostiary.model.gateway import Route, Service
from ostiary.model.row import Row

Chain = tuple[Handler, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """The rows that services may refer to: by id, and upstreams by `upstream_key`."""

    upstreams: Mapping[str, Upstream] = field(default_factory=dict, repr=False)
    certificates: Mapping[str, Certificate] = field(default_factory=dict, repr=False)
    authorities: Mapping[str, CaCertificate] = field(default_factory=dict, repr=False)

    def upstream(self, service: Service) -> Upstream | None:
        """The upstream that a service's host names, if it is one."""
        return self.upstreams.get(upstream_key(service.ws_id, service.host))

    def of(self, service: Service | None) -> tuple[Row, ...]:
        """
        The rows that the plans of a service are made from, besides itself.

        A plan is still good while each of them is the same object.
        """
        return () if service is None else tuple(self._found(service))

    def _found(self, service: Service) -> Iterator[Row]:
        upstream = self.upstream(service)
        if upstream is not None:
            yield upstream
        if service.protocol == "https":
            shown = self.shown(service)
            if shown is not None:
                yield shown
            for key in service.ca_certificates or ():
                if key in self.authorities:
                    yield self.authorities[key]

    def shown(self, service: Service) -> Certificate | None:
        """The certificate shown to whoever asks: the service's, else its upstream's."""
        upstream = self.upstream(service)
        for key in (
            service.client_certificate,
            None if upstream is None else upstream.client_certificate,
        ):
            if key is not None and key in self.certificates:
                return self.certificates[key]
        return None


NOTHING_REFERRED = Referred()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """
    One compiled route. `host` is what the upstream hears, but for `preserve_host`.

    With an `upstream` the service is behind the balancer of that key; `target` then only says
    how it is spoken to. `referred` is what else the plan was made from.

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
    upstream: str | None = None
    referred: tuple[Row, ...] = ()
    plain_hooks: Hooks = field(repr=False)
    secure_hooks: Hooks = field(repr=False)


def build_target(
    service: Service, *, verify: bool, referred: Referred = NOTHING_REFERRED
) -> Target:
    """Where a service is. `verify` applies where the service does not say."""
    host = service.host.strip("[]")
    return Target(
        host=host,
        port=service.port,
        tls=_build_tls(service, host, verify=verify, referred=referred)
        if service.protocol == "https"
        else None,
        connect_timeout_ms=service.connect_timeout,
        write_timeout_ms=service.write_timeout,
        read_timeout_ms=service.read_timeout,
    )


def _build_tls(
    service: Service, host: str, *, verify: bool, referred: Referred
) -> TlsTo:
    shown = referred.shown(service)
    trusted = service.ca_certificates
    return TlsTo(
        server_name=host,
        verify=verify if service.tls_verify is None else service.tls_verify,
        verify_depth=service.tls_verify_depth,
        # An authority that is not there is one that vouches for nobody.
        ca_pem="\n".join(
            referred.authorities[key].cert
            for key in trusted
            if key in referred.authorities
        )
        if trusted
        else None,
        client=None if shown is None else KeyPair(cert=shown.cert, key=shown.key),
    )


def build_plan(
    route: Route,
    service: Service | None,
    *,
    plain: Chain,
    secure: Chain,
    verify: bool,
    referred: Referred = NOTHING_REFERRED,
) -> Plan:
    """The plan of a route."""
    host, target, upstream = "", None, None
    named: list[tuple[str, str | None]] = [
        ("Kong-Route-Id", route.id),
        ("Kong-Route-Name", route.name),
    ]
    if service is not None:
        target = build_target(service, verify=verify, referred=referred)
        if referred.upstream(service) is not None:
            upstream = upstream_key(service.ws_id, service.host)
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
    plain_hooks = plan_hooks(plain)
    return Plan(
        route=route,
        service=service,
        target=target,
        host=host.encode("latin-1"),
        plain=plain,
        secure=secure,
        serves_plain="http" in route.protocols,
        debug_fields=tuple((n.encode(), v.encode()) for n, v in named if v),
        upstream=upstream,
        referred=referred.of(service),
        plain_hooks=plain_hooks,
        secure_hooks=plain_hooks
        if [*map(id, secure)] == [*map(id, plain)]
        else plan_hooks(secure),
    )
