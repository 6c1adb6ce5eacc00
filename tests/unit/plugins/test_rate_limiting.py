"""The `rate-limiting` plugin."""

from __future__ import annotations

import calendar
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kit import Exchange, Instant, StorePlace
from ostiary.plugins import CATALOG
from ostiary.plugins.rate_limiting.windows import find_window
from ostiary.ports.shared import SharedUnavailable
from tests.unit.plugins.plugin_kit import (
    ANNA,
    BERT,
    PEER,
    Asked,
    Gate,
    Lender,
    build_snapshot,
    check,
    defaults,
    problems,
    values,
)

NONE_GIVEN = (
    "at least one of these fields must be non-empty: 'config.second', "
    "'config.minute', 'config.hour', 'config.day', 'config.month', 'config.year'"
)


class SignsIn(Instant):
    """Signs in whoever a test says."""

    def __init__(self) -> None:
        self.consumer: Any = None
        self.credential: str | None = None

    def access(self, exchange: Exchange) -> None:
        exchange.consumer = self.consumer
        exchange.credential = self.credential


class Away:
    """Counters that cannot be reached."""

    async def get(self, key: str) -> bytes | None:
        raise SharedUnavailable("the node socket closed")

    async def increment(self, key: str, by: int, *, ttl_s: float) -> int:
        raise SharedUnavailable("the node socket closed")


class World:
    """A limited route, and somebody who signs in before."""

    def __init__(self, lender: Lender | None = None, **config: Any) -> None:
        self.who = SignsIn()
        self.gate = Gate(lender=lender)
        kind = CATALOG["rate-limiting"]
        handler = kind.build(
            check("rate-limiting", config), "row-1", self.gate.lender.services()
        )
        self.gate.gateway.snapshot = build_snapshot(
            (self.who, handler), self.gate.consumers, {}, {}
        )

    async def ask(self, target: bytes = b"/", **more: Any) -> Asked:
        return await self.gate.ask(target, **more)

    async def passes(self, target: bytes = b"/", **more: Any) -> bool:
        asked = await self.ask(target, **more)
        return not hasattr(asked.decision, "reply")

    def move(self, seconds: float) -> None:
        self.gate.lender.clock.move(seconds)


@pytest.mark.spec("Kong#rate-limiting")
async def test_over_the_limit_requests_are_refused_until_the_window_ends() -> None:
    world = World(minute=2)

    assert [await world.passes() for _ in range(3)] == [True, True, False]
    world.move(59)
    assert not await world.passes()
    world.move(1)
    assert await world.passes()


@pytest.mark.spec("Kong#rate-limiting")
async def test_clients_are_told_what_is_left() -> None:
    world = World(second=2, minute=2)
    world.move(20)
    first = await world.ask()
    world.move(1)
    head, _ = first.respond(fields=((b"RateLimit-Limit", b"of the upstream"),))
    await world.ask()
    last = await world.ask()

    assert values(head.fields, "ratelimit-limit") == ["2"]
    assert values(head.fields, "ratelimit-remaining") == ["1"]
    assert values(head.fields, "ratelimit-reset") == ["40"]
    assert values(head.fields, "x-ratelimit-limit-second") == ["2"]
    assert values(head.fields, "x-ratelimit-remaining-second") == ["1"]
    assert values(head.fields, "x-ratelimit-remaining-minute") == ["1"]
    assert values(head.fields, "retry-after") == []
    assert last.reply.status == 429
    assert json.loads(last.reply.body)["message"] == "API rate limit exceeded"
    assert last.got("retry-after") == ["39"]
    assert last.got("x-ratelimit-remaining-minute") == ["0"]
    assert last.got("x-ratelimit-remaining-second") == ["0"]


@pytest.mark.spec("Kong#rate-limiting")
async def test_a_refused_request_counts_in_no_longer_window() -> None:
    world = World(second=1, minute=10)
    for _ in range(3):
        refused = await world.ask()
    world.move(1)
    head, _ = (await world.ask()).respond()

    assert refused.got("x-ratelimit-remaining-minute") == ["9"]
    assert values(head.fields, "x-ratelimit-remaining-minute") == ["8"]


@pytest.mark.spec("Kong#rate-limiting")
async def test_a_refusal_is_as_configured_and_tells_nothing_if_so_wanted() -> None:
    world = World(
        hour=1, error_code=418, error_message="slow down", hide_client_headers=True
    )
    passed = await world.ask()
    refused = await world.ask()

    assert refused.reply.status == 418
    assert json.loads(refused.reply.body)["message"] == "slow down"
    for name in ("retry-after", "ratelimit-limit", "x-ratelimit-limit-hour"):
        assert refused.got(name) == []
        assert values(passed.respond()[0].fields, name) == []


