"""
The configuration of `rate-limiting`.

The names that Kong had before 3.8 for the fields of `redis` are still read.

Spec: gateway §4.5 (rate-limiting).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Annotated, Any, ClassVar, Final

from pydantic import model_validator

from ostiary.kit import Check, Entity, Problem
from ostiary.kit.fields import (
    ROW,
    SECRET,
    Field,
    HeaderName,
    Host,
    NonEmpty,
    Number,
    Port,
    Positive,
    at_least_one_of,
    between,
    not_yet,
    one_of,
)

PERIODS: Final = ("second", "minute", "hour", "day", "month", "year")


class RedisRecord(Entity):
    """Where counters are, with the policy `redis`."""

    host: Host | None = Field(None, description="The server.")
    port: Port = Field(6379, description="Its port.")
    timeout: Annotated[int, between(0, 2147483646)] = Field(
        2000, description="Milliseconds to connect, to send and to read."
    )
    username: NonEmpty | None = Field(None, description="Of its access list.")
    password: NonEmpty | None = Field(
        None, description="Of its access list.", json_schema_extra=SECRET, repr=False
    )
    database: int = Field(0, description="The number of the database.")
    ssl: bool = Field(default=False, description="Speak TLS.")
    ssl_verify: bool = Field(default=False, description="Check its certificate.")
    server_name: NonEmpty | None = Field(
        None, description="What its certificate must say, when that is not the host."
    )


def _judge_order(values: Mapping[str, Any]) -> Iterable[Problem]:
    given = [(p, values[p]) for p in PERIODS if values[p] is not None]
    for (lower, few), (upper, many) in combinations(given, 2):
        if many < few:
            above = f"The limit for {upper}({many:.1f})"
            yield (), f"{above} cannot be lower than the limit for {lower}({few:.1f})"
            return


def _judge_needed(values: Mapping[str, Any]) -> Iterable[Problem]:
    by = values["limit_by"]
    for choice, name in (("header", "header_name"), ("path", "path")):
        if by == choice and values[name] is None:
            yield (name,), "required field missing"
            yield (
                ROW,
                "failed conditional validation given value of field 'config.limit_by'",
            )


def _judge_redis(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["policy"] == "redis" and values["redis"].host is None:
        yield ("redis", "host"), "required field missing"
        yield (
            ROW,
            "failed conditional validation given value of field 'config.policy'",
        )


def _judge_sync_rate(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["sync_rate"] != -1:
        if values["policy"] != "redis":
            yield (), "sync_rate can only be used with the redis policy"
        else:
            yield ("sync_rate",), "not supported yet"


class RateLimitingConfig(Entity):
    """`config` of the plugin."""

    second: Positive | None = Field(None, description="Requests in a second.")
    minute: Positive | None = Field(None, description="Requests in a minute.")
    hour: Positive | None = Field(None, description="Requests in an hour.")
    day: Positive | None = Field(None, description="Requests in a day.")
    month: Positive | None = Field(None, description="Requests in a month.")
    year: Positive | None = Field(None, description="Requests in a year.")
    limit_by: Annotated[
        str, one_of("consumer", "credential", "ip", "service", "header", "path")
    ] = Field(
        "consumer", description="Who is counted apart; the address where there is none."
    )
    header_name: HeaderName | None = Field(
        None, description="The field whose values are counted apart."
    )
    path: NonEmpty | None = Field(None, description="The path that is counted.")
    policy: Annotated[str, one_of("local", "cluster", "redis"), not_yet("cluster")] = (
        Field(
            "local",
            description="Where is counted: `local` on this node (all its workers), or `redis`.",
        )
    )
    fault_tolerant: bool = Field(
        default=True, description="Let everybody pass while nobody can count."
    )
    hide_client_headers: bool = Field(
        default=False, description="Do not tell clients how much is left."
    )
    error_code: Number = Field(429, description="The status of a refusal.")
    error_message: str = Field(
        "API rate limit exceeded", description="The message of a refusal."
    )
    sync_rate: Number = Field(
        -1, description="-1: every request is counted at once. Others are refused."
    )
    redis: RedisRecord = Field(
        default_factory=RedisRecord, description="Where counters are, with `redis`."
    )

    checks: ClassVar = (
        Check(fields=PERIODS, judge=_judge_order),
        at_least_one_of(*PERIODS),
        Check(fields=("limit_by", "header_name", "path"), judge=_judge_needed),
        Check(fields=("policy", "redis"), judge=_judge_redis),
        Check(fields=("policy", "sync_rate"), judge=_judge_sync_rate),
    )

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        old = {k: v for k, v in data.items() if k.startswith("redis_")}
        if not old:
            return data
        found = {k: v for k, v in data.items() if k not in old}
        record = {k.removeprefix("redis_"): v for k, v in old.items() if v is not None}
        newer = found.get("redis") or {}
        if isinstance(newer, Mapping):
            for name in record.keys() & newer.keys():
                if newer[name] is not None and newer[name] != record[name]:
                    raise ValueError(
                        "both deprecated and new field are used but their values mismatch: "
                        f"redis_{name} and redis.{name}"
                    )
            found["redis"] = {**newer, **record}
        return found
