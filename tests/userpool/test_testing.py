"""The endpoints for tests: what they do, and that nobody else has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.ports.mail import MailUnavailable, Message
from ostiary.userpool.testing.tools import TestingTools, build_testing
from tests.userpool.people_kit import ADA, MAIL, FakeTriggers, Stage, read_claims
from tests.userpool.pool_kit import FakeClock, PoolSite, open_site
from tests.userpool.pool_sdk import serve_sdk


@pytest.fixture
def tools() -> TestingTools:
    return build_testing(FakeClock())


@pytest.fixture
async def stage(tmp_path: Path, tools: TestingTools) -> AsyncIterator[Stage]:
    async with (
        open_site(tmp_path, testing=tools) as site,
        serve_sdk(site.app) as sdk,
    ):
        opened = Stage(site, sdk, FakeTriggers())
        await opened.build()
        await opened.add_user()
        yield opened


async def ask(
    site: PoolSite, method: str, path: str, body: Any = None, **headers: str
) -> Any:
    answer = await site.browser(host="127.0.0.1:9229").request(
        method,
        path,
        body=b"" if body is None else json.dumps(body).encode(),
        headers=headers,
    )
    assert answer.status == 200, (answer.status, answer.text)
    return answer.json()


async def refused(site: PoolSite, method: str, path: str, **more: Any) -> int:
    headers = more.get("headers", {})
    answer = await site.browser(host=more.get("host", "127.0.0.1:9229")).request(
        method, path, body=more.get("body", b""), headers=headers
    )
    return answer.status


async def forgot(stage: Stage) -> None:
    await stage.sdk.call("ForgotPassword", ClientId=stage.client_id, Username=ADA)


@pytest.mark.parametrize(
    "path", ["/_outbox", "/_clock", "/_snapshot", "/_aws/ses?email=a", "/_reset"]
)
async def test_without_the_setting_there_is_none_of_it(
    tmp_path: Path, path: str
) -> None:
    async with open_site(tmp_path) as site:
        assert [await refused(site, m, path) for m in ("GET", "POST")] == [404, 404]


@pytest.mark.parametrize(
    "more",
    [
        {"host": "rebound.example"},
        {"headers": {"origin": "https://evil.example"}},
        {"headers": {"sec-fetch-site": "cross-site"}},
    ],
)
async def test_web_pages_and_rebound_names_read_no_codes(
    stage: Stage, more: dict[str, Any]
) -> None:
    assert await refused(stage.site, "GET", "/_outbox", **more) == 403


async def test_a_code_is_read_from_the_outbox(stage: Stage) -> None:
    waiting = asyncio.create_task(ask(stage.site, "GET", f"/_outbox?to={MAIL}&wait=5"))
    await asyncio.sleep(0)
    await forgot(stage)
    (message,) = (await waiting)["messages"]

    assert (message["medium"], message["to"]) == ("EMAIL", MAIL)
    assert message["code"] in message["text"]
    (found,) = (await ask(stage.site, "GET", f"/_aws/ses?email={MAIL}"))["messages"]
    assert found["Body"]["text_part"] == message["text"]
    await ask(stage.site, "DELETE", "/_outbox")
    assert (await ask(stage.site, "GET", "/_outbox"))["messages"] == []


async def test_codes_are_chosen(stage: Stage) -> None:
    await ask(stage.site, "POST", "/_codes", {"next": ["123456"]})
    await forgot(stage)
    (message,) = (await ask(stage.site, "GET", "/_outbox"))["messages"]

    assert message["code"] == "123456"


async def test_the_clock_is_moved_and_runs_on(
    stage: Stage, tools: TestingTools
) -> None:
    before = (await ask(stage.site, "GET", "/_clock"))["now"]
    tokens = await stage.tokens()
    await ask(stage.site, "POST", "/_clock", {"advance_s": 3601})

    assert await stage.sdk.refused("GetUser", AccessToken=tokens["AccessToken"]) == (
        "NotAuthorizedException",
        "Access Token has expired",
    )
    assert (await ask(stage.site, "POST", "/_clock", {"now": 5.0}))["now"] == 5.0
    assert (await ask(stage.site, "DELETE", "/_clock"))["now"] == before


async def test_calls_are_throttled_and_mail_fails_for_a_while(stage: Stage) -> None:
    await ask(stage.site, "POST", "/_faults", {"throttle": 1, "mail_fails": True})

    assert await stage.sdk.refused("ListUserPools", MaxResults=1) == (
        "TooManyRequestsException",
        "Rate exceeded",
    )
    code, _ = await stage.sdk.refused(
        "ForgotPassword", ClientId=stage.client_id, Username=ADA
    )
    assert code == "CodeDeliveryFailureException"
    await ask(stage.site, "DELETE", "/_faults")
    await forgot(stage)


async def test_new_signing_keys_end_what_the_old_ones_signed(stage: Stage) -> None:
    tokens = await stage.tokens()
    await ask(stage.site, "POST", f"/_keys/{stage.pool_id}/rotate", {})
    code, _ = await stage.sdk.refused("GetUser", AccessToken=tokens["AccessToken"])

    assert code == "NotAuthorizedException"
    fresh = await stage.tokens()
    assert read_claims(fresh["AccessToken"])["username"] == ADA


async def test_a_snapshot_brings_everything_back(stage: Stage) -> None:
    tokens = await stage.tokens()
    kept = await ask(stage.site, "GET", "/_snapshot")
    await stage.admin("AdminDeleteUser")
    await ask(stage.site, "POST", "/_snapshot", kept)

    user = await stage.sdk.call("GetUser", AccessToken=tokens["AccessToken"])
    assert user["Username"] == ADA
    assert "AuthenticationResult" in await stage.sign_in()


async def test_a_broken_snapshot_changes_nothing(stage: Stage) -> None:
    for broken in ({"pools": [{"id": 1}]}, {"pools": "x"}, {"users": [["no", "x"]]}):
        status = await refused(
            stage.site, "POST", "/_snapshot", body=json.dumps(broken).encode()
        )
        assert status == 400

    assert "AuthenticationResult" in await stage.sign_in()


async def test_a_reset_leaves_nothing(stage: Stage, tools: TestingTools) -> None:
    await ask(stage.site, "POST", "/_faults", {"throttle": 9, "latency_ms": 1})
    await ask(stage.site, "POST", "/_clock", {"advance_s": 9})
    await ask(stage.site, "POST", "/moto-api/reset")

    pools = await stage.sdk.call("ListUserPools", MaxResults=9)
    assert pools["UserPools"] == []
    assert (tools.clock.offset_s, tools.faults.throttled) == (0.0, 0)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_clock", b'{"now": "noon"}'),
        ("/_clock", b"{}"),
        ("/_clock", b"no"),
        ("/_codes", b'{"next": ["12345"]}'),
        ("/_codes", b'{"next": "123456"}'),
        ("/_faults", b'{"latency_ms": -1}'),
        ("/_faults", b'{"throttle": "all"}'),
        ("/_keys/nobody/rotate", b"{}"),
    ],
)
async def test_nonsense_is_refused(stage: Stage, path: str, body: bytes) -> None:
    assert await refused(stage.site, "POST", path, body=body) == 400


async def test_mail_that_fails_is_not_kept(tools: TestingTools) -> None:
    tools.faults.mail_fails = True
    with pytest.raises(MailUnavailable):
        await tools.outbox.send(Message(recipient=MAIL, text="x"))

    assert tools.outbox.find(to=None) == []
