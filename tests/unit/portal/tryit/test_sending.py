"""How often is sent: by one developer, and by all of a portal together."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ostiary.portal.accounts import TooOften
from ostiary.portal.tryit.sending import AT_ONCE, DEVELOPER_BURST, PORTAL_BURST, TryIt
from ostiary.ports.own_gateway import OwnReply, OwnRequest
from tests.unit.portal.tryit.try_kit import FakeGateway, build


def who(name: str) -> Any:  # Any: only its id is looked at
    return cast("Any", SimpleNamespace(id=name))


def test_developers_are_limited_each_and_a_portal_as_a_whole() -> None:
    """One who sends too much keeps nobody else from sending; many together do, in their portal."""
    trying = TryIt(FakeGateway(), lambda: 1000.0)
    for _ in range(DEVELOPER_BURST):
        trying.count(who("p1"), who("ada"))
    with pytest.raises(TooOften) as caught:
        trying.count(who("p1"), who("ada"))
    for number in range(PORTAL_BURST - DEVELOPER_BURST):
        trying.count(who("p1"), who(f"d{number}"))
    with pytest.raises(TooOften):
        trying.count(who("p1"), who("eve"))
    trying.count(who("p2"), who("eve"))

    assert caught.value.wait_s == 2


def test_people_reach_the_gateway_at_the_portals_host() -> None:
    """With the gateway's scheme and port; addresses of IPv6 stay in brackets."""
    trying = TryIt(FakeGateway(), lambda: 0.0)
    named = trying.home(cast("Any", SimpleNamespace(gui="https://kong-ee:8446/default")))  # fmt: skip
    number = trying.home(cast("Any", SimpleNamespace(gui="http://[::1]:8446/default")))

    assert (named.origin, number.origin) == ("https://kong-ee:8443", "https://[::1]:8443")  # fmt: skip


async def test_a_slow_service_holds_up_its_own_developer_alone() -> None:
    """Two requests of a developer wait, a third is told so at once."""
    gateway = Slow()
    trying = TryIt(gateway, lambda: 0.0)
    ada, bob = (who(name) for name in ("ada", "bob"))
    waiting = [asyncio.ensure_future(trying.send(build(), who("p1"), ada)) for _ in range(AT_ONCE)]  # fmt: skip
    await asyncio.sleep(0)
    with pytest.raises(TooOften):
        await trying.send(build(), who("p1"), ada)
    other = asyncio.ensure_future(trying.send(build(), who("p1"), bob))
    await asyncio.sleep(0)
    gateway.gate.set()
    answers = await asyncio.gather(*waiting, other)

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert (await trying.send(build(), who("p1"), ada)).status == 200


class Slow(FakeGateway):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def send(self, request: OwnRequest, *, workspace: str) -> OwnReply:
        await self.gate.wait()
        return await super().send(request, workspace=workspace)
