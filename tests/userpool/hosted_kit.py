"""What the tests of hosted pages share: what browsers send, and codes."""

from __future__ import annotations

import base64
import hashlib

from tests.userpool.pool_kit import PASSWORD, Demo, query_of

VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
    .rstrip(b"=")
    .decode()
)
SIGN_IN = {"username": "ada@example.org", "password": PASSWORD}


async def code_of(demo: Demo, **query: str) -> str:
    """A code for a browser that is signed in."""
    answer = await demo.browser.get(f"/oauth2/authorize?{demo.query(**query)}")

    assert answer.status == 302, answer.text

    return query_of(answer.location)["code"]
