"""Tokens of the certified provider: rotated, asked about, revoked, new keys."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.interop.clients import AWKWARD_SECRET, Json
from tests.interop.stage import (
    Stage,
    Visitor,
    ask_provider,
    call,
    gateway_cookies,
    header,
    machine_token,
    until,
)

AT_ONCE = 10


def past_expiry(found: Json) -> None:
    """Wait until the gateway thinks so too: it counts from when the reply came."""
    ends = found["bearer"]["claims"]["exp"] + 1.2
    until(lambda: time.time() > ends, "the token ends")


def spend(stage: Stage, refresh_token: str) -> Json:
    """Somebody who has the client's secret uses a refresh token."""
    return ask_provider(
        stage,
        "token",
        grant_type="refresh_token",
        refresh_token=refresh_token,
        client_id="gateway:rotating",
        client_secret=AWKWARD_SECRET,
    )


@pytest.mark.spec("RFC6749#6")
def test_ten_requests_at_expiry_refresh_once_and_sign_nobody_out(
    stage: Stage, visitor: Visitor
) -> None:
    page = stage.page("rotating")
    facts = {"client": "gateway:rotating", "grant": "refresh_token"}
    visitor.sign_in_at_provider(page)
    first = visitor.ask(page)
    before = stage.provider.count("grant.success", **facts)
    refused = stage.provider.count("grant.error", **facts)
    past_expiry(first)
    twins = [visitor.twin() for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda twin: twin.ask(page), twins))

    # Everybody goes upstream with the same new pair: nobody used the old one again.
    assert len({header(f, "x-refresh") for f in found}) == 1
    assert header(found[0], "x-refresh") != header(first, "x-refresh")
    assert stage.provider.count("grant.success", **facts) == before + 1
    assert stage.provider.count("grant.error", **facts) == refused
    # Whoever has only the cookie from before is still in, as are all others.
    now = [one.get(page).status for one in (visitor.twin(), *twins)]
    assert now == [200] * (AT_ONCE + 1)
    assert all(gateway_cookies(twin) for twin in twins)


@pytest.mark.spec("RFC9700#4.14.2")
def test_a_refresh_token_that_somebody_else_has_used_ends_the_session(
    stage: Stage, visitor: Visitor
) -> None:
    page = stage.page("rotating")
    visitor.sign_in_at_provider(page)
    first = visitor.ask(page)
    stolen = header(first, "x-refresh")
    assert stolen is not None
    assert spend(stage, stolen)["status"] == 200
    past_expiry(first)
    seen = visitor.get(page)

    assert seen.status == 302
    assert gateway_cookies(visitor) == set()
    assert spend(stage, stolen)["error"] == "invalid_grant"


@pytest.mark.spec("RFC7662#2.2")
def test_an_opaque_token_is_good_until_the_provider_revokes_it(stage: Stage) -> None:
    token = machine_token(stage)
    assert "." not in token
    before = [call(stage, "asking", token)[0] for _ in range(4)]
    revoked = ask_provider(stage, "token/revocation", token=token)
    # Nothing is remembered, so the very next request is refused on every worker.
    after = [call(stage, "asking", token)[0] for _ in range(4)]

    assert before == [200] * 4
    assert revoked["status"] == 200
    assert after == [401] * 4


def test_a_token_the_provider_has_never_seen_is_refused(stage: Stage) -> None:
    token = machine_token(stage)
    made_up = token[::-1]

    assert call(stage, "asking", made_up)[0] == 401
    assert call(stage, "asking", token)[0] == 200


def test_a_new_key_right_after_the_start_works_and_the_old_one_does_not(
    stage: Stage,
) -> None:
    api, turning = f"{stage.node.site.gateway}/api", stage.providers.turning
    old = machine_token(stage, api, provider=turning)
    # The first request of all to this provider: the keys are as fresh as can be.
    assert [call(stage, "turning", old)[0] for _ in range(4)] == [200] * 4
    turning.stop()
    turning.forget_keys()
    turning.start()
    new = machine_token(stage, api, provider=turning)

    assert [call(stage, "turning", new)[0] for _ in range(12)] == [200] * 12
    assert [call(stage, "turning", old)[0] for _ in range(12)] == [401] * 12
    # Nor does a key of somebody else, which makes the gateway look for new ones.
    other = machine_token(stage, api)
    assert call(stage, "api", other)[0] == 200
    assert call(stage, "turning", other)[0] == 401
