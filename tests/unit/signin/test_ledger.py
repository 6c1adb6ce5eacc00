"""Who is listed as signed in, and an operator's end of it, in every storage and on every worker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ostiary.adapters.shared import MemoryShared
from ostiary.ports.shared import SharedUnavailable
from ostiary.signin.authenticate import Signin
from ostiary.signin.ledger import Ledger, SeenSession
from ostiary.signin.session import SessionKeeper
from tests.support.browser import Browser, World, allowed, build_party, refused
from tests.support.parties import LASTING, LOGOUT, PAGE, XHR

STORED: dict[str, Any] = {"session_storage": "redis"}


@pytest.fixture
def world() -> World:
    return World()


async def visitor(world: World, **config: Any) -> Browser:
    """Somebody who has signed in, and come back with the cookie."""
    browser, party = world.browser(), build_party(**config)
    await browser.sign_in(party)
    allowed(await browser.visit(party))
    return browser


def listed(signin: Signin, *plugins: str) -> list[SeenSession]:
    return signin.list_sessions(plugins or ("row-1",))


async def test_who_comes_with_a_session_is_listed_without_a_token(
    world: World,
) -> None:
    await visitor(world)
    (seen,) = listed(world.signin)

    assert seen.plugin == "row-1"
    assert seen.who == "ada@example.com"
    assert seen.subject == seen.session.subject
    assert seen.began_at == seen.seen_at == world.clock.now()
    assert seen.ends_at == world.clock.now() + 86400
    assert seen.session.access_token == ""
    assert seen.session.id_token is None
    assert seen.session.refresh_token is None
    assert seen.session.id not in seen.name
    assert seen.session.id not in repr(seen)


async def test_who_comes_to_another_worker_is_listed_there_too(world: World) -> None:
    browser = await visitor(world)
    other = world.worker()
    none = listed(other)
    allowed(await browser.visit(build_party(), worker=other))

    assert none == []
    assert [s.name for s in listed(other)] == [s.name for s in listed(world.signin)]


async def test_the_last_use_is_told_about_as_it_is(world: World) -> None:
    browser = await visitor(world)
    world.clock.move(70)
    allowed(await browser.visit(build_party()))
    (seen,) = listed(world.signin)

    assert seen.seen_at == world.clock.now()
    assert seen.began_at == world.clock.now() - 70


@pytest.mark.spec("D14")
@pytest.mark.parametrize("config", [{}, STORED], ids=["cookie", "store"])
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_session_that_an_operator_ends_opens_nothing_on_any_worker(
    world: World, config: dict[str, Any], *, elsewhere: bool
) -> None:
    party = build_party(**config)
    browser = await visitor(world, **config)
    bystander = await visitor(world, **config)
    other = world.worker()
    allowed(await browser.visit(party, worker=other))
    _, first = listed(world.signin)
    ends = other if elsewhere else world.signin
    is_done = await ends.end_session(first.name, ["row-1"])

    assert is_done
    assert refused(await browser.visit(party, fields=XHR)).status == 401
    assert refused(await browser.visit(party, fields=XHR, worker=other)).status == 401
    allowed(await bystander.visit(party))
    assert first.name not in {s.name for s in listed(world.signin)}
    assert listed(other) == []


async def test_a_name_that_nobody_has_ends_nothing(world: World) -> None:
    browser = await visitor(world)
    (seen,) = listed(world.signin)

    assert not await world.signin.end_session(seen.session.id, ["row-1"])
    assert not await world.signin.end_session("", ["row-1"])
    assert not await world.signin.end_session(seen.name, ["row-2"])
    allowed(await browser.visit(build_party()))


async def test_who_signs_out_is_not_listed(world: World) -> None:
    config = {**LASTING, **LOGOUT}
    browser = await visitor(world, **config)
    await browser.ask(build_party(**config), f"{PAGE}?logout=1")

    assert listed(world.signin) == []


async def test_a_session_that_has_run_out_is_not_listed(world: World) -> None:
    await visitor(world)
    world.clock.move(901)

    assert listed(world.signin) == []


async def test_where_only_disuse_ends_a_session_no_end_is_told(world: World) -> None:
    await visitor(world, session_absolute_timeout=0)
    (seen,) = listed(world.signin)

    assert seen.ends_at is None


async def test_when_orders_may_have_been_missed_nobody_is_listed(
    world: World,
) -> None:
    await visitor(world)
    world.signin.forget_sessions()

    assert listed(world.signin) == []


async def test_those_not_seen_for_longest_are_forgotten(world: World) -> None:
    for _ in range(3):
        await visitor(world)
        world.clock.move(1)
    rows = [*reversed(listed(world.signin))]
    small = Ledger(limit=2)
    for row in rows:
        note(small, row)
    note(small, rows[1], now=rows[1].seen_at + 20)
    note(small, rows[0], now=rows[1].seen_at + 30)

    assert [s.name for s in small.list(["row-1"], now=world.clock.now())] == [
        rows[0].name,
        rows[1].name,
    ]


def note(ledger: Ledger, row: SeenSession, *, now: float | None = None) -> None:
    ledger.note(
        row.party,
        row.session,
        SessionKeeper.identify(row.session),
        row.marks,
        now=row.seen_at if now is None else now,
    )


async def test_who_has_no_name_in_a_token_is_listed_by_the_subject(
    world: World,
) -> None:
    await visitor(world)
    (seen,) = listed(world.signin)
    ledger = Ledger()
    note(ledger, seen)
    (bare,) = ledger.list(["row-1"], now=seen.seen_at)

    assert bare.who == seen.session.subject


@pytest.mark.parametrize(
    ("claim", "shown"),
    [
        ("boss\u202e@example.com", "boss@example.com"),
        (" \u200b ", "ada@example.com"),
        ("a" * 300, "a" * 200),
    ],
    ids=["bidi", "blank", "long"],
)
async def test_a_name_is_what_can_be_seen_and_the_subject_stands_beside_it(
    world: World, claim: str, shown: str
) -> None:
    await visitor(world)
    (seen,) = listed(world.signin)
    ledger = Ledger()
    identity = SessionKeeper.identify(seen.session)
    claims = {"email": "ada@example.com", "preferred_username": claim}
    named = replace(identity, id_claims=claims)
    ledger.note(seen.party, seen.session, named, (), now=seen.seen_at)
    (told,) = ledger.list(["row-1"], now=seen.seen_at)

    assert told.who == shown
    assert told.subject == seen.session.subject


async def test_a_busy_plugin_pushes_nobody_of_another_out(world: World) -> None:
    await visitor(world)
    (seen,) = listed(world.signin)
    small = Ledger(limit=4)
    other = replace(seen, plugin="row-2")
    small.put(other)
    for number in range(9):
        small.put(replace(seen, session=replace(seen.session, id=f"s{number}")))

    assert small.list(["row-2"], now=seen.seen_at) == [other]
    assert len(small.list(["row-1"], now=seen.seen_at)) == 3


async def test_sessions_that_never_come_back_take_nobodys_place(world: World) -> None:
    """A script that keeps no cookie begins one with every request."""
    await world.browser().sign_in(build_party())

    assert listed(world.signin) == []


async def test_who_comes_all_the_time_is_seen_every_minute(world: World) -> None:
    """Though most answers are from memory, and no clock would have it looked at for long."""
    config: dict[str, Any] = {"session_idling_timeout": 0}
    browser = await visitor(world, **config)
    for _ in range(13):
        world.clock.move(5)
        allowed(await browser.visit(build_party(**config)))
    (seen,) = listed(world.signin)

    assert seen.seen_at >= world.clock.now() - 10


async def test_short_clocks_lose_nobody_who_is_there(world: World) -> None:
    config: dict[str, Any] = {"session_idling_timeout": 8}
    browser = await visitor(world, **config)
    for _ in range(3):
        world.clock.move(5)
        allowed(await browser.visit(build_party(**config)))

    assert len(listed(world.signin)) == 1


async def test_who_is_remembered_is_listed_until_that_ends(world: World) -> None:
    config: dict[str, Any] = {"session_remember": True}
    browser = await visitor(world, **config)
    world.clock.move(5000)
    (seen,) = listed(world.signin)
    await world.signin.end_session(seen.name, ["row-1"])
    step = await browser.visit(build_party(**config), fields=XHR)

    assert seen.ends_at == seen.began_at + 2592000
    assert refused(step).status == 401


@pytest.mark.spec("D14")
@pytest.mark.parametrize(
    ("config", "later"),
    [
        ({"session_remember": True}, {"session_remember": True}),
        ({}, {"session_idling_timeout": 86400, "session_rolling_timeout": 86400}),
    ],
    ids=["remembered", "longer clocks"],
)
async def test_an_end_holds_where_other_clocks_apply(
    world: World, config: dict[str, Any], later: dict[str, Any]
) -> None:
    """With a secret that two plugins share, or after a change of one."""
    browser = await visitor(world, **config)
    (seen,) = listed(world.signin)
    await world.signin.end_session(seen.name, ["row-1"])
    statuses = []
    for moved in (1, 1000, 4000):
        world.clock.move(moved)
        step = await browser.visit(build_party(**later), fields=XHR)
        statuses.append(refused(step).status)

    assert statuses == [401] * 3


@pytest.mark.spec("D14")
async def test_an_end_that_its_store_did_not_hear_can_be_ended_again(
    world: World,
) -> None:
    party = build_party(**STORED)
    browser = await visitor(world, **STORED)
    (seen,) = listed(world.signin)
    world.stores.down = True
    with pytest.raises(SharedUnavailable):
        await world.signin.end_session(seen.name, ["row-1"])
    world.stores.down = False
    here = refused(await browser.visit(party, fields=XHR)).status

    assert await world.signin.end_session(seen.name, ["row-1"])
    assert listed(world.signin) == []

    elsewhere = world.worker(MemoryShared(world.clock))
    step = await browser.visit(party, fields=XHR, worker=elsewhere)

    assert here == refused(step).status == 401


@pytest.mark.spec("D14")
async def test_a_session_that_ends_while_it_is_judged_is_not_listed_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await visitor(world)
    (seen,) = listed(world.signin)
    world.clock.move(70)
    save = SessionKeeper.save

    async def end_meanwhile(*args: Any, **options: Any) -> Any:
        fields = await save(*args, **options)
        await world.signin.end_session(seen.name, ["row-1"])
        return fields

    monkeypatch.setattr(SessionKeeper, "save", end_meanwhile)
    await browser.visit(build_party())

    assert listed(world.signin) == []
