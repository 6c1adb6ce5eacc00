"""Who is listed as signed in, and an operator's end of it, in every storage and on every worker."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.signin.ledger import Ledger, SeenSession
from ostiary.signin.session import SessionKeeper
from tests.support.browser import Browser, World, allowed, build_party, refused
from tests.support.parties import LASTING, LOGOUT, PAGE, XHR

STORED: dict[str, Any] = {"session_storage": "redis"}


@pytest.fixture
def world() -> World:
    return World()


async def visitor(world: World, **config: Any) -> Browser:
    browser = world.browser()
    await browser.sign_in(build_party(**config))
    return browser


async def test_who_signs_in_is_listed_at_once_and_without_a_token(
    world: World,
) -> None:
    await visitor(world)
    (seen,) = world.signin.list_sessions()

    assert seen.plugin == "row-1"
    assert seen.who == "ada@example.com"
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
    none = other.list_sessions()
    allowed(await browser.visit(build_party(), worker=other))

    assert none == []
    assert [s.name for s in other.list_sessions()] == [
        s.name for s in world.signin.list_sessions()
    ]


async def test_the_last_use_is_told_about_as_it_is(world: World) -> None:
    browser = await visitor(world)
    world.clock.move(70)
    allowed(await browser.visit(build_party()))
    (seen,) = world.signin.list_sessions()

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
    _, first = world.signin.list_sessions()
    ends = other if elsewhere else world.signin
    is_done = await ends.end_session(first.name)

    assert is_done
    assert refused(await browser.visit(party, fields=XHR)).status == 401
    assert refused(await browser.visit(party, fields=XHR, worker=other)).status == 401
    allowed(await bystander.visit(party))
    assert first.name not in {s.name for s in world.signin.list_sessions()}
    assert other.list_sessions() == []


async def test_a_name_that_nobody_has_ends_nothing(world: World) -> None:
    browser = await visitor(world)
    (seen,) = world.signin.list_sessions()

    assert not await world.signin.end_session(seen.session.id)
    assert not await world.signin.end_session("")
    allowed(await browser.visit(build_party()))


async def test_who_signs_out_is_not_listed(world: World) -> None:
    config = {**LASTING, **LOGOUT}
    browser = await visitor(world, **config)
    await browser.ask(build_party(**config), f"{PAGE}?logout=1")

    assert world.signin.list_sessions() == []


async def test_a_session_that_has_run_out_is_not_listed(world: World) -> None:
    await visitor(world)
    world.clock.move(901)

    assert world.signin.list_sessions() == []


async def test_where_only_disuse_ends_a_session_no_end_is_told(world: World) -> None:
    await visitor(world, session_absolute_timeout=0)
    (seen,) = world.signin.list_sessions()

    assert seen.ends_at is None


async def test_when_orders_may_have_been_missed_nobody_is_listed(
    world: World,
) -> None:
    await visitor(world)
    world.signin.forget_sessions()

    assert world.signin.list_sessions() == []


async def test_those_not_seen_for_longest_are_forgotten(world: World) -> None:
    for _ in range(3):
        await visitor(world)
        world.clock.move(1)
    rows = [*reversed(world.signin.list_sessions())]
    small = Ledger(limit=2)
    for row in rows:
        note(small, row)
    note(small, rows[1], now=rows[1].seen_at + 20)
    note(small, rows[0], now=rows[1].seen_at + 30)

    assert [s.name for s in small.list(now=world.clock.now())] == [
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
    (seen,) = world.signin.list_sessions()
    ledger = Ledger()
    note(ledger, seen)
    (bare,) = ledger.list(now=seen.seen_at)

    assert bare.who == seen.session.subject
