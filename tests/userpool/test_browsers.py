"""Web pages must not drive the API, not even through a name that was pointed at it."""

from __future__ import annotations

import pytest

from tests.userpool.pool_kit import SIGNED, PoolSite


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://cognito-idp.localhost:9443"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_web_page_may_not_call_what_needs_a_signature(
    site: PoolSite, headers: dict[str, str]
) -> None:
    answer = await site.call_raw(
        "ListUserPools", {"MaxResults": 1}, headers=SIGNED | headers
    )

    assert answer.status == 403
    assert answer.json() == {
        "__type": "AccessDeniedException",
        "message": "Web pages may not call operations that need a signature.",
    }
    assert answer.header("x-amzn-errortype") == "AccessDeniedException:"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:9229", 200),
        ("LOCALHOST", 200),
        ("anything.localhost:9443", 200),
        ("127.0.0.1:9229", 200),
        ("10.0.0.7", 200),
        ("[::1]:9229", 200),
        ("cognito-idp.localhost:9443", 200),
        ("demo.auth.localhost:9443", 200),
        ("rebound.evil.example", 403),
        ("localhost.evil.example", 403),
        ("evil.example:9229", 403),
        ("127.0.0.1.evil.example", 403),
        ("a b", 403),
        ("", 403),
    ],
)
async def test_a_call_must_name_this_site(
    site: PoolSite, host: str, status: int
) -> None:
    answer = await site.browser(host=host).request(
        "POST",
        "/",
        body=b'{"MaxResults": 1}',
        headers={
            "x-amz-target": "AWSCognitoIdentityProviderService.ListUserPools",
            **SIGNED,
        },
    )

    assert answer.status == status, answer.text
    assert status == 200 or answer.json()["__type"] == "AccessDeniedException"
