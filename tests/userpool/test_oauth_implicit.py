"""`response_type=token`: tokens in the fragment, and errors there too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.userpool.hosted_kit import SIGN_IN
from tests.userpool.people_kit import FakeTriggers, read_claims, refusing
from tests.userpool.pool_kit import CALLBACK, Demo, PoolSite, build_demo, open_site

TOKEN = {"response_type": "token"}


@pytest.fixture
def triggers() -> FakeTriggers:
    return FakeTriggers()


@pytest.fixture
async def site(tmp_path: Path, triggers: FakeTriggers) -> AsyncIterator[PoolSite]:
    async with open_site(tmp_path, triggers=triggers) as opened:
        yield opened


@pytest.fixture
async def demo(site: PoolSite) -> Demo:
    return await build_demo(site, AllowedOAuthFlows=["implicit", "code"])


def fragment_of(location: str) -> dict[str, str]:
    assert location.startswith(f"{CALLBACK}#"), location
    assert urlsplit(location).query == ""

    return dict(parse_qsl(urlsplit(location).fragment))


@pytest.mark.spec("RFC6749#4.2.2")
async def test_tokens_come_in_the_fragment_and_no_refresh_token_does(
    demo: Demo,
) -> None:
    given = fragment_of((await demo.confirm(**TOKEN)).location)

    assert list(given) == [
        "id_token",
        "access_token",
        "token_type",
        "expires_in",
        "state",
    ]
    assert (given["token_type"], given["expires_in"]) == ("bearer", "3600")
    assert given["state"] == "a state+/=%"
    assert read_claims(given["id_token"])["nonce"] == "n-1"

    info = await demo.browser.get(
        "/oauth2/userInfo", authorization=f"Bearer {given['access_token']}"
    )

    assert info.json()["email"] == "Ada@Example.org"


async def test_without_openid_there_is_no_id_token(demo: Demo) -> None:
    await demo.confirm()
    answer = await demo.browser.get(
        f"/oauth2/authorize?{demo.query(**TOKEN, scope='aws.cognito.signin.user.admin')}"
    )
    given = fragment_of(answer.location)

    assert "id_token" not in given
    assert "access_token" in given


async def test_a_password_leads_to_tokens_too(site: PoolSite, demo: Demo) -> None:
    await demo.confirm()
    browser = site.browser()
    page = await browser.get(f"/login?{demo.query(**TOKEN)}")

    assert "access_token" in fragment_of((await browser.submit(page, SIGN_IN)).location)


@pytest.mark.spec("RFC6749#4.2.2.1")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"prompt": "none"}, {"error": "login_required"}),
        (
            {"scope": "openid offline_access"},
            {"error": "invalid_request", "error_description": "invalid_scope"},
        ),
    ],
)
async def test_errors_come_in_the_fragment(
    demo: Demo, changes: dict[str, str], expected: dict[str, str]
) -> None:
    answer = await demo.browser.get(
        f"/oauth2/authorize?{demo.query(**TOKEN, **changes)}"
    )

    assert fragment_of(answer.location) == expected | {"state": "a state+/=%"}


async def test_a_client_without_the_flow_is_told_so(site: PoolSite) -> None:
    demo = await build_demo(site)
    answer = await demo.browser.get(f"/oauth2/authorize?{demo.query(**TOKEN)}")

    assert fragment_of(answer.location)["error"] == "unauthorized_client"


async def test_a_trigger_s_refusal_is_told_to_the_client(
    site: PoolSite, demo: Demo, triggers: FakeTriggers
) -> None:
    await demo.confirm()
    await site.call(
        "UpdateUserPool",
        UserPoolId=demo.pool_id,
        AutoVerifiedAttributes=["email"],
        LambdaConfig={"PreTokenGeneration": triggers.arn("no", refusing("Not you"))},
    )
    answer = await demo.browser.get(f"/oauth2/authorize?{demo.query(**TOKEN)}")

    assert fragment_of(answer.location) == {
        "error_description": "PreTokenGeneration failed with error Not you.",
        "state": "a state+/=%",
        "error": "invalid_request",
    }
