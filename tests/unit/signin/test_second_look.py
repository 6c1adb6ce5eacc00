"""What a second pair of eyes found: tokens in two places, ends that outlive every cookie."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.http.head import find_all
from ostiary.signin.schema import OpenidConnectConfig
from ostiary.signin.values import Allowed
from tests.support.browser import World, allowed, build_config, build_party
from tests.support.parties import LOGOUT, PAGE, bearer, signed_in

PLACES: dict[str, Any] = {"bearer_token_param_type": ["header", "query"]}


@pytest.mark.spec("oidc-plugin#8.6")
async def test_a_token_in_the_query_is_hidden_whatever_was_seen_before() -> None:
    world, party = World(), build_party(hide_credentials=True, **PLACES)
    token = world.provider.access_token()
    browser = world.browser()
    in_query = f"{PAGE}?access_token={token}"

    for url, fields, hidden in (
        (in_query, (), True),
        (PAGE, bearer(token), False),
        (in_query, (), True),
        (in_query, bearer(token), True),
    ):
        step = allowed(await browser.ask(party, url, fields=fields))
        assert bool(step.strip_query) is hidden


@pytest.mark.spec("oidc-plugin#4.1")
async def test_a_header_does_not_count_where_only_the_query_does() -> None:
    world = World()
    party = build_party(bearer_token_param_type=["query"])
    token = world.provider.access_token()
    browser = world.browser()

    alone = await browser.ask(party, PAGE, fields=bearer(token))
    assert not isinstance(alone, Allowed)
    both = await browser.ask(
        party, f"{PAGE}?access_token={token}", fields=bearer(token)
    )
    assert isinstance(both, Allowed)
    again = await browser.ask(party, PAGE, fields=bearer(token))
    assert not isinstance(again, Allowed)


@pytest.mark.spec("T-X7")
async def test_an_answer_to_a_token_varies_by_where_tokens_are() -> None:
    world, party = World(), build_party()
    token = world.provider.access_token()
    step = allowed(await world.browser().ask(party, PAGE, fields=bearer(token)))
    (varies,) = find_all(step.downstream_fields, b"vary")

    assert {b"Cookie", b"Authorization", b"Access-Token", b"X-Access-Token"} == set(
        varies.split(b", ")
    )


@pytest.mark.spec("T-K10")
@pytest.mark.parametrize(
    ("clocks", "age_s"),
    [
        ({"session_absolute_timeout": 0, "session_rolling_timeout": 7200}, 31 * 86400),
        (
            {
                "session_absolute_timeout": 0,
                "session_rolling_timeout": 0,
                "session_idling_timeout": 0,
            },
            40 * 86400,
        ),
    ],
)
async def test_an_ended_session_stays_ended_however_old_it_was(
    clocks: dict[str, int], age_s: int
) -> None:
    world = World()
    changes: dict[str, Any] = {**LOGOUT, "session_idling_timeout": 0, **clocks}
    party = build_party(refresh_tokens=False, **changes)
    world.provider.lifetime = 10**7
    browser = await signed_in(world, party)
    step_s = 3000 if clocks["session_rolling_timeout"] else age_s
    for _ in range(age_s // step_s):
        world.clock.move(step_s)
        allowed(await browser.ask(party, PAGE))
    kept = dict(browser.cookies)
    await browser.ask(party, f"{PAGE}?logout=1")
    for seconds in (2, 600, 3000):
        world.clock.move(seconds)
        browser.cookies = dict(kept)
        assert not isinstance(await browser.ask(party, PAGE), Allowed)


def test_own_headers_and_origins_are_judged_when_they_are_configured() -> None:
    def read(**own: Any) -> OpenidConnectConfig:
        return build_config(ostiary=own)

    read(
        upstream_assertion_header="X-Assertion", websocket_origins=["https://a.example"]
    )
    for name in ("Host", "via", "Cookie", "X-Forwarded-For", "Content-Length"):
        with pytest.raises(ValueError, match="already means something else"):
            read(upstream_assertion_header=name)
    for origin in ("*", "null", "https://a.example/", "https://A.example"):
        with pytest.raises(ValueError, match="must be an origin"):
            read(websocket_origins=[origin])
