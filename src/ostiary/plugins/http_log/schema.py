"""
The configuration of `http-log`.

Spec: gateway §4.5 (http-log, queue).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator

from ostiary.kit import Check, Entity, Problem
from ostiary.kit.fields import SECRET, Field, HeaderName, Number, check_url, one_of
from ostiary.kit.queue import QueueRecord

_BOTH: Final = "specifying both an 'Authorization' header and user info in 'http_endpoint' is not allowed"
_OURS: Final = {
    "host": "Host",
    "content-length": "Content-Length",
    "content-type": "Content-Type",
}


def _check_endpoint(value: str) -> str:
    scheme, mark, rest = value.partition("://")
    authority, slash, path = rest.partition("/")
    check_url(scheme + mark + authority.rpartition("@")[2] + slash + path)
    return value


Endpoint = Annotated[str, AfterValidator(_check_endpoint)]


def _judge_headers(values: Mapping[str, Any]) -> Iterable[Problem]:
    names = {name.lower() for name in values["headers"] or {}}
    for lower, shown in _OURS.items():
        if lower in names:
            yield ("headers",), f"cannot contain '{shown}' header"
    if "authorization" in names and urlsplit(values["http_endpoint"]).username:
        yield (), _BOTH


class HttpLogConfig(Entity):
    """`config` of the plugin."""

    http_endpoint: Endpoint = Field(
        description="Where it is sent.", json_schema_extra=SECRET, repr=False
    )
    method: Annotated[str, one_of("POST", "PUT", "PATCH")] = Field(
        "POST", description="How it is sent."
    )
    content_type: Annotated[
        str, one_of("application/json", "application/json; charset=utf-8")
    ] = Field("application/json", description="The type that is said.")
    timeout: Number = Field(10000, description="Milliseconds for one try.")
    keepalive: Number = Field(
        60000, description="Read, and without effect: connections are kept anyway."
    )
    retry_count: int | None = Field(
        None, description="Read, and without effect, as in Kong: see queue."
    )
    queue_size: int | None = Field(
        None, description="The old name of queue.max_batch_size."
    )
    flush_timeout: Number | None = Field(
        None, description="The old name of queue.max_coalescing_delay."
    )
    headers: dict[HeaderName, str] | None = Field(
        None,
        description="More fields of the request.",
        json_schema_extra=SECRET,
        repr=False,
    )
    queue: QueueRecord = Field(
        default_factory=QueueRecord, description="How entries are gathered and sent."
    )
    custom_fields_by_lua: dict[str, str] | None = Field(
        None, description="Read, and without effect: there is no Lua here."
    )

    checks: ClassVar = (
        Check(fields=("headers", "http_endpoint"), judge=_judge_headers),
    )


def describe_warnings(config: HttpLogConfig) -> tuple[str, ...]:
    """What operators should know of a config that is accepted."""
    found = []
    if config.custom_fields_by_lua:
        found.append("custom_fields_by_lua has no effect")
    if config.retry_count is not None:
        found.append("retry_count has no effect: use queue.max_retry_time")
    if config.keepalive != 60000:
        found.append("keepalive has no effect")
    return tuple(found)
