"""What the provider said is kept for as long as it may be, and asked for once at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.head import find
from ostiary.ports.fetch import FetchLimits
from ostiary.signin.values import SendAway
from tests.support.browser import World, allowed, refused
from tests.support.parties import PAGE, bearer
from tests.support.provider import FakeProvider
from tests.unit.signin.test_methods import (
    NOW_ACTIVE,
    OPAQUE,
    basic,
    forms,
    party_with,
    value_of,
)

REFRESH = ((b"Refresh", b"r1"),)


class SlowProvider(FakeProvider):
    """One whose replies take a turn of the loop."""

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        reply = await super().send(request, limits)
        await asyncio.sleep(0.01)
        return reply


@pytest.mark.spec("oidc-plugin#13")
async def test_an_introspection_result_is_used_no_longer_than_cache_ttl() -> None:
    world, party = World(), party_with("introspection", cache_ttl=100)
    world.provider.told[OPAQUE] = NOW_ACTIVE
    browser, other = world.browser(), world.worker()
    allowed(await browser.ask(party, PAGE, fields=bearer(OPAQUE)))
    world.clock.move(90)
    allowed(await browser.ask(party, PAGE, fields=bearer(OPAQUE), worker=other))
    world.provider.told[OPAQUE] = {"active": False}
    world.clock.move(11)

    for worker in (world.signin, other):
        step = await browser.ask(party, PAGE, fields=bearer(OPAQUE), worker=worker)
        assert refused(step).status == 401


@pytest.mark.spec("oidc-plugin#13")
@pytest.mark.parametrize(("negative_s", "asked"), [(None, 3), (10, 1)])
async def test_a_refused_token_is_remembered_for_cache_ttl_neg(
    negative_s: float | None, asked: int
) -> None:
    world, party = World(), party_with("introspection", cache_ttl_neg=negative_s)

    for worker in (world.signin, world.worker(), world.signin):
        browser = world.browser()
        step = await browser.ask(party, PAGE, fields=bearer(OPAQUE), worker=worker)
        assert (refused(step).status, refused(step).error) == (401, "invalid_token")
    assert len(world.provider.asked("/introspect")) == asked

    world.clock.move(11)
    world.provider.told[OPAQUE] = NOW_ACTIVE
    allowed(await world.browser().ask(party, PAGE, fields=bearer(OPAQUE)))


@pytest.mark.spec("oidc-plugin#13")
async def test_a_user_info_refusal_is_remembered_for_cache_ttl_neg() -> None:
    world, party = World(), party_with("userinfo", cache_ttl_neg=10)
    world.provider.people[OPAQUE] = {"email": "a@example.com"}  # without a sub

    for _ in range(3):
        step = await world.browser().ask(party, PAGE, fields=bearer(OPAQUE))
        assert refused(step).status == 401

    assert len(world.provider.asked("/userinfo")) == 1


@pytest.mark.spec("RFC6749#6")
async def test_workers_change_one_refresh_token_once() -> None:
    world = World()
    world.provider = SlowProvider(world.clock)
    party = party_with("refresh_token", refresh_token_param_name="refresh")
    workers = [world.worker() for _ in range(4)]

    steps = await asyncio.gather(
        *(
            world.browser().ask(party, PAGE, fields=REFRESH, worker=worker)
            for worker in workers
        )
    )

    assert {allowed(step).subject for step in steps} == {"ada"}
    assert len(world.provider.asked("/token")) == 1


async def test_a_worker_that_waited_for_a_failure_tries_itself() -> None:
    world = World()
    world.provider = SlowProvider(world.clock)
    party = party_with("refresh_token", refresh_token_param_name="refresh")
    replies = [world.provider.json(500, {})]
    usual = world.provider.token
    world.provider.token_reply = lambda form: replies.pop() if replies else usual(form)

    steps = await asyncio.gather(
        *(
            world.browser().ask(party, PAGE, fields=REFRESH, worker=world.worker())
            for _ in range(2)
        )
    )

    assert sorted(type(step).__name__ for step in steps) == ["Allowed", "Refused"]


async def test_tokens_that_end_at_once_are_asked_for_once() -> None:
    world, party = World(), party_with("password")
    world.provider.lifetime = 0

    await world.browser().ask(party, PAGE, fields=basic("ada", "correct horse"))

    assert len(world.provider.asked("/token")) == 1


@pytest.mark.spec("oidc-plugin#2.5")
async def test_replayed_headers_are_kept_with_their_tokens() -> None:
    world = World()
    party = party_with("client_credentials", token_headers_replay=["X-Tenant"])
    usual = world.provider.token

    def reply(form: dict[str, str]) -> IncomingReply:
        made = usual(form)
        return IncomingReply(status=200, fields={"x-tenant": "one"}, body=made.body)

    world.provider.token_reply = reply
    for worker in (world.signin, world.worker()):
        step = allowed(
            await world.browser().ask(
                party, PAGE, fields=basic("machine", "s"), worker=worker
            )
        )
        assert find(step.downstream_fields, b"x-tenant") == b"one"
    assert len(world.provider.asked("/token")) == 1


@pytest.mark.spec("oidc-plugin#2.6")
async def test_the_clients_arguments_reach_user_info_for_a_header_too() -> None:
    world = World()
    party = party_with(
        "bearer",
        userinfo_query_args_client=["tenant"],
        upstream_user_info_header="x-user-info",
    )
    token = world.provider.access_token()
    world.provider.people[token] = {"sub": "ada", "email": "a@example.com"}

    step = await world.browser().ask(party, f"{PAGE}?tenant=t1", fields=bearer(token))

    assert value_of(step, b"x-user-info") is not None
    assert world.provider.asked("/userinfo")[0].url.endswith("?tenant=t1")


# Secrets in the query


@pytest.mark.spec("oidc-plugin#9.5")
async def test_a_password_of_the_query_is_not_in_the_redirect_after_login() -> None:
    world = World()
    party = party_with(
        "session",
        "password",
        login_action="redirect",
        login_methods=["password"],
        login_tokens=[],
        preserve_query_args=True,
    )
    url = f"{PAGE}?a=1&username=ada&password=correct+horse&b=2"

    step = await world.browser().ask(party, url)

    assert isinstance(step, SendAway)
    assert step.location.endswith("?a=1&username=ada&b=2")


@pytest.mark.spec("oidc-plugin#8.6")
@pytest.mark.parametrize(
    "query", ["access_token=t&" + "&".join(["x=1"] * 101), "access_token=t&a=%E8"]
)
async def test_a_token_in_a_query_that_cannot_be_read_goes_nowhere(query: str) -> None:
    world, party = World(), party_with("bearer", "session", hide_credentials=True)
    token = world.provider.access_token()

    for _ in range(2):  # the second answer is from memory
        step: Any = await world.browser().ask(
            party, f"{PAGE}?{query}", fields=bearer(token)
        )
        assert "access_token" in allowed(step).strip_query


async def test_an_id_token_is_looked_for_in_the_body() -> None:
    world = World()
    party = party_with(
        "bearer",
        id_token_param_name="id_token",
        bearer_token_param_type=["header"],
        upstream_id_token_header="x-id",
    )
    token, other = world.provider.access_token(), world.provider.id_token("")
    step = await world.browser().ask(
        party,
        PAGE,
        method=b"POST",
        fields=(
            *bearer(token),
            (b"Content-Type", b"application/x-www-form-urlencoded"),
        ),
        body=f"a=1&id_token={other}".encode(),
    )

    assert value_of(step, b"x-id") == other.encode()
    assert allowed(step).new_body == b"a=1"
    assert forms(world, "/token") == []


# A salt that several configurations share


@pytest.mark.spec("oidc-plugin#13")
@pytest.mark.parametrize(
    "other",
    [
        {},
        {"token_headers_replay": ["X-Other"]},
        {"token_headers_replay": ["X-Tenant"], "token_headers_prefix": "x-idp-"},
        {"token_headers_replay": ["X-Tenant"], "token_headers_grants": ["password"]},
    ],
)
async def test_a_salt_shares_no_headers_with_who_replays_others(
    other: dict[str, Any],
) -> None:
    world = World()
    usual = world.provider.token

    def reply(form: dict[str, str]) -> IncomingReply:
        made = usual(form)
        return IncomingReply(status=200, fields={"x-tenant": "one"}, body=made.body)

    world.provider.token_reply = reply
    salt = {"cache_tokens_salt": "s"}
    replays: dict[str, Any] = {"token_headers_replay": ["X-Tenant"]}
    seen = []
    for fields in (replays, replays, other):
        party = party_with("client_credentials", **salt, **fields)
        visit = world.browser().ask(party, PAGE, fields=basic("machine", "s"))
        seen.append(find(allowed(await visit).downstream_fields, b"x-tenant"))

    assert seen == [b"one", b"one", None]
    assert len(world.provider.asked("/token")) == 2


@pytest.mark.spec("oidc-plugin#13")
async def test_a_salt_shares_nothing_with_another_session_secret() -> None:
    world = World()
    one, two = (
        party_with("client_credentials", cache_tokens_salt="s", session_secret=secret)
        for secret in ("a" * 32, "b" * 32)
    )

    for party in (one, two, one, two):  # neither takes the other's place
        step = await world.browser().ask(party, PAGE, fields=basic("machine", "s"))
        allowed(step)

    assert len(world.provider.asked("/token")) == 2
