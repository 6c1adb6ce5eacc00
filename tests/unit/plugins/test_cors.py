"""The `cors` plugin."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.http.head import Fields
from ostiary.plugins.cors.handler import parse_origin
from tests.unit.plugins.plugin_kit import (
    Asked,
    FakeConsumers,
    Gate,
    defaults,
    problems,
    values,
)

ASKS = (b"Access-Control-Request-Method", b"GET")
ALLOW = "access-control-allow-origin"


async def preflight(
    config: dict[str, Any], origin: bytes = b"https://app.example", *more: Any
) -> Asked:
    fields: Fields = ((b"Origin", origin), ASKS, *more)
    return await Gate(("cors", config)).ask(method=b"OPTIONS", fields=fields)


async def marked(
    config: dict[str, Any], origin: bytes | None = b"https://app.example"
) -> Fields:
    fields = () if origin is None else ((b"Origin", origin),)
    asked = await Gate(("cors", config)).ask(fields=fields)
    return asked.respond(fields=((b"Vary", b"Accept"),))[0].fields


@pytest.mark.spec("Kong#cors")
async def test_a_preflight_is_answered_empty() -> None:
    asked = await preflight({"max_age": 60})

    assert asked.reply.status == 200
    assert asked.reply.body == b""
    assert asked.got(ALLOW) == ["*"]
    assert asked.got("vary") == []
    assert asked.got("access-control-max-age") == ["60"]
    assert asked.got("access-control-allow-methods") == [
        "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT"
    ]
    assert asked.got("access-control-allow-headers") == []


@pytest.mark.spec("Kong#cors")
async def test_headers_are_those_configured_or_else_those_asked_for() -> None:
    wanted = (b"Access-Control-Request-Headers", b"X-A, X-B")

    echoed = await preflight({}, b"https://a.example", wanted)
    own = await preflight({"headers": ["X-C", "X-D"]}, b"https://a.example", wanted)
    assert echoed.got("access-control-allow-headers") == ["X-A, X-B"]
    assert own.got("access-control-allow-headers") == ["X-C,X-D"]


@pytest.mark.spec("Kong#cors")
async def test_what_is_no_preflight_goes_on() -> None:
    gate = Gate(("cors", {}))
    origin = (b"Origin", b"https://a.example")

    for method, fields in (
        (b"GET", (origin, ASKS)),
        (b"OPTIONS", (origin,)),
        (b"OPTIONS", (ASKS,)),
    ):
        asked = await gate.ask(method=method, fields=fields)
        assert asked.forward.head.method == method


@pytest.mark.spec("Kong#cors")
async def test_the_upstream_may_answer_preflights_and_is_left_alone() -> None:
    asked = await preflight({"preflight_continue": True})
    head, _ = asked.respond()

    assert values(head.fields, ALLOW) == []


@pytest.mark.spec("Kong#cors")
async def test_one_plain_origin_is_always_sent() -> None:
    config = {"origins": ["https://one.example"]}

    assert values(await marked(config, b"https://other.example"), ALLOW) == [
        "https://one.example"
    ]
    assert values(await marked(config, None), ALLOW) == ["https://one.example"]
    assert values(await marked(config), "vary") == ["Accept", "Origin"]


@pytest.mark.spec("Kong#cors")
@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (["https://a.example", "https://b.example"], "https://b.example", True),
        (["https://a.example", "https://b.example"], "https://c.example", False),
        (["https://a.example:443", "https://b.example"], "https://a.example", True),
        (["https://a.example", "https://b.example"], "https://a.example:443", True),
        (["https://a.example", "https://b.example"], "http://a.example", False),
        (["a.example", "https://b.example"], "https://a.example:8443", True),
        ([r"https://.*\.example"], "https://x.example", True),
        ([r"^https://.*\.example$"], "https://x.example", True),
        ([r"https://.*\.example"], "https://x.example.evil.com", False),
        ([r"https://.*\.example"], "http://https://x.example", False),
        ([r".*\.example"], "http://x.example:99", True),
        ([r"https://a\.example|https://b\.example"], "https://a.example.evil.com", False),
        ([r"https://a\.example|https://b\.example"], "https://b.example", True),
        (["https://a.example", "https://b.example"], "null", False),
    ],
)  # fmt: skip
async def test_an_origin_is_allowed_by_its_rules(
    origins: list[str], origin: str, allowed: bool
) -> None:
    found = values(await marked({"origins": origins}, origin.encode()), ALLOW)

    assert found == ([parse_origin(origin).text] if allowed else [])


async def test_an_upstreams_own_permission_does_not_survive() -> None:
    config = {"origins": ["https://a.example", "https://b.example"]}
    asked = await Gate(("cors", config)).ask(
        fields=((b"Origin", b"https://c.example"),)
    )
    head, _ = asked.respond(fields=((b"access-control-allow-origin", b"*"),))

    assert values(head.fields, ALLOW) == []


@pytest.mark.spec("Kong#cors")
async def test_credentials_go_with_the_origin_and_never_with_a_star() -> None:
    anyone = await marked({"credentials": True})
    listed = await marked(
        {"credentials": True, "origins": ["https://app.example", "https://b.example"]}
    )
    absent = await marked({"credentials": True}, None)

    assert values(anyone, ALLOW) == ["https://app.example"]
    assert values(anyone, "access-control-allow-credentials") == ["true"]
    assert values(anyone, "vary") == ["Accept", "Origin"]
    assert values(listed, "access-control-allow-credentials") == ["true"]
    assert values(absent, ALLOW) == ["*"]
    assert values(absent, "access-control-allow-credentials") == []


@pytest.mark.spec("Kong#cors")
async def test_without_origin_there_is_nothing_if_so_configured() -> None:
    assert values(await marked({}, None), ALLOW) == ["*"]
    assert values(await marked({"allow_origin_absent": False}, None), ALLOW) == []


@pytest.mark.spec("Kong#cors")
async def test_private_networks_are_opened_only_if_configured_and_asked_for() -> None:
    asks = (b"Access-Control-Request-Private-Network", b"true")
    name = "access-control-allow-private-network"

    opened = await preflight({"private_network": True}, b"https://a.example", asks)
    unasked = await preflight({"private_network": True})
    closed = await preflight({}, b"https://a.example", asks)
    assert (opened.got(name), unasked.got(name), closed.got(name)) == (["true"], [], [])


@pytest.mark.spec("Kong#4.2")
async def test_refusals_of_other_plugins_are_readable_to_the_page() -> None:
    gate = Gate(
        ("cors", {"exposed_headers": ["X-A", "X-B"]}),
        ("request-termination", {"status_code": 401}),
        consumers=FakeConsumers(),
    )
    asked = await gate.ask(fields=((b"Origin", b"https://a.example"),))

    assert asked.reply.status == 401
    assert asked.got(ALLOW) == ["*"]
    assert asked.got("access-control-expose-headers") == ["X-A,X-B"]


@pytest.mark.spec("Kong#cors")
def test_defaults_are_kongs_and_mistakes_are_named() -> None:
    shown = defaults("cors")

    assert shown.pop("methods") == [
        "GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ]  # fmt: skip
    assert shown == {
        "origins": None,
        "headers": None,
        "exposed_headers": None,
        "max_age": None,
        "credentials": False,
        "private_network": False,
        "preflight_continue": False,
        "allow_origin_absent": True,
    }
    assert problems("cors", {"origins": ["("]}) == (
        (("origins", 0), "not a valid regex: ("),
    )
    assert problems("cors", {"methods": ["FETCH"]})[0][0] == ("methods", 0)
    assert defaults("cors", origins=["*"])["origins"] == ["*"]


@given(st.text(max_size=60))
def test_any_text_is_taken_apart_as_an_origin(text: str) -> None:
    once = parse_origin(text)

    assert parse_origin(once.text).text == once.text
