"""A session keeps to the client that began it, wherever that stands in the configuration (D13)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from ostiary.sessions.session import Session, SessionInvalid
from ostiary.signin.party import Party
from ostiary.signin.session_client import find_client, hash_client
from ostiary.signin.values import Allowed, SendAway
from tests.support.browser import ORIGIN, Browser, World, allowed, build_party, refused
from tests.support.parties import LASTING, LOGOUT, PAGE, XHR
from tests.support.provider import CLIENT_ID

A, B, C = CLIENT_ID, "client-b", "client-c"
SESSION = Session(
    id="i",
    created_at=1,
    rolled_at=1,
    touched_at=1,
    subject="ada",
    method="authorization_code",
    client=1,
    access_token="t",
)


def party_of(*names: str, **changes: Any) -> Party:
    secrets = [f"secret of {name}" for name in names]
    return build_party(
        client_id=list(names),
        client_secret=secrets,
        client_auth=["client_secret_post"],
        **{**LASTING, **LOGOUT, **changes},
    )


async def signed_in_as(world: World, party: Party, name: str) -> Browser:
    world.provider.id_edits = {"aud": name}
    browser = world.browser()
    location = await browser.start(party, f"{PAGE}?client_id={name}")
    answer = world.provider.authorize(location)
    await browser.ask(party, f"{ORIGIN}/cognito?{answer}")
    return browser


def refreshed_as(world: World) -> list[tuple[str, str]]:
    """As whom the provider was asked for new tokens."""
    asked = [
        {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        for request in world.provider.asked("/token")
    ]
    return [
        (form["client_id"], form["client_secret"])
        for form in asked
        if form["grant_type"] == "refresh_token"
    ]


@pytest.mark.spec("D13")
@pytest.mark.parametrize("storage", ["cookie", "redis"])
@pytest.mark.parametrize("names", [(A, B, C), (A, C, B), (A, B), (A, C, "d", B)])
async def test_a_session_is_refreshed_by_its_own_client_wherever_that_stands(
    names: tuple[str, ...], storage: str
) -> None:
    world = World()
    browser = await signed_in_as(world, party_of(A, B, C, session_storage=storage), B)
    now = party_of(*names, session_storage=storage)

    for _ in range(2):
        world.clock.move(3601)
        assert allowed(await browser.visit(now)).method == "session"

    assert refreshed_as(world) == [(B, f"secret of {B}")] * 2


@pytest.mark.spec("D13")
@pytest.mark.parametrize(("names", "is_in"), [((A, C, B), True), ((A, C), False)])
async def test_a_refresh_that_is_kept_keeps_to_its_client_too(
    names: tuple[str, ...], *, is_in: bool
) -> None:
    world = World()
    world.provider.lifetime = 60
    before = party_of(A, B, C)
    browser = await signed_in_as(world, before, B)
    old = world.browser()
    old.cookies = dict(browser.cookies)
    world.clock.move(61)
    allowed(await browser.visit(before))

    world.clock.move(61)  # what was kept is over, and refreshed again
    step = await old.visit(party_of(*names), worker=world.worker())

    assert isinstance(step, Allowed) is is_in
    assert {name for name, _ in refreshed_as(world)} == {B}


@pytest.mark.spec("D13")
@pytest.mark.parametrize("storage", ["cookie", "redis"])
async def test_the_session_of_a_client_that_is_gone_is_over(storage: str) -> None:
    world = World()
    browser = await signed_in_as(world, party_of(A, B, session_storage=storage), B)
    world.clock.move(3601)

    step = refused(
        await browser.visit(party_of(A, C, session_storage=storage), fields=XHR)
    )

    assert (step.status, step.code) == (401, "session_expired")
    assert "client is not configured any more" in world.log.text
    assert refreshed_as(world) == []
    assert not any("session" in name for name in browser.cookies)


async def test_logging_out_is_done_as_the_client_that_signed_in() -> None:
    world = World()
    uris = {"logout_redirect_uri": ["https://a.example/", "https://b.example/"]}
    browser = await signed_in_as(world, party_of(A, B, **uris), B)
    now = party_of(A, C, B, logout_redirect_uri=[
        "https://a.example/", "https://c.example/", "https://b.example/"
    ])  # fmt: skip

    step = await browser.ask(now, f"{PAGE}?logout=1")

    assert isinstance(step, SendAway)
    assert "https%3A%2F%2Fb.example%2F" in step.location
    assert not isinstance(await browser.visit(now), Allowed)


def test_a_session_from_before_clients_were_noted_stays_where_it_is() -> None:
    found = find_client(party_of(A, B), SESSION)

    assert found == replace(SESSION, client_hash=hash_client(B))
    with pytest.raises(SessionInvalid) as caught:
        find_client(party_of(A), SESSION)
    assert caught.value.code == "session_invalid"


def test_of_two_clients_of_one_name_the_same_place_counts() -> None:
    kept = replace(SESSION, client_hash=hash_client(A))

    assert find_client(party_of(A, A), kept) is kept
    assert find_client(party_of(A, B), kept).client == 0
