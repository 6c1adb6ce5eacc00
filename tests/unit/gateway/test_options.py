"""What settings change about requests: tokens, debug fields, who the client is."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from ostiary.gateway.gateway import Gateway, Tokens
from ostiary.http.head import Fields, ResponseHead
from tests.unit.gateway.gateway_kit import (
    World,
    answer,
    ask,
    forward,
    route,
    service,
    values,
)

NONE = Tokens(
    server=False,
    via=False,
    upstream_latency=False,
    proxy_latency=False,
    response_latency=False,
    request_id=False,
    upstream_request_id=False,
)
OURS = (
    "server",
    "via",
    "x-kong-upstream-latency",
    "x-kong-proxy-latency",
    "x-kong-request-id",
    "x-kong-upstream-status",
)
TRUSTED = (ipaddress.ip_network("203.0.113.0/24"), ipaddress.ip_network("10.0.0.0/8"))


def gateway(**options: Any) -> Gateway:
    return World().gateway(
        options=options, services=[service()], routes=[route(paths=["/a"])]
    )


def reply_fields(gate: Gateway, upstream: Fields = (), asked: Fields = ()) -> Fields:
    hook = forward(ask(gate, b"/a", fields=asked)).on_response
    assert hook is not None
    return hook(ResponseHead(status=200, fields=upstream), 5.0).fields


@pytest.mark.spec("gateway#3.7")
def test_the_tokens_that_are_off_are_not_sent() -> None:
    on = reply_fields(gateway(tokens=Tokens(upstream_status=True)))
    off = reply_fields(gateway(tokens=NONE))

    assert [n for n in OURS if values(on, n)] == list(OURS)
    assert [n for n in OURS if values(off, n)] == []
    silent = answer(ask(gateway(tokens=NONE), b"/none")).fields
    assert [n for n, _ in silent if n.lower().startswith((b"x-kong", b"server"))] == []
    sent = forward(ask(gateway(tokens=NONE), b"/a")).head.fields
    assert values(sent, "x-kong-request-id") == []


@pytest.mark.spec("gateway#3.7")
def test_an_upstream_cannot_speak_in_our_name() -> None:
    lies = ((b"X-Kong-Proxy-Latency", b"9"), (b"X_Kong_Request_Id", b"forged"))
    fields = reply_fields(gateway(), lies)

    assert values(fields, "x-kong-request-id") == ["id-1"]
    assert (b"X-Kong-Proxy-Latency", b"9") not in fields
    assert not [v for _, v in fields if v == b"forged"]


@pytest.mark.spec("gateway#3.7")
@pytest.mark.parametrize(
    ("allowed", "asked", "expected"),
    [(True, b"1", True), (True, b"0", False), (False, b"1", False)],
)
def test_kong_debug_names_route_and_service_where_it_is_allowed(
    *, allowed: bool, asked: bytes, expected: bool
) -> None:
    fields = reply_fields(
        gateway(allow_debug_header=allowed), (), ((b"Kong-Debug", asked),)
    )
    names = ("route-id", "route-name", "service-id", "service-name")
    found = [values(fields, f"kong-{name}") for name in names]

    assert [bool(value) for value in found] == [expected] * 4
    if expected:
        assert (found[1], found[3]) == (["r"], ["s"])


@pytest.mark.spec("gateway#3.7")
@pytest.mark.parametrize(
    ("header", "sent", "recursive", "expected"),
    [
        ("X-Real-IP", b"198.51.100.1", False, "198.51.100.1"),
        ("X-Real-IP", b"no address", False, "203.0.113.9"),
        ("X-Forwarded-For", b"198.51.100.1, 198.51.100.2", False, "198.51.100.2"),
        ("X-Forwarded-For", b"198.51.100.1, 10.0.0.7", False, "10.0.0.7"),
        ("X-Forwarded-For", b"198.51.100.1, 10.0.0.7", True, "198.51.100.1"),
        ("X-Forwarded-For", b"198.51.100.1, evil, 10.0.0.7", True, "10.0.0.7"),
        ("X-Forwarded-For", b"10.0.0.8, 10.0.0.7", True, "10.0.0.8"),
    ],
)
def test_trusted_peers_say_who_the_client_is(
    header: str, sent: bytes, *, recursive: bool, expected: str
) -> None:
    gate = gateway(
        trusted_ips=TRUSTED, real_ip_header=header, real_ip_recursive=recursive
    )
    fields = forward(ask(gate, b"/a", fields=((header.encode(), sent),))).head.fields

    assert values(fields, "x-real-ip") == [expected]


@pytest.mark.spec("D20")
@pytest.mark.parametrize(
    ("append", "expected"), [(False, "203.0.113.9"), (True, "1.2.3.4, 203.0.113.9")]
)
def test_a_strangers_chain_is_kept_only_where_the_setting_says_so(
    *, append: bool, expected: str
) -> None:
    gate = gateway(append_forwarded_for=append)
    sent = ((b"X-Forwarded-For", b"1.2.3.4"),)
    fields = forward(ask(gate, b"/a", fields=sent)).head.fields

    assert values(fields, "x-forwarded-for") == [expected]
    assert values(fields, "x-real-ip") == ["203.0.113.9"]


@pytest.mark.spec("T-H11")
def test_several_cookie_fields_become_one() -> None:
    sent = ((b"Cookie", b"a=1"), (b"X-A", b"1"), (b"Cookie", b"session=mine; b=2"))
    gate = World().gateway(
        services=[service()], routes=[route()], plugins=[{"name": "fake"}]
    )

    assert values(forward(ask(gate, fields=sent)).head.fields, "cookie") == ["a=1; b=2"]