@pytest.mark.spec("Kong#rate-limiting")
async def test_consumers_are_counted_apart_and_strangers_by_address() -> None:
    world = World(minute=1)
    world.who.consumer = ANNA
    assert [await world.passes(), await world.passes()] == [True, False]
    world.who.consumer = BERT
    assert await world.passes()
    world.who.consumer, world.who.credential = None, "sub-1"
    assert await world.passes()
    world.who.credential = None
    assert [await world.passes(), await world.passes()] == [True, False]


@pytest.mark.spec("Kong#rate-limiting")
@pytest.mark.parametrize(
    ("config", "same", "other"),
    [
        ({"limit_by": "credential"}, {}, {"credential": "c2"}),
        ({"limit_by": "ip"}, {"credential": "c2"}, {"ip": "203.0.113.10"}),
        ({"limit_by": "service"}, {"ip": "203.0.113.10"}, None),
        (
            {"limit_by": "header", "header_name": "X-Key"},
            {"fields": ((b"x-key", b"planted"),)},
            {"fields": ((b"X-Key", b"other"),)},
        ),
        ({"limit_by": "path", "path": "/a"}, {"ip": "203.0.113.10"}, None),
    ],
)
async def test_who_is_counted_apart_is_configured(
    config: dict[str, Any], same: dict[str, Any], other: dict[str, Any] | None
) -> None:
    world = World(minute=1, **config)
    world.who.credential = "c1"

    async def passes(more: dict[str, Any]) -> bool:
        world.who.credential = more.get("credential", "c1")
        peer = {"ip": more.get("ip", PEER.ip)}
        return await world.passes(
            b"/a", peer=replace(PEER, **peer), fields=more.get("fields", ())
        )

    assert await passes(same)
    assert not await passes(same)
    if other is not None:
        assert await passes(other)


async def test_keys_in_fields_do_not_reach_the_place_of_the_counters() -> None:
    world = World(minute=1, limit_by="header", header_name="X-Key")
    await world.ask(fields=((b"X-Key", b"planted-secret"),))
    shared: Any = world.gate.lender.shared

    assert len(shared._rows.rows) == 1
    assert "planted" not in str(shared._rows.rows)


async def test_other_paths_and_absent_fields_are_counted_by_address() -> None:
    world = World(minute=1, limit_by="path", path="/a")

    assert [await world.passes(b"/b"), await world.passes(b"/c")] == [True, False]
    assert await world.passes(b"/a")


@pytest.mark.spec("Kong#rate-limiting")
async def test_while_nobody_can_count_everybody_passes_or_nobody() -> None:
    tolerant = World(Lender(shared=Away()), minute=1)
    strict = World(Lender(shared=Away()), minute=1, fault_tolerant=False)

    passed = await tolerant.ask()
    refused = await strict.ask()
    assert values(passed.respond()[0].fields, "ratelimit-limit") == []
    assert "failed to count" in tolerant.gate.lender.book.text
    assert refused.reply.status == 500
    assert json.loads(refused.reply.body)["message"] == "An unexpected error occurred"


@pytest.mark.spec("Kong#rate-limiting")
async def test_with_redis_is_counted_at_the_place_of_the_config() -> None:
    world = World(
        minute=1,
        policy="redis",
        redis={"host": "redis.internal", "password": "planted", "ssl": True},
    )
    place = StorePlace(
        host="redis.internal", password="planted", tls=True, verify_tls=False
    )

    assert [await world.passes(), await world.passes()] == [True, False]
    assert [*world.gate.lender.places] == [place]
    assert "planted" not in repr(check("rate-limiting", _redis(password="planted")))


def _redis(**record: Any) -> dict[str, Any]:
    return {"minute": 1, "policy": "redis", "redis": {"host": "r", **record}}


