"""What of a client's fields reaches the upstream: nothing that only we may say."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Any

import pytest

from ostiary.gateway.gateway import Gateway
from ostiary.http.head import Fields, fold_names
from ostiary.kit import AccessResult, Exchange
from tests.unit.gateway.gateway_kit import (
    World,
    answer,
    ask,
    forward,
    route,
    service,
    values,
)

TRUSTED = {"trusted_ips": (ipaddress.ip_network("203.0.113.0/24"),)}


def simple(options: dict[str, Any] | None = None, **more: Any) -> Gateway:
    return World().gateway(
        options=options, services=[service()], routes=[route(**more)]
    )


def upstream(gateway: Gateway, **asked: Any) -> Fields:
    return forward(ask(gateway, **asked)).head.fields


FORWARDED: Fields = (
    (b"X-Forwarded-For", b"198.51.100.7"),
    (b"X-Forwarded-Proto", b"http"),
    (b"X-Forwarded-Host", b"public.example"),
    (b"X-Forwarded-Port", b"8080"),
    (b"X-Forwarded-Path", b"/public"),
    (b"X-Forwarded-Prefix", b"/pre"),
    (b"X-Real-IP", b"198.51.100.7"),
)


@pytest.mark.spec("T-F2")
@pytest.mark.spec("D20")
def test_a_strangers_forwarded_fields_are_replaced() -> None:
    fields = upstream(simple(paths=["/a"]), target=b"/a/b?c", fields=FORWARDED)
    found = {n: values(fields, n.decode()) for n, _ in FORWARDED}

    assert found == {
        b"X-Forwarded-For": ["203.0.113.9"],
        b"X-Forwarded-Proto": ["https"],
        b"X-Forwarded-Host": ["gw.example"],
        b"X-Forwarded-Port": ["443"],
        b"X-Forwarded-Path": ["/a/b"],
        b"X-Forwarded-Prefix": ["/a"],
        b"X-Real-IP": ["203.0.113.9"],
    }


@pytest.mark.spec("gateway#3.7")
def test_a_trusted_peers_forwarded_fields_are_kept() -> None:
    gateway = simple(TRUSTED, paths=["/a"])
    fields = upstream(gateway, target=b"/a/b", fields=FORWARDED)
    found = {n: values(fields, n.decode()) for n, _ in FORWARDED}

    assert found == {
        b"X-Forwarded-For": ["198.51.100.7, 203.0.113.9"],
        b"X-Forwarded-Proto": ["http"],
        b"X-Forwarded-Host": ["public.example"],
        b"X-Forwarded-Port": ["8080"],
        b"X-Forwarded-Path": ["/public"],
        b"X-Forwarded-Prefix": ["/pre"],
        b"X-Real-IP": ["198.51.100.7"],
    }


def test_every_hop_of_a_trusted_peer_is_kept() -> None:
    hops = ((b"X-Forwarded-For", b"1.1.1.1, 2.2.2.2"), (b"x-forwarded-for", b"3.3.3.3"))

    assert values(upstream(simple(TRUSTED), fields=hops), "x-forwarded-for") == [
        "1.1.1.1, 2.2.2.2, 3.3.3.3, 203.0.113.9"
    ]


@pytest.mark.spec("T-F2")
@pytest.mark.parametrize(
    "name",
    [
        "Forwarded", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-User",
        "X-Forwarded-Email", "X-Forwarded-Client-Cert", "X-Forwarded-Scheme",
        "X_Forwarded_User", "x.forwarded.user", "X-Original-URL", "X-Rewrite-URL",
        "X-Envoy-Original-Path", "X-Envoy-Internal", "X-Http-Method-Override",
        "X-Ostiary-Anything", "X-Kong-Request-Id", "X-Client-IP", "Proxy",
    ],
)  # fmt: skip
def test_no_field_that_proxies_believe_passes_from_a_client(name: str) -> None:
    fields = upstream(simple(), fields=((name.encode(), b"spoofed"),))

    assert [v for _, v in fields if b"spoofed" in v] == []


@pytest.mark.spec("T-F1")
@pytest.mark.spec("T-F3")
def test_forwarded_fields_never_choose_the_route_for_a_stranger() -> None:
    fields = (
        (b"X-Forwarded-Uri", b"/public"),
        (b"X-Forwarded-Host", b"admin.example"),
        (b"X-Forwarded-Proto", b"http"),
        (b"X-Original-URL", b"/public"),
    )
    gateway = World().gateway(
        services=[service()],
        routes=[route(paths=["/public"]), route(name="h", paths=None, hosts=["admin.example"])],
    )  # fmt: skip

    assert answer(ask(gateway, b"/private", fields=fields)).status == 404


@pytest.mark.spec("T-F4")
@pytest.mark.parametrize(
    "value",
    [b"garbage", b"fe80::1%eth0", b", ".join([b"1.1.1.1"] * 10_000), b"\xff", b""],
)
@pytest.mark.parametrize("options", [None, TRUSTED])
def test_an_odd_address_is_not_believed(
    value: bytes, options: dict[str, Any] | None
) -> None:
    sent = ((b"X-Forwarded-For", value), (b"X-Real-IP", b"not-an-address"))

    assert values(upstream(simple(options), fields=sent), "x-real-ip") == [
        "203.0.113.9"
    ]


@pytest.mark.spec("T-F5")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"X-Forwarded-Proto", b"evil"),
        (b"X-Forwarded-Proto", b"javascript"),
        (b"X-Forwarded-Port", b"0"),
        (b"X-Forwarded-Port", b"99999"),
        (b"X-Forwarded-Port", b"9" * 5000),
        (b"X-Forwarded-Port", b"\xb2"),
        (b"X-Forwarded-Host", b""),
    ],
)
def test_nonsense_of_a_trusted_peer_is_ignored(name: bytes, value: bytes) -> None:
    fields = upstream(simple(TRUSTED), fields=((name, value),))

    assert values(fields, "x-forwarded-proto") == ["https"]
    assert values(fields, "x-forwarded-port") == ["443"]
    assert values(fields, "x-forwarded-host") == ["gw.example"]


@pytest.mark.spec("T-F5")
@pytest.mark.parametrize(
    "host", [b"a b", b"evil.example/x", b"u@evil.example", b"", b"a:0x1"]
)
def test_a_host_that_is_none_is_refused(host: bytes) -> None:
    assert answer(ask(simple(), host=host)).status == 400
    trusted = ask(simple(TRUSTED), fields=((b"X-Forwarded-Host", host or b" "),))
    assert answer(trusted).status == 400


@pytest.mark.spec("T-H1")
@pytest.mark.parametrize(
    "configured", [b"X-User-Email", b"x_user_email", b"X.User.Email"]
)
def test_no_spelling_of_a_managed_field_passes(configured: bytes) -> None:
    def act(exchange: Exchange) -> AccessResult:
        exchange.clear(fold_names([configured]))
        exchange.set_upstream(b"X-Id", b"ours")
        return None

    gateway = World(act=act).gateway(
        services=[service()], routes=[route()], plugins=[{"name": "fake"}]
    )
    spellings = [
        one.join(("x", "user")) + two + last
        for one, two in itertools.product("-_.", repeat=2)
        for last in ("email", "EMAIL", "Email")
    ]
    sent = tuple((s.encode(), b"spoofed") for s in [*spellings, "X_ID", "x-id", "x.id"])
    fields = upstream(gateway, fields=sent)

    assert [f for f in fields if f[1] == b"spoofed"] == []
    assert values(fields, "x-id") == ["ours"]


@pytest.mark.spec("T-H10")
@pytest.mark.parametrize("where", [{}, {"route": "other"}])
def test_our_cookies_are_hidden_from_every_upstream_and_others_stay(
    where: dict[str, str],
) -> None:
    gateway = World().gateway(
        services=[service()],
        routes=[route(), route(name="other", paths=["/other"])],
        plugins=[{"name": "fake", **where}],
    )
    sent = ((b"Cookie", b"a=1; session=x; b=2"), (b"cookie", b"flow_1=x"))

    assert values(upstream(gateway, fields=sent), "cookie") == ["a=1; b=2"]
