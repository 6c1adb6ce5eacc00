"""A sign-in at the console ends everywhere: at every process on the store, and for good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from starlette.applications import Starlette

from ostiary.adapters.sql.pool_store import open_store
from ostiary.model.pool import ChallengeUse
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.userpool.app import create_app
from ostiary.userpool.config import ConsoleConfig, TokenSignIn, UserPoolConfig
from ostiary.userpool.console.gate import LIFETIME_S
from tests.userpool.console_kit import OURS, TOKEN
from tests.userpool.pool_kit import Answer, Browser, FakeClock, open_site

HOST = "192.0.2.7:9443"


@dataclass
class Processes:
    """Two processes of one site, and as many more as a test starts."""

    config: UserPoolConfig
    clock: FakeClock
    first: Starlette
    second: Starlette

    def start(self) -> Starlette:
        return create_app(self.config)


@pytest.fixture
async def processes(database_url: str, tmp_path: Path) -> AsyncIterator[Processes]:
    async with open_site(tmp_path, database_url=database_url) as site:
        console = ConsoleConfig(access=TokenSignIn(token=TOKEN))
        config = replace(site.config, console=console)
        yield Processes(config, site.clock, create_app(config), create_app(config))


async def post(
    app: Starlette, path: str, fields: dict[str, str], **kept: str
) -> Answer:
    browser = Browser(app, host=HOST, cookies=kept)
    return await browser.post(f"/console/{path}", fields, **OURS)


async def sign_in(app: Starlette) -> dict[str, str]:
    """The cookies of a browser that is signed in."""
    browser = Browser(app, host=HOST)
    answer = await browser.post("/console/sign-in", {"token": TOKEN}, **OURS)

    assert answer.status == 302

    return dict(browser.cookies)


async def is_in(app: Starlette, cookies: dict[str, str]) -> bool:
    answer = await Browser(app, host=HOST, cookies=dict(cookies)).get("/console")

    assert answer.status in {200, 302}, answer.text

    return answer.status == 200


async def test_a_sign_in_is_good_at_every_process(processes: Processes) -> None:
    """Before anybody signs out, the cookie of one process opens the others."""
    cookies = await sign_in(processes.first)

    assert await is_in(processes.first, cookies)
    assert await is_in(processes.second, cookies)
    assert await is_in(processes.start(), cookies)


async def test_a_sign_out_ends_copies_at_every_process(processes: Processes) -> None:
    """After it, a copied cookie opens nothing, there and elsewhere, also after a restart."""
    cookies, others = await sign_in(processes.first), await sign_in(processes.first)
    left = await post(processes.first, "sign-out", {}, **cookies)
    again = await post(processes.second, "sign-out", {}, **cookies)

    assert left.location == "/console/sign-in?done=signed-out"
    assert again.location.startswith("/console/sign-in?next=")
    for app in (processes.first, processes.second, processes.start()):
        assert not await is_in(app, cookies)
        assert await is_in(app, others)


async def test_an_ended_copy_is_forgotten_only_when_its_time_is_over(
    processes: Processes,
) -> None:
    """What cleans the store up never brings a session back."""
    cookies = await sign_in(processes.first)
    await post(processes.first, "sign-out", {}, **cookies)
    processes.clock.pass_s(LIFETIME_S - 1)
    await processes.config.store.delete_expired(processes.clock.now())

    assert not await is_in(processes.second, cookies)


async def test_a_console_that_cannot_ask_lets_nobody_in(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that does not answer is no sign that a session goes on."""
    cookies = await sign_in(processes.first)

    async def fail(_id_hash: str) -> ChallengeUse:
        raise StoreUnavailable("not now")

    monkeypatch.setattr(processes.config.store, "load_challenge", fail)
    answer = await Browser(processes.second, host=HOST, cookies=cookies).get("/console")

    assert answer.status == 503


async def test_a_challenge_is_looked_at_without_being_used(database_url: str) -> None:
    """What nobody has used stands as new however often it is looked at; use shows at once."""
    async with open_store(database_url) as store:
        seen = [await store.load_challenge("a" * 64) for _ in range(2)]
        await store.use_challenge(
            "a" * 64,
            expires_at=1.0,
            rule=lambda use: (replace(use, spent=True), None),
        )

        assert seen == [ChallengeUse(), ChallengeUse()]
        assert await store.load_challenge("a" * 64) == ChallengeUse(spent=True)
        assert await store.load_challenge("b" * 64) == ChallengeUse()
