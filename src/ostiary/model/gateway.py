"""
Services, routes, consumers and plugins as people configure them.

What Kong has and we do not yet is known by name and refused when set (decision D28): a
setting that is stored and ignored would be a lie.

Spec: Kong's entity schemas of services, routes, consumers and plugins.
"""

from __future__ import annotations

from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from ostiary.http.url import DEFAULT_PORTS
from ostiary.model.fields import (
    LIST,
    SET,
    Entity,
    HeaderName,
    Host,
    Method,
    Name,
    NonEmpty,
    Path,
    Port,
    RouteHost,
    RoutePath,
    Tags,
    Timeout,
    Uuid,
    between,
    compile_pattern,
    one_of,
)

_LATER_PROTOCOLS = {
    "grpc",
    "grpcs",
    "tcp",
    "tls",
    "tls_passthrough",
    "udp",
    "ws",
    "wss",
}


def _refuse_value(value: object) -> object:
    if value not in (None, (), []):
        raise ValueError("not supported yet")
    return None


NotYet = Annotated[None, BeforeValidator(_refuse_value)]


def _check_protocol(value: object) -> object:
    if isinstance(value, str) and value in _LATER_PROTOCOLS:
        raise ValueError(f"protocol '{value}' is not supported yet")
    return value


Protocol = Annotated[str, one_of("http", "https"), BeforeValidator(_check_protocol)]


class Row(Entity):
    """What every stored row has."""

    id: Uuid | None = None
    created_at: int | None = None
    updated_at: int | None = None
    tags: Tags = None


class Service(Row):
    """An upstream service; `url` is shorthand for protocol, host, port and path."""

    name: Name | None = None
    retries: Annotated[int, between(0, 32767)] = 5
    protocol: Protocol = "http"
    host: Host
    port: Port = 80
    path: Path | None = None
    connect_timeout: Timeout = 60000
    write_timeout: Timeout = 60000
    read_timeout: Timeout = 60000
    tls_verify: bool | None = None
    tls_verify_depth: NotYet = None
    client_certificate: NotYet = None
    ca_certificates: NotYet = None
    enabled: bool = True

    @model_validator(mode="before")
    @classmethod
    def _expand_url(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "url" not in data:
            return data
        rest = {k: v for k, v in data.items() if k != "url"}
        url = data["url"]
        if url is None:
            return rest
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
            port = parts.port
        except ValueError as error:
            raise ValueError("url: not a URL") from error
        if not parts.scheme:
            raise ValueError("url: missing scheme in url")
        if not parts.hostname:
            raise ValueError("url: missing host in url")
        rest["protocol"] = parts.scheme
        host = parts.hostname
        rest["host"] = f"[{host}]" if ":" in host else host
        rest["port"] = port or DEFAULT_PORTS.get(parts.scheme, 80)
        if parts.path:
            rest["path"] = parts.path
        return rest

    @model_validator(mode="after")
    def _tls_only(self) -> Self:
        if self.tls_verify is not None and self.protocol != "https":
            raise ValueError("'tls_verify' can only be set when 'protocol' is 'https'")
        return self


class Route(Row):
    """Which requests go to a service, and how their path changes on the way."""

    name: Name | None = None
    protocols: Annotated[tuple[Protocol, ...], SET, Field(min_length=1)] = (
        "http",
        "https",
    )
    methods: Annotated[tuple[Method, ...] | None, SET] = None
    hosts: Annotated[tuple[RouteHost, ...] | None, LIST] = None
    paths: Annotated[tuple[RoutePath, ...] | None, LIST] = None
    headers: dict[HeaderName, Annotated[tuple[NonEmpty, ...], LIST]] | None = None
    snis: Annotated[tuple[RouteHost, ...] | None, SET] = None
    sources: NotYet = None
    destinations: NotYet = None
    https_redirect_status_code: int = 426
    regex_priority: int = 0
    strip_path: bool = True
    path_handling: Annotated[str, one_of("v0", "v1")] = "v0"
    preserve_host: bool = False
    request_buffering: bool = True
    response_buffering: bool = True
    service: Uuid | None = None

    @model_validator(mode="after")
    def _needs_an_attribute(self) -> Self:
        if self.https_redirect_status_code not in {426, 301, 302, 307, 308}:
            raise ValueError(
                "https_redirect_status_code: expected one of: 426, 301, 302, 307, 308"
            )
        if self.headers and any(name.lower() == "host" for name in self.headers):
            raise ValueError(
                "headers: cannot contain 'host' header, which must be specified in the "
                "'hosts' attribute"
            )
        for values in (self.headers or {}).values():
            if len(values) == 1 and values[0].startswith("~*"):
                compile_pattern(values[0][2:])
        if self.snis and "https" not in self.protocols:
            raise ValueError(
                "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or "
                "'tls_passthrough'"
            )
        if not any((self.methods, self.hosts, self.headers, self.paths, self.snis)):
            secure = "https" in self.protocols
            names = "'methods', 'hosts', 'headers', 'paths'" + (
                ", 'snis'" if secure else ""
            )
            raise ValueError(
                f"must set one of {names} when 'protocols' is '{'https' if secure else 'http'}'"
            )
        return self


class Consumer(Row):
    """Somebody whom the gateway knows: by a name of its own, an id elsewhere, or both."""

    username: NonEmpty | None = None
    custom_id: NonEmpty | None = None

    @model_validator(mode="after")
    def _needs_a_name(self) -> Self:
        if self.username is None and self.custom_id is None:
            raise ValueError(
                "at least one of these fields must be non-empty: 'custom_id', 'username'"
            )
        return self


class Plugin(Row):
    """One plugin on a route, on a service, or on everything."""

    name: str
    instance_name: Name | None = None
    route: Uuid | None = None
    service: Uuid | None = None
    consumer: NotYet = None
    consumer_group: NotYet = None
    ordering: NotYet = None
    config: dict[str, Any] = Field(default_factory=dict)
    protocols: Annotated[tuple[str, ...], SET] = ("grpc", "grpcs", "http", "https")
    enabled: bool = True


class Config(Entity):
    """A whole configuration: rows with ids, references resolved. Order is that of the file."""

    services: tuple[Service, ...] = ()
    routes: tuple[Route, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    plugins: tuple[Plugin, ...] = ()
