"""One request through the gateway: what the upstream gets, what the client gets, what is logged."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest

from ostiary.gateway.access_log import mask_query
from ostiary.gateway.decision import Outcome, Pending
from ostiary.gateway.gateway import Gateway
from ostiary.http.head import Fields, Reply, ResponseHead
from ostiary.kit import NEEDS_IO, AccessResult, Exchange
from tests.unit.gateway.gateway_kit import (
    PEER,
    PLAIN_PEER,
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


@pytest.mark.spec("gateway#3.7")
@pytest.mark.parametrize(
    ("row", "preserve", "expected"),
    [
        ({}, False, "up.example"),
        ({"port": 8080}, False, "up.example:8080"),
        ({"protocol": "https", "port": 443}, False, "up.example"),
        ({"protocol": "https"}, False, "up.example:80"),
        ({"host": "[::1]", "port": 81}, False, "[::1]:81"),
        ({}, True, "gw.example:8443"),
    ],
)
def test_the_host_the_upstream_hears(
    row: dict[str, Any], *, preserve: bool, expected: str
) -> None:
    gateway = World().gateway(
        services=[service(**row)], routes=[route(preserve_host=preserve)]
    )
    sent = forward(ask(gateway, host=b"gw.example:8443"))

    assert values(sent.head.fields, "host") == [expected]
    assert sent.target.host in {"up.example", "::1"}


def test_where_it_goes_is_what_the_service_says() -> None:
    row = service(
        protocol="https", port=8443, path="/base", retries=2,
        connect_timeout=1, write_timeout=2, read_timeout=3,
    )  # fmt: skip
    options = {"max_body_bytes": 9}
    gateway = World().gateway(
        options=options, services=[row], routes=[route(paths=["/a"])]
    )
    sent = forward(ask(gateway, b"/a/%41?x=%zz&y", method=b"PUT"))
    target = sent.target

    assert (sent.head.method, sent.head.target) == (b"PUT", b"/base/A?x=%zz&y")
    assert (target.host, target.port, sent.retries) == ("up.example", 8443, 2)
    assert (
        target.connect_timeout_ms,
        target.write_timeout_ms,
        target.read_timeout_ms,
    ) == (1, 2, 3)
    assert sent.max_body_bytes == 9
    assert target.tls is not None
    assert (target.tls.server_name, target.tls.verify) == ("up.example", True)


@pytest.mark.parametrize(
    ("own", "setting", "expected"),
    [
        (None, True, True),
        (None, False, False),
        (True, False, True),
        (False, True, False),
    ],
)
def test_a_service_decides_over_the_setting_about_tls(
    own: bool | None, *, setting: bool, expected: bool
) -> None:
    gateway = World().gateway(
        verify=setting,
        services=[service(protocol="https", tls_verify=own)],
        routes=[route()],
    )
    tls = forward(ask(gateway)).target.tls

    assert tls is not None
    assert tls.verify is expected


@pytest.mark.parametrize(
    ("host", "maps", "expected"),
    [
        (b"gw.example:443", {}, "named"),
        (b"gw.example", {}, None),
        (b"gw.example", {8443: 443}, "named"),
        (b"gw.example:444", {}, None),
    ],
)
def test_a_route_with_a_port_hears_the_port_that_was_asked(
    host: bytes, maps: dict[int, int], expected: str | None
) -> None:
    gateway = World().gateway(
        options={"port_maps": maps},
        services=[service()],
        routes=[route(name="named", paths=None, hosts=["gw.example:443"])],
    )
    decision = ask(gateway, host=host)

    assert (expected is None) is (getattr(decision, "reply", None) is not None)


@pytest.mark.spec("gateway#3.7")
@pytest.mark.parametrize(
    ("minor", "sent", "expected"),
    [
        (1, (), "1.1 ostiary/1"),
        (0, (), "1.0 ostiary/1"),
        (1, ((b"Via", b"1.1 a"), (b"via", b"1.0 b")), "1.1 a, 1.0 b, 1.1 ostiary/1"),
    ],
)
def test_via_names_every_hop(minor: int, sent: Fields, expected: str) -> None:
    assert values(upstream(simple(), fields=sent, minor=minor), "via") == [expected]


def test_the_client_sees_the_upstreams_reply_and_what_we_add() -> None:
    def act(exchange: Exchange) -> AccessResult:
        exchange.downstream_fields.append((b"Set-Cookie", b"a=1"))
        return None

    gateway = World(act=act).gateway(
        services=[service()], routes=[route()], plugins=[{"name": "fake"}]
    )
    edit = forward(ask(gateway)).on_response
    assert edit is not None
    fields = (
        (b"X-App", b"1"), (b"Via", b"1.1 app"), (b"X-Kong-Request-Id", b"theirs"),
        (b"X-Kong-Proxy-Latency", b"7"), (b"Server", b"nginx"),
    )  # fmt: skip
    seen = edit(ResponseHead(status=201, fields=fields, reason=b"Made"), 5.0)

    assert (seen.status, seen.reason) == (201, b"Made")
    assert values(seen.fields, "via") == ["1.1 app, 1.1 ostiary/1"]
    assert values(seen.fields, "server") == ["nginx"]
    assert values(seen.fields, "set-cookie") == ["a=1"]
    assert values(seen.fields, "x-kong-request-id") == ["id-1"]
    assert values(seen.fields, "x-kong-upstream-latency") == ["5"]
    assert len(values(seen.fields, "x-kong-proxy-latency")) == 1
    unnamed = edit(ResponseHead(status=200, fields=()), 0.0)
    assert values(unnamed.fields, "server") == ["ostiary/1"]


@pytest.mark.spec("gateway#3.5")
@pytest.mark.parametrize(
    ("code", "location"),
    [(301, True), (302, True), (307, True), (308, True), (426, False)],
)
def test_a_plain_request_for_a_tls_route_is_sent_over(
    code: int, *, location: bool
) -> None:
    gateway = simple(protocols=["https"], https_redirect_status_code=code)
    reply = answer(ask(gateway, b"/a/../b?x", host=b"gw.example:8000", peer=PLAIN_PEER))

    assert reply.status == code
    if location:
        assert values(reply.fields, "location") == ["https://gw.example/a/../b?x"]
    else:
        assert values(reply.fields, "upgrade") == ["TLS/1.2, HTTP/1.1"]
        assert json.loads(reply.body)["message"] == "Please use HTTPS protocol"


@pytest.mark.spec("gateway#3.5")
def test_a_trusted_peer_that_took_tls_off_is_believed() -> None:
    gateway = simple(TRUSTED, protocols=["https"])
    said = ((b"X-Forwarded-Proto", b"https"),)

    assert forward(ask(gateway, peer=PLAIN_PEER, fields=said))
    assert (
        answer(ask(simple(protocols=["https"]), peer=PLAIN_PEER, fields=said)).status
        == 426
    )


def test_a_route_with_only_http_takes_https_too() -> None:
    forward(ask(simple(protocols=["http"])))


@pytest.mark.spec("gateway#3.6")
@pytest.mark.parametrize(
    ("row", "asked", "status", "message"),
    [
        ({"paths": ["/a"]}, {}, 404, "no Route matched with those values"),
        ({"service": None}, {}, 503, "no Service found with those values"),
        ({}, {"target": b"/a\\b"}, 400, "Bad request"),
        ({}, {"target": b"*"}, 400, "Bad request"),
        ({}, {"host": b"a b"}, 400, "Bad request"),
    ],
)
def test_the_texts_of_errors_are_those_of_kong(
    row: dict[str, Any], asked: dict[str, Any], status: int, message: str
) -> None:
    reply = answer(ask(simple(**row), **asked))

    assert reply.status == status
    assert json.loads(reply.body) == {"message": message, "request_id": "id-1"}
    assert values(reply.fields, "server") == ["ostiary/1"]
    assert values(reply.fields, "x-kong-request-id") == ["id-1"]
    assert len(values(reply.fields, "x-kong-response-latency")) == 1


@pytest.mark.spec("gateway#3.6")
@pytest.mark.parametrize(
    ("accept", "kind", "body"),
    [
        (b"application/json", "application/json", '{\n  "message": "no Route'),
        (b"text/html", "text/html", "<!doctype html>"),
        (b"text/plain", "text/plain", "no Route matched with those values\nrequest_id: id-1\n"),
        (b"application/xml", "application/xml",
         '<?xml version="1.0" encoding="UTF-8"?>\n<error>\n  <message>no Route matched'),
    ],
)  # fmt: skip
def test_an_error_speaks_the_language_of_the_client(
    accept: bytes, kind: str, body: str
) -> None:
    reply = answer(ask(simple(paths=["/a"]), fields=((b"Accept", accept),)))

    assert values(reply.fields, "content-type") == [f"{kind}; charset=utf-8"]
    assert reply.body.decode().lower().startswith(body.lower())
    assert b"id-1" in reply.body


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (413, "Payload too large"),
        (502, "An invalid response was received from the upstream server"),
        (503, "The upstream server is currently unavailable"),
        (504, "The upstream server is timing out"),
    ],
)
def test_an_upstream_that_fails_is_said_in_the_words_of_kong(
    status: int, message: str
) -> None:
    fail = forward(ask(simple())).on_error
    assert fail is not None
    reply = fail(status, "secret reason")

    assert json.loads(reply.body)["message"] == message
    assert b"secret" not in reply.body


def test_a_message_that_is_no_request_gets_a_reply() -> None:
    reply = simple().on_bad_request(431, "Request header or cookie too large")

    assert reply.status == 431
    assert json.loads(reply.body)["message"] == "Request header or cookie too large"
    assert values(reply.fields, "server") == ["ostiary/1"]


def test_a_plugin_that_answers_ends_the_chain() -> None:
    world = World(act=lambda _: Reply(status=418))
    rows = [{"name": n, "config": {"mark": n}} for n in ("one", "two")]
    gateway = world.gateway(
        catalog=world.catalog(one=1, two=2),
        services=[service()], routes=[route()], plugins=rows,
    )  # fmt: skip

    assert answer(ask(gateway)).status == 418
    assert world.ran == ["two"]


async def test_only_a_plugin_that_needs_io_makes_a_decision_wait() -> None:
    world = World(act=lambda _: NEEDS_IO)
    gateway = world.gateway(
        services=[service()], routes=[route()],
        plugins=[{"name": "fake", "config": {"mark": "a"}}],
    )  # fmt: skip
    decision = ask(gateway)
    assert isinstance(decision, Pending)
    sent = forward(await decision.decision)

    assert values(sent.head.fields, "x-slow") == ["1"]
    assert world.ran == ["a", "a", "a slowly"]


@pytest.mark.spec("T-K14")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/cb?code=abc&state=x&y=1", "/cb?code=***&state=***&y=1"),
        ("/a?access_token=x", "/a?access_token=***"),
        ("/a?acc%65ss_token=x&%63ode=y", "/a?acc%65ss_token=***&%63ode=***"),
        ("/a?b=1&id_token=x&password=y&client_secret=", "/a?b=1&id_token=***&password=***&client_secret=***"),
        ("/a?encode=1&codes=2&scope=3", "/a?encode=1&codes=2&scope=3"),
        ("/code=x", "/code=x"),
        ("code=x", "code=***"),
        ("/a?code", "/a?code"),
    ],
)  # fmt: skip
def test_secrets_of_a_query_are_starred_out(target: str, expected: str) -> None:
    assert mask_query(target) == expected


@pytest.mark.spec("T-K14")
def test_the_access_log_has_one_clean_line_per_request() -> None:
    world = World()
    gateway = world.gateway(services=[service()], routes=[route()])
    agent = ((b"User-Agent", b'a"b\r\nc\x1b'),)
    finish = forward(ask(gateway, b"/a?code=SECRET", fields=agent)).on_finish
    assert finish is not None
    finish(Outcome(status=200, sent_bytes=99, body_bytes=7, total_ms=1))
    finish(Outcome(status=200, sent_bytes=0, total_ms=1, client_gone=True))

    assert world.lines == [
        '203.0.113.9 - - [15/Jan/2027:08:00:00 +0000] "GET /a?code=*** HTTP/1.1" '
        f'{status} {size} "-" "a%22b??c?" kong_request_id: "id-1"'
        for status, size in ((200, 7), (499, 0))
    ]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/a?token=x&b=1", b"/a?b=1"),
        (b"/a?b=%41&tok%65n=x", b"/a?b=%41"),
        (b"/a?token=x", b"/a"),
        (b"/a?tokens=x&&", b"/a?tokens=x&&"),
        (b"/a?", b"/a?"),
    ],
)
def test_credentials_of_a_query_do_not_reach_the_upstream(
    target: bytes, expected: bytes
) -> None:
    def act(exchange: Exchange) -> AccessResult:
        exchange.stripped_query += ("token",)
        return None

    gateway = World(act=act).gateway(
        services=[service()], routes=[route()], plugins=[{"name": "fake"}]
    )

    assert forward(ask(gateway, target)).head.target == expected


def test_a_plugin_can_put_another_body_and_other_cookies_in_the_place_of_the_clients() -> (
    None
):
    def act(exchange: Exchange) -> AccessResult:
        exchange.stripped_cookies = frozenset({"jwt"})
        exchange.new_body = b"a=1"
        return None

    gateway = World(act=act).gateway(
        services=[service()], routes=[route()], plugins=[{"name": "fake"}]
    )
    some = forward(ask(gateway, fields=((b"Cookie", b"a=1; jwt=x; b=2"),)))
    none = forward(ask(gateway, fields=((b"Cookie", b"jwt=x"),)))

    assert values(some.head.fields, "cookie") == ["a=1; b=2"]
    assert values(none.head.fields, "cookie") == []
    assert some.body == b"a=1"


def test_plugins_find_the_consumers_of_the_file_by_all_their_names() -> None:
    found: list[object] = []

    def act(exchange: Exchange) -> AccessResult:
        for name in ("ada", "c1", "nobody"):
            consumer = exchange.consumers.find(name, by=["username", "custom_id"])
            found.append(consumer and (consumer.username, consumer.custom_id))
        return None

    gateway = World(act=act).gateway(
        services=[service()],
        routes=[route()],
        plugins=[{"name": "fake"}],
        consumers=[{"username": "ada", "custom_id": "c1"}],
    )
    forward(ask(gateway))

    assert found == [("ada", "c1"), ("ada", "c1"), None]


def test_an_empty_gateway_knows_no_route() -> None:
    assert answer(ask(World().gateway(), peer=PEER)).status == 404


@pytest.mark.spec("T-H10")
def test_the_cookies_of_our_own_sites_reach_no_upstream() -> None:
    gateway = World().gateway(services=[service()], routes=[route()])
    jar = (
        b"a=1; __Host-ostiary-manager=secret; ostiary-manager=secret; ostiary-manager-csrf=x; "
        b"__Host-ostiary-portal-session-0123abcd=secret; ostiary=kept"
    )
    some = forward(ask(gateway, fields=((b"Cookie", jar),)))
    none = forward(ask(gateway, fields=((b"Cookie", b"ostiary-manager=secret"),)))

    assert values(some.head.fields, "cookie") == ["a=1; ostiary=kept"]
    assert values(none.head.fields, "cookie") == []
