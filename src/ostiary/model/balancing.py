"""
Upstreams: a name for several targets, and how one of them is chosen.

Spec: gateway §§1.6, 1.7, 3.10, 3.11.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, model_validator

from ostiary.http.url import MalformedUrl, split_host
from ostiary.model.entity import Check, Entity
from ostiary.model.fields import (
    LIST,
    HeaderName,
    HostAndPort,
    NonEmpty,
    Path,
    Tags,
    Uuid,
    between,
    is_ip,
    one_of,
)
from ostiary.model.row import NotYetTrue, Row
from ostiary.model.words import Problem

_STATUSES = "http_statuses"
_HASHES = (
    "none",
    "consumer",
    "ip",
    "header",
    "cookie",
    "path",
    "query_arg",
    "uri_capture",
)
Interval = Annotated[int, between(0, 65535)]
Count = Annotated[int, between(0, 255)]
Statuses = Annotated[tuple[Annotated[int, between(100, 999)], ...], LIST]


def _refuse_later(*later: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, str) and value in later:
            raise ValueError(f"'{value}' is not supported yet")
        return value

    return BeforeValidator(check)


ProbeType = Annotated[
    str, one_of("tcp", "http", "https"), _refuse_later("grpc", "grpcs")
]


class ActiveHealthy(Entity):
    """When probes call a target healthy; `interval` in seconds, 0 is never."""

    interval: Interval = 0
    http_statuses: Statuses = (200, 302)
    successes: Count = 0


class ActiveUnhealthy(Entity):
    """When probes call a target unhealthy; `interval` in seconds, counts of 0 are off."""

    interval: Interval = 0
    http_statuses: Statuses = (429, 404, 500, 501, 502, 503, 504, 505)
    tcp_failures: Count = 0
    timeouts: Count = 0
    http_failures: Count = 0


class Active(Entity):
    """Probes; `timeout` in seconds."""

    type: ProbeType = "http"
    timeout: Annotated[float, between(0, 65535)] = 1
    concurrency: Annotated[int, between(1, 2147483648)] = 10
    http_path: Path = "/"
    https_sni: NonEmpty | None = None
    https_verify_certificate: bool = True
    headers: dict[HeaderName, Annotated[tuple[NonEmpty, ...], LIST]] | None = None
    healthy: ActiveHealthy = ActiveHealthy()
    unhealthy: ActiveUnhealthy = ActiveUnhealthy()


class PassiveHealthy(Entity):
    """When real replies call a target healthy."""

    http_statuses: Statuses = (
        200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305,
        306, 307, 308,
    )  # fmt: skip
    successes: Count = 0


class PassiveUnhealthy(Entity):
    """When real replies and failures call a target unhealthy."""

    http_statuses: Statuses = (429, 500, 503)
    tcp_failures: Count = 0
    timeouts: Count = 0
    http_failures: Count = 0


class Passive(Entity):
    """What real traffic tells of targets."""

    type: ProbeType = "http"
    healthy: PassiveHealthy = PassiveHealthy()
    unhealthy: PassiveUnhealthy = PassiveUnhealthy()


class Healthchecks(Entity):
    """Both kinds of checks; `threshold` is the share of weight, in percent, that must be healthy."""

    active: Active = Active()
    passive: Passive = Passive()
    threshold: Annotated[float, between(0, 100)] = 0


def _check_upstream_name(value: str) -> str:
    if is_ip(value):
        raise ValueError(f"Invalid name ('{value}'); no ip addresses allowed")
    try:
        _, port = split_host(value)
    except MalformedUrl as error:
        raise ValueError(
            f"Invalid name ('{value}'); must be a valid hostname"
        ) from error
    if port is not None:
        raise ValueError(f"Invalid name ('{value}'); no port allowed")
    return value


def _conditional(field: str, missing: str) -> Iterator[Problem]:
    yield (missing,), "required field missing"
    yield (), f"failed conditional validation given value of field '{field}'"


_NEEDED = {
    "header": "header",
    "query_arg": "query_arg",
    "uri_capture": "uri_capture",
}


def _judge_hash(values: Mapping[str, Any]) -> Iterable[Problem]:
    on, fallback = values["hash_on"], values["hash_fallback"]
    for field in ("hash_on", "hash_fallback"):
        needed = _NEEDED.get(values[field])
        if needed and values[f"{field}_{needed}"] is None:
            yield from _conditional(field, f"{field}_{needed}")
    if "cookie" in {on, fallback} and values["hash_on_cookie"] is None:
        yield from _conditional(
            "hash_on" if on == "cookie" else "hash_fallback", "hash_on_cookie"
        )
    if on in {"none", "cookie"} and fallback != "none":
        yield ("hash_fallback",), "expected one of: none"
        yield (), "failed conditional validation given value of field 'hash_on'"
    if on == fallback and on in {"consumer", "ip", "path"}:
        yield (
            ("hash_fallback",),
            "expected one of: " + ", ".join(h for h in _HASHES if h != on),
        )
        yield (), "failed conditional validation given value of field 'hash_on'"


def _judge_distinct(values: Mapping[str, Any]) -> Iterable[Problem]:
    for name in _NEEDED.values():
        pair = (f"hash_on_{name}", f"hash_fallback_{name}")
        if values[pair[0]] is not None and values[pair[0]] == values[pair[1]]:
            yield (
                (),
                f"values of these fields must be distinct: '{pair[0]}', '{pair[1]}'",
            )


def expand_algorithm(data: Mapping[str, Any]) -> dict[str, Any]:
    """
    What `algorithm` says of `hash_on`, and `hash_on` of `algorithm`: Kong sets one by the other.

    Spec: gateway §1.6.
    """
    algorithm, on = data.get("algorithm"), data.get("hash_on")
    if algorithm == "least-connections" or (algorithm == "round-robin" and on is None):
        return {**data, "hash_on": "none"}
    if on == "none":
        # Both are said by who writes whole rows; Kong would show another than was written.
        return {"algorithm": "round-robin", **data}
    if isinstance(on, str) and on in _HASHES:
        return {**data, "algorithm": "consistent-hashing"}
    return {**data}


class Upstream(Row):
    """A virtual host name that services may name as their host."""

    name: Annotated[NonEmpty, AfterValidator(_check_upstream_name)]
    algorithm: Annotated[
        str,
        one_of("consistent-hashing", "least-connections", "round-robin"),
        _refuse_later("latency", "sticky-sessions"),
    ] = "round-robin"
    hash_on: Annotated[str, one_of(*_HASHES)] = "none"
    hash_fallback: Annotated[str, one_of(*_HASHES)] = "none"
    hash_on_header: HeaderName | None = None
    hash_fallback_header: HeaderName | None = None
    hash_on_cookie: HeaderName | None = None
    hash_on_cookie_path: Path = "/"
    hash_on_query_arg: NonEmpty | None = None
    hash_fallback_query_arg: NonEmpty | None = None
    hash_on_uri_capture: NonEmpty | None = None
    hash_fallback_uri_capture: NonEmpty | None = None
    slots: Annotated[int, between(10, 65536)] = 10000
    healthchecks: Healthchecks = Healthchecks()
    host_header: HostAndPort | None = None
    client_certificate: Uuid | None = None
    use_srv_name: NotYetTrue = False

    checks: ClassVar = (
        Check(
            fields=(
                "hash_on", "hash_fallback", "hash_on_header", "hash_fallback_header",
                "hash_on_cookie", "hash_on_query_arg", "hash_fallback_query_arg",
                "hash_on_uri_capture", "hash_fallback_uri_capture",
            ),
            judge=_judge_hash,
        ),
        Check(
            fields=(
                "hash_on_header", "hash_fallback_header", "hash_on_query_arg",
                "hash_fallback_query_arg", "hash_on_uri_capture",
                "hash_fallback_uri_capture",
            ),
            judge=_judge_distinct,
        ),
    )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _take_algorithm(cls, data: Any) -> Any:  # Any: not validated yet
        return expand_algorithm(data) if isinstance(data, dict) else data


def _check_target(value: str) -> str:
    try:
        host, port = split_host(value)
    except MalformedUrl as error:
        text = f"Invalid target ('{value}'); not a valid hostname or ip address"
        raise ValueError(text) from error
    return f"{host}:{8000 if port is None else port}"


def upstream_key(workspace: str | None, name: str) -> str:
    """What no two upstreams share: the name in lower case, after a workspace but `default`."""
    return name.lower() if workspace is None else f"{workspace}/{name.lower()}"


class Target(Row):
    """One address behind an upstream; a weight of 0 takes it out. Times with milliseconds."""

    created_at: float | None = None  # type: ignore[assignment]  # Kong's targets have ms
    updated_at: float | None = None  # type: ignore[assignment]  # Kong's targets have ms
    upstream: Uuid
    target: Annotated[NonEmpty, AfterValidator(_check_target)]
    weight: Annotated[int, between(0, 65535)] = 100
    tags: Tags = None
