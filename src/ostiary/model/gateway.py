"""
Services, routes, consumers and plugins as people configure them.

What Kong has and we do not yet is known by name and refused when set (decision D28): a
setting that is stored and ignored would be a lie.

Spec: Kong's entity schemas of services, routes, consumers and plugins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from ostiary.http.url import DEFAULT_PORTS
from ostiary.model.entity import Check, build_error
from ostiary.model.fields import (
    LIST,
    SET,
    HeaderName,
    Host,
    Method,
    Name,
    NonEmpty,
    Path,
    Port,
    RouteHost,
    RoutePath,
    Timeout,
    Uuid,
    between,
    compile_pattern,
    one_of,
)
from ostiary.model.row import NotYet, Row
from ostiary.model.words import Problem

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


def _check_protocol(value: object) -> object:
    if isinstance(value, str) and value in _LATER_PROTOCOLS:
        raise ValueError(f"protocol '{value}' is not supported yet")
    return value


Protocol = Annotated[str, one_of("http", "https"), BeforeValidator(_check_protocol)]


_SECURE = frozenset({"https", "tls"})


def _judge_tls(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["protocol"] in _SECURE:
        return
    for name in (
        "client_certificate",
        "tls_verify",
        "tls_verify_depth",
        "ca_certificates",
    ):
        if values.get(name) is not None:
            yield (name,), "value must be null"
            yield (), "failed conditional validation given value of field 'protocol'"


def _refuse_url(text: str) -> ValidationError:
    return build_error("Service", [(("url",), text)])


def expand_url(data: Mapping[str, Any]) -> dict[str, Any]:
    """
    `url` as protocol, host, port and path.

    Raises:
        ValidationError: It is no URL.
    """
    rest = {k: v for k, v in data.items() if k != "url"}
    url = data.get("url")
    if url is None:
        return rest
    if not isinstance(url, str):
        raise _refuse_url("expected a string")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refuse_url("not a URL") from error
    if not parts.scheme:
        raise _refuse_url("missing scheme in url")
    if not parts.hostname:
        raise _refuse_url("missing host in url")
    host = parts.hostname
    return {
        "path": parts.path or None,
        **rest,
        "protocol": parts.scheme,
        "host": f"[{host}]" if ":" in host else host,
        "port": port or DEFAULT_PORTS.get(parts.scheme, 80),
        **({"path": parts.path} if parts.path else {}),
    }


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
    tls_verify_depth: Annotated[int, between(0, 64)] | None = None
    client_certificate: Uuid | None = None
    ca_certificates: Annotated[tuple[Uuid, ...] | None, LIST] = None
    enabled: bool = True

    checks: ClassVar = (Check(fields=("protocol",), judge=_judge_tls),)

    @model_validator(mode="before")
    @classmethod
    def _take_url(cls, data: Any) -> Any:
        return expand_url(data) if isinstance(data, dict) else data


def _judge_headers(values: Mapping[str, Any]) -> Iterable[Problem]:
    headers = values["headers"] or {}
    if any(name.lower() == "host" for name in headers):
        yield (
            ("headers",),
            "cannot contain 'host' header, which must be specified in the 'hosts' attribute",
        )
    for name, patterns in headers.items():
        if len(patterns) == 1 and patterns[0].startswith("~*"):
            try:
                compile_pattern(patterns[0][2:])
            except ValueError as error:
                yield ("headers", name), str(error)


def _judge_snis(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["snis"] and "https" not in values["protocols"]:
        yield (
            ("snis",),
            "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'",
        )
        yield (), "failed conditional validation given value of field 'protocols'"


def _judge_attributes(values: Mapping[str, Any]) -> Iterable[Problem]:
    if any(values[n] for n in ("methods", "hosts", "headers", "paths", "snis")):
        return
    secure = "https" in values["protocols"]
    names = "'methods', 'hosts', 'headers', 'paths'" + (", 'snis'" if secure else "")
    scheme = "https" if secure else "http"
    yield (), f"must set one of {names} when 'protocols' is '{scheme}'"


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
    https_redirect_status_code: Annotated[int, one_of(426, 301, 302, 307, 308)] = 426
    regex_priority: int = 0
    strip_path: bool = True
    path_handling: Annotated[str, one_of("v0", "v1")] = "v0"
    preserve_host: bool = False
    request_buffering: bool = True
    response_buffering: bool = True
    service: Uuid | None = None

    checks: ClassVar = (
        Check(fields=("headers",), judge=_judge_headers),
        Check(fields=("protocols", "snis"), judge=_judge_snis),
        Check(
            fields=("protocols", "methods", "hosts", "headers", "paths", "snis"),
            judge=_judge_attributes,
        ),
    )


def _judge_names(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["username"] is None and values["custom_id"] is None:
        yield (
            (),
            "at least one of these fields must be non-empty: 'custom_id', 'username'",
        )


class Consumer(Row):
    """Somebody whom the gateway knows: by a name of its own, an id elsewhere, or both."""

    username: NonEmpty | None = None
    custom_id: NonEmpty | None = None

    checks: ClassVar = (Check(fields=("username", "custom_id"), judge=_judge_names),)


class ConsumerGroup(Row):
    """Consumers who are treated alike."""

    name: Name


class Membership(Row):
    """A consumer's place in a consumer group."""

    consumer: Uuid
    consumer_group: Uuid


PluginProtocol = Annotated[
    str,
    one_of(
        "grpc",
        "grpcs",
        "http",
        "https",
        "tcp",
        "tls",
        "tls_passthrough",
        "udp",
        "ws",
        "wss",
    ),
]


class Plugin(Row):
    """One plugin on a route, a service, a consumer, a group of them, or on everything."""

    name: str
    instance_name: Name | None = None
    route: Uuid | None = None
    service: Uuid | None = None
    consumer: Uuid | None = None
    consumer_group: Uuid | None = None
    ordering: NotYet = None
    config: dict[str, Any] = Field(default_factory=dict)
    protocols: Annotated[tuple[PluginProtocol, ...], SET] = (
        "grpc",
        "grpcs",
        "http",
        "https",
    )
    enabled: bool = True
