"""The echo tells what arrived, and gives no secret away."""

from __future__ import annotations

import base64
import json
import time

import pytest

from ostiary.cli.demo.echo import decode_bearer, echo_app, mask_tokens
from tests.unit.demo.asgi import call


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


CLAIMS = {"sub": "s-1", "exp": 1_790_000_000, "cognito:groups": ["a"]}
TOKEN = f"{_part({'alg': 'RS256'})}.{_part(CLAIMS)}.c2lnbmF0dXJl"


async def test_programs_get_json_with_decoded_claims() -> None:
    reply = await call(
        echo_app(),
        "/anything?x=1",
        method="PATCH",
        headers={"authorization": f"Bearer {TOKEN}", "cookie": "theme=dark"},
        body=b"hello",
    )
    found = reply.json()

    assert reply.status == 200
    assert (found["method"], found["path"], found["query"]) == (
        "PATCH",
        "/anything",
        "x=1",
    )
    assert found["body"] == "hello"
    assert found["bearer"] == {"header": {"alg": "RS256"}, "claims": CLAIMS}
    assert found["authorization"] == f"Bearer <masked, {len(TOKEN)} characters>"
    assert found["cookies"] == ["theme"]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_no_token_and_no_cookie_value_comes_back(accept: str) -> None:
    reply = await call(
        echo_app(),
        f"/anything?token={TOKEN}",
        method="POST",
        headers={
            "accept": accept,
            "authorization": f"Bearer {TOKEN}",
            "x-id-token": TOKEN,
            "cookie": "session-1=secret-value",
        },
        body=TOKEN.encode(),
    )

    assert reply.status == 200
    assert TOKEN not in reply.text
    assert TOKEN.split(".")[2] not in reply.text
    assert "secret-value" not in reply.text


async def test_people_get_a_page_that_names_what_the_gateway_did() -> None:
    reply = await call(
        echo_app(landing_url="http://127.0.0.1:8080"),
        "/anything",
        headers={"accept": "text/html", "authorization": f"Bearer {TOKEN}"},
    )

    assert reply.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "No gateway cookies arrived" in reply.text
    assert "1790000000 (21 September 2026, 14:13:20 UTC)" in reply.text
    assert 'href="http://127.0.0.1:8080"' in reply.text


async def test_the_gateway_s_own_cookies_are_called_out() -> None:
    headers = {"accept": "text/html", "cookie": "__Host-session-0a1b2c3d=v; theme=dark"}
    reply = await call(echo_app(), "/anything", headers=headers)

    assert "Cookies of the gateway arrived: __Host-session-0a1b2c3d" in reply.text


async def test_what_arrives_is_escaped() -> None:
    headers = {"accept": "text/html", "x-evil": "<script>alert(1)</script>"}
    reply = await call(echo_app(), "/<script>", headers=headers)

    assert "<script" not in reply.text


async def test_a_long_body_is_counted_but_not_kept_whole() -> None:
    reply = await call(echo_app(), "/", method="POST", body=b"a" * 200_000)
    found = reply.json()

    assert found["body_bytes"] == 200_000
    assert len(found["body"]) == 64 * 1024


@pytest.mark.parametrize(
    "value",
    ["Bearer opaque", "Bearer a.b.c", "Basic eyJhIjoxfQ.eyJhIjoxfQ.x", "Bearer", ""],
)
def test_what_is_no_token_is_not_decoded(value: str) -> None:
    assert decode_bearer(value) is None


def test_masking_takes_no_longer_for_hostile_text() -> None:
    start = time.perf_counter()
    for text in ("eyJ" * 30_000, "eyJaaaaa." * 10_000, "a" * 100_000, "." * 100_000):
        mask_tokens(text)

    assert time.perf_counter() - start < 2
