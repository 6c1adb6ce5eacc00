"""Requests to a service whose host is the name of an upstream."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.gateway.decision import NO_PEER, Forward
from ostiary.gateway.gateway import Gateway
from ostiary.http.head import Fields, ResponseHead
from tests.unit.gateway.balance_kit import passive, serve, target, targets
from tests.unit.gateway.gateway_kit import (
    World,
    answer,
    ask,
    forward,
    route,
    service,
    values,
)


def sent(gateway: Gateway, **more: Any) -> Forward:
    return forward(ask(gateway, **more))


def host(made: Forward) -> str:
    return values(made.head.fields, "Host")[0]


@pytest.mark.spec("Kong#3.10")
def test_requests_go_round_the_targets_and_each_hears_its_own_host() -> None:
    gateway, _ = serve([target("10.0.0.1:80"), target("10.0.0.2:8080")])
    made = [sent(gateway) for _ in range(4)]

    assert sorted((f.target.host, f.target.port, host(f)) for f in made) == [
        ("10.0.0.1", 80, "10.0.0.1"),
        ("10.0.0.1", 80, "10.0.0.1"),
        ("10.0.0.2", 8080, "10.0.0.2:8080"),
        ("10.0.0.2", 8080, "10.0.0.2:8080"),
    ]


@pytest.mark.spec("Kong#1.6")
@pytest.mark.parametrize(
    ("route_", "header", "expected"),
    [
        ({}, None, "10.0.0.1:81"),
        ({}, "api.test", "api.test:81"),
        ({"preserve_host": True}, "api.test", "gw.example"),
    ],
)
def test_the_host_is_the_clients_where_the_route_keeps_it(
    route_: dict[str, Any], header: str | None, expected: str
) -> None:
    gateway, _ = serve([target("10.0.0.1:81")], route_=route_, host_header=header)
    made = sent(gateway)

    assert host(made) == expected
    assert len(values(made.head.fields, "Host")) == 1


def test_tls_asks_for_the_name_that_the_target_hears() -> None:
    gateway, made = serve([target("app.test:443")], service_={"protocol": "https"})
    made.resolve("app.test", ["10.0.0.1"])
    found = sent(gateway).target

    assert found.tls is not None
    assert (found.host, found.tls.server_name) == ("10.0.0.1", "app.test")


@pytest.mark.spec("Kong#3.10")
def test_with_nobody_to_turn_to_the_answer_is_kongs() -> None:
    gateway, _ = serve([])
    reply = answer(ask(gateway))

    assert reply.status == 503
    assert NO_PEER.encode() in reply.body


def test_a_service_that_names_no_upstream_has_no_tries() -> None:
    gateway = World().gateway(services=[service()], routes=[route()])

    assert sent(gateway).tries is None


@pytest.mark.spec("Kong#3.9")
def test_each_try_goes_to_another_target_and_counts() -> None:
    gateway, made = serve(
        targets(a=1, b=1), healthchecks=passive(tcp_failures=1, timeouts=1)
    )
    first = sent(gateway)
    tries = first.tries
    assert tries is not None
    tries.failed(timeout=False)
    second = tries.next()
    assert second is not None

    assert {first.target.host, second.target.host} == {"10.0.0.1", "10.0.0.2"}

    tries.failed(timeout=True)
    assert tries.next() is None
    assert made.available == 0

    assert first.on_error is not None
    reply = first.on_error(503, NO_PEER)
    assert NO_PEER.encode() in reply.body


def test_other_failures_keep_their_words() -> None:
    gateway, _ = serve(targets(a=1))
    on_error = sent(gateway).on_error
    assert on_error is not None

    assert b"currently unavailable" in on_error(503, "busy").body


def test_a_target_is_let_go_once() -> None:
    gateway, made = serve(targets(a=1))
    load = made.hosts[0].addresses[0].load
    first, second = sent(gateway).tries, sent(gateway).tries
    assert first is not None
    assert second is not None

    assert load.active == 2
    first.release()
    first.release()
    first.failed(timeout=True)
    first.answered(500)
    assert load.active == 1
    second.next()
    assert load.active == 1
    second.release()
    assert load.active == 0


SEAT: dict[str, Any] = {"hash_on": "cookie", "hash_on_cookie": "seat"}


def cookies(made: Forward) -> list[str]:
    assert made.on_response is not None
    head = made.on_response(ResponseHead(status=200, fields=()), 1.0)
    return values(head.fields, "Set-Cookie")


@pytest.mark.spec("Kong#3.10")
@pytest.mark.parametrize("plugins", [[], [{"name": "fake"}]])
def test_a_hash_cookie_is_set_once_and_leads_back(
    plugins: list[dict[str, Any]],
) -> None:
    gateway, _ = serve(targets(a=1, b=1, c=1, d=1), plugins=plugins, **SEAT)
    first = sent(gateway)
    (cookie,) = cookies(first)
    back: Fields = ((b"Cookie", cookie.partition(";")[0].encode()),)

    assert cookie.startswith("seat=")
    for _ in range(5):
        again = sent(gateway, fields=back)
        assert again.target is first.target
        assert cookies(again) == []


@pytest.mark.parametrize("algorithm", ["round-robin", "least-connections"])
def test_where_nothing_is_hashed_no_cookie_is_set(algorithm: str) -> None:
    fields = SEAT if algorithm == "least-connections" else {}
    gateway, _ = serve(targets(a=1), algorithm=algorithm, **fields)

    assert cookies(sent(gateway)) == []
