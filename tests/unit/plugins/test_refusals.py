"""Plugins that refuse by address and size, and the one that answers everything."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.plugins.plugin_kit import PEER, Asked, Gate, defaults, problems


async def from_address(config: dict[str, Any], ip: str) -> Asked:
    return await Gate(("ip-restriction", config)).ask(peer=replace(PEER, ip=ip))


@pytest.mark.spec("Kong#ip-restriction")
@pytest.mark.parametrize(
    ("config", "ip", "passes"),
    [
        ({"allow": ["10.0.0.0/8"]}, "10.1.2.3", True),
        ({"allow": ["10.0.0.0/8"]}, "::ffff:10.1.2.3", True),
        ({"allow": ["10.0.0.0/8"]}, "11.0.0.1", False),
        ({"allow": ["2001:db8::/32"]}, "2001:db8::1", True),
        ({"allow": ["2001:db8::/32"]}, "10.0.0.1", False),
        ({"allow": ["10.0.0.1"]}, "unix:", False),
        ({"deny": ["10.0.0.1"]}, "10.0.0.1", False),
        ({"deny": ["10.0.0.1"]}, "10.0.0.2", True),
        ({"allow": ["10.0.0.0/8"], "deny": ["10.0.0.1"]}, "10.0.0.1", False),
        ({"allow": ["10.0.0.0/8"], "deny": ["10.0.0.1"]}, "10.0.0.2", True),
    ],
)
async def test_an_address_passes_by_allow_and_deny(
    config: dict[str, Any], ip: str, passes: bool
) -> None:
    asked = await from_address(config, ip)

    if passes:
        assert asked.forward
    else:
        assert asked.reply.status == 403
        assert (
            json.loads(asked.reply.body)["message"] == f"IP address not allowed: {ip}"
        )


@pytest.mark.spec("Kong#ip-restriction")
async def test_a_refusal_has_the_status_and_message_of_its_config() -> None:
    config = {"deny": ["10.0.0.1"], "status": 405, "message": "no"}
    asked = await from_address(config, "10.0.0.1")

    assert asked.reply.status == 405
    assert json.loads(asked.reply.body)["message"] == "no"


@pytest.mark.spec("Kong#ip-restriction")
def test_an_address_list_is_checked_and_needed() -> None:
    assert defaults("ip-restriction", allow=["1.2.3.4"]) == {
        "allow": ["1.2.3.4"],
        "deny": None,
        "status": None,
        "message": None,
    }
    assert problems("ip-restriction", {"allow": ["nonsense"]}) == (
        (("allow", 0), "invalid ip or cidr range: 'nonsense'"),
    )
    assert problems("ip-restriction", {}) == (
        (
            ("@entity",),
            "at least one of these fields must be non-empty: 'config.allow', 'config.deny'",
        ),
    )


async def sized(config: dict[str, Any], *fields: tuple[bytes, bytes]) -> Asked:
    return await Gate(("request-size-limiting", config)).ask(
        method=b"POST", fields=fields
    )


@pytest.mark.spec("Kong#request-size-limiting")
@pytest.mark.parametrize(
    ("unit", "limit"), [("bytes", 2), ("kilobytes", 2048), ("megabytes", 2097152)]
)
async def test_a_body_up_to_the_limit_passes(unit: str, limit: int) -> None:
    config = {"allowed_payload_size": 2, "size_unit": unit}
    over = await sized(config, (b"Content-Length", b"%d" % (limit + 1)))

    assert (await sized(config, (b"Content-Length", b"%d" % limit))).forward
    assert over.reply.status == 413
    assert json.loads(over.reply.body)["message"] == "Request size limit exceeded"


@pytest.mark.spec("Kong#request-size-limiting")
async def test_who_asks_before_sending_is_told_before_sending() -> None:
    config = {"allowed_payload_size": 1, "size_unit": "bytes"}
    asked = await sized(config, (b"Content-Length", b"2"), (b"Expect", b"100-Continue"))

    assert asked.reply.status == 417


@pytest.mark.spec("Kong#request-size-limiting")
async def test_a_length_can_be_required() -> None:
    asked = await sized({"require_content_length": True})

    assert asked.reply.status == 411
    assert (
        json.loads(asked.reply.body)["message"]
        == "A valid Content-Length header is required"
    )


async def test_a_body_without_a_length_is_bounded_by_the_front() -> None:
    asked = await sized({"allowed_payload_size": 1, "size_unit": "kilobytes"})

    assert asked.forward.max_body_bytes == 1024


@pytest.mark.spec("Kong#request-size-limiting")
def test_defaults_of_sizes_are_kongs() -> None:
    assert defaults("request-size-limiting") == {
        "allowed_payload_size": 128,
        "size_unit": "megabytes",
        "require_content_length": False,
    }
    assert problems("request-size-limiting", {"size_unit": "miles"}) == (
        (("size_unit",), "expected one of: megabytes, kilobytes, bytes"),
    )


async def ended(config: dict[str, Any], target: bytes = b"/", **more: Any) -> Asked:
    return await Gate(("request-termination", config)).ask(target, **more)


@pytest.mark.spec("Kong#request-termination")
@pytest.mark.parametrize(
    ("config", "status", "body"),
    [
        ({}, 503, b'{"message":"Service unavailable"}'),
        ({"status_code": 401}, 401, b'{"message":"Unauthorized"}'),
        ({"status_code": 418}, 418, b""),
        ({"status_code": 418, "message": "no"}, 418, b'{"message":"no"}'),
        ({"body": "<p>", "content_type": "text/html"}, 503, b"<p>"),
    ],
)
async def test_the_answer_is_as_configured(
    config: dict[str, Any], status: int, body: bytes
) -> None:
    asked = await ended(config)

    assert (asked.reply.status, asked.reply.body) == (status, body)
    if "body" in config:
        assert asked.got("content-type") == ["text/html"]


@pytest.mark.spec("Kong#request-termination")
async def test_a_trigger_is_a_field_or_an_argument() -> None:
    config = {"trigger": "X-End"}

    assert (await ended(config)).forward
    assert (await ended(config, fields=((b"x-end", b""),))).reply.status == 503
    assert (await ended(config, b"/?X-End=1")).reply.status == 503
    assert (await ended(config, b"/?other=1")).forward
    assert (await ended(config, b"/?X-End=%ff")).forward


@pytest.mark.spec("Kong#request-termination")
async def test_an_echo_shows_the_request_without_its_credentials() -> None:
    asked = await ended(
        {"echo": True, "status_code": 200, "message": "hi"},
        b"/a?x=1",
        method=b"POST",
        body=b"payload",
        fields=(
            (b"Cookie", b"planted"),
            (b"Authorization", b"planted"),
            (b"X-A", b"1"),
        ),
    )
    found = json.loads(asked.reply.body)

    assert b"planted" not in asked.reply.body
    assert found["message"] == "hi"
    assert found["kong"]["node_id"] == "node-1"
    assert found["kong"]["hostname"] == "gate.internal"
    assert found["request"]["query"] == {"x": "1"}
    assert found["request"]["headers"]["x-a"] == "1"
    assert found["request"]["raw_body"] == "payload"
    assert found["request"]["method"] == "POST"
    assert found["matched_route"]["name"] == "r"
    assert found["matched_service"]["name"] == "s"


@pytest.mark.spec("Kong#request-termination")
@pytest.mark.parametrize(
    ("config", "text"),
    [
        (
            {"message": "m", "body": "b"},
            "message cannot be used with content_type or body",
        ),
        ({"content_type": "text/html"}, "content_type requires a body"),
        (
            {"echo": True, "body": "b"},
            "echo cannot be used with content_type and body",
        ),
    ],
)
def test_settings_that_exclude_one_another_are_named(
    config: dict[str, Any], text: str
) -> None:
    assert problems("request-termination", config) == (((), text),)


@pytest.mark.spec("Kong#request-termination")
def test_defaults_of_terminations_are_kongs() -> None:
    assert defaults("request-termination") == {
        "status_code": 503,
        "message": None,
        "content_type": None,
        "body": None,
        "echo": False,
        "trigger": None,
    }
    assert problems("request-termination", {"status_code": 99}) == (
        (("status_code",), "value should be between 100 and 599"),
    )