@pytest.mark.spec("Kong#rate-limiting")
def test_the_old_names_of_redis_are_read() -> None:
    old = {
        "minute": 1, "policy": "redis", "redis_host": "r", "redis_port": 7, "redis_timeout": 9,
        "redis_username": "u", "redis_password": "p", "redis_database": 2, "redis_ssl": True,
        "redis_ssl_verify": True, "redis_server_name": "n",
    }  # fmt: skip
    found = check("rate-limiting", old).redis

    assert found.model_dump() == {
        "host": "r", "port": 7, "timeout": 9, "username": "u", "password": "p",
        "database": 2, "ssl": True, "ssl_verify": True, "server_name": "n",
    }  # fmt: skip
    assert problems("rate-limiting", {**old, "redis": {"host": "r"}}) == ()
    assert problems("rate-limiting", {**old, "redis_colour": "x"}) == (
        (("redis", "colour"), "unknown field"),
    )


@pytest.mark.spec("Kong#rate-limiting")
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {},
            ((("@entity",), NONE_GIVEN),),
        ),
        (
            {"hour": 5, "minute": 10},
            (
                (
                    (),
                    "The limit for hour(5.0) cannot be lower than the limit for minute(10.0)",
                ),
            ),
        ),
        ({"minute": 0}, ((("minute",), "value must be greater than 0"),)),
        (
            {"minute": 1, "policy": "cluster"},
            ((("policy",), "not supported yet"),),
        ),
        (
            {"minute": 1, "sync_rate": 1},
            (((), "sync_rate can only be used with the redis policy"),),
        ),
        (
            {**_redis(), "sync_rate": 1},
            ((("sync_rate",), "not supported yet"),),
        ),
        (
            {"minute": 1, "limit_by": "header"},
            (
                (("header_name",), "required field missing"),
                (
                    ("@entity",),
                    "failed conditional validation given value of field 'config.limit_by'",
                ),
            ),
        ),
        (
            {"minute": 1, "limit_by": "path"},
            (
                (("path",), "required field missing"),
                (
                    ("@entity",),
                    "failed conditional validation given value of field 'config.limit_by'",
                ),
            ),
        ),
        (
            {"minute": 1, "policy": "redis"},
            (
                (("redis", "host"), "required field missing"),
                (
                    ("@entity",),
                    "failed conditional validation given value of field 'config.policy'",
                ),
            ),
        ),
    ],
)
def test_what_is_wrong_is_said_in_kongs_words(config: Any, expected: Any) -> None:
    assert problems("rate-limiting", config) == expected


@pytest.mark.spec("Kong#rate-limiting")
def test_defaults_are_kongs() -> None:
    assert defaults("rate-limiting", minute=5) == {
        "second": None, "minute": 5, "hour": None, "day": None, "month": None, "year": None,
        "limit_by": "consumer", "header_name": None, "path": None, "policy": "local",
        "fault_tolerant": True, "hide_client_headers": False, "error_code": 429,
        "error_message": "API rate limit exceeded", "sync_rate": -1,
        "redis": {
            "host": None, "port": 6379, "timeout": 2000, "username": None, "password": None,
            "database": 0, "ssl": False, "ssl_verify": False, "server_name": None,
        },
    }  # fmt: skip
    assert str(defaults("rate-limiting", minute=5)["minute"]) == "5"


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("second", (2028, 2, 29, 23, 59, 59), (2028, 3, 1, 0, 0, 0)),
        ("minute", (2028, 2, 29, 23, 59, 0), (2028, 3, 1, 0, 0, 0)),
        ("hour", (2028, 2, 29, 23, 0, 0), (2028, 3, 1, 0, 0, 0)),
        ("day", (2028, 2, 29, 0, 0, 0), (2028, 3, 1, 0, 0, 0)),
        ("month", (2028, 2, 1, 0, 0, 0), (2028, 3, 1, 0, 0, 0)),
        ("year", (2028, 1, 1, 0, 0, 0), (2029, 1, 1, 0, 0, 0)),
    ],
)
def test_windows_are_those_of_the_calendar(period: str, start: Any, end: Any) -> None:
    now = calendar.timegm((2028, 2, 29, 23, 59, 59)) + 0.5

    assert find_window(period, now) == (calendar.timegm(start), calendar.timegm(end))
    december = calendar.timegm((2028, 12, 31, 0, 0, 0))
    assert find_window("month", december)[1] == calendar.timegm((2029, 1, 1, 0, 0, 0))


@given(st.floats(min_value=0, max_value=4e9))
def test_every_moment_lies_in_its_windows_and_these_in_one_another(now: float) -> None:
    found = [
        find_window(p, now)
        for p in ("second", "minute", "hour", "day", "month", "year")
    ]

    assert all(start <= now < end for start, end in found)
    for (inner_start, inner_end), (start, end) in pairwise(found):
        assert start <= inner_start < inner_end <= end
