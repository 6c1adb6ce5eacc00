"""Sites behind load balancers know who asks, and only the trusted are believed."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from ostiary.node.behind import BehindProxies
from ostiary.settings import read_settings


async def client_of(
    peer: str, fields: dict[str, str], kind: str = "http", **settings: Any
) -> object:
    seen: list[object] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope.get("client"))

    read = read_settings(file_text=None, environ={}, overrides=settings)
    scope = {
        "type": kind, "client": (peer, 5),
        "headers": [(n.encode(), v.encode()) for n, v in fields.items()],
    }  # fmt: skip
    await BehindProxies(app, read.settings)(scope, None, None)  # type: ignore[arg-type]  # neither is used
    return seen[0]


TRUSTED = {"trusted_ips": "10.0.0.0/8, 127.0.0.1"}


@pytest.mark.spec("T-F3")
@pytest.mark.parametrize(
    ("peer", "fields", "expected"),
    [
        ("10.1.1.1", {"x-real-ip": "192.0.2.7"}, ("192.0.2.7", 0)),
        ("127.0.0.1", {"x-real-ip": "2001:db8::1"}, ("2001:db8::1", 0)),
        ("192.0.2.9", {"x-real-ip": "192.0.2.7"}, ("192.0.2.9", 5)),
        ("10.1.1.1", {"x-forwarded-for": "192.0.2.7"}, ("10.1.1.1", 0)),
        ("10.1.1.1", {"x-real-ip": "not one"}, ("10.1.1.1", 0)),
        ("10.1.1.1", {"x-real-ip": "127.0.0.1"}, ("10.1.1.1", 5)),
        ("10.1.1.1", {"x-real-ip": "::ffff:127.0.0.1"}, ("10.1.1.1", 5)),
        ("10.1.1.1", {"x-real-ip": "::1"}, ("10.1.1.1", 5)),
    ],
)
async def test_whoever_is_behind_a_trusted_peer_is_the_client(
    peer: str, fields: dict[str, str], expected: object
) -> None:
    assert await client_of(peer, fields, **TRUSTED) == expected


async def test_nobody_is_trusted_unless_named() -> None:
    assert await client_of("10.1.1.1", {"x-real-ip": "192.0.2.7"}) == ("10.1.1.1", 5)


async def test_the_field_is_the_one_that_is_set() -> None:
    said = {"x-forwarded-for": "203.0.113.5, 192.0.2.7, 10.2.2.2"}
    more = {**TRUSTED, "real_ip_header": "X-Forwarded-For", "real_ip_recursive": "on"}

    assert await client_of("10.1.1.1", said, **more) == ("192.0.2.7", 0)


async def test_what_is_no_request_passes() -> None:
    assert await client_of("10.1.1.1", {}, kind="lifespan", **TRUSTED) == (
        "10.1.1.1",
        5,
    )
