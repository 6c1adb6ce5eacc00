"""Targets that are names: their addresses are there in time, and follow the answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from ostiary.gateway.balance import UNKNOWN, Balancer
from ostiary.proxy.names import Names
from ostiary.proxy.resolver import Addresses, DnsTimes, Resolver
from tests.proxy.balanced import address, decide, until
from tests.proxy.support import Stage, always_ok, get
from tests.unit.gateway.balance_kit import balancer, target


class Zone:
    """A resolver's answers, which a test changes."""

    def __init__(self, **known: Addresses) -> None:
        self.known: dict[str, Addresses | OSError] = {
            name.replace("_", "."): found for name, found in known.items()
        }
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self, host: str) -> Addresses:
        self.asked += 1
        await self.open.wait()
        found = self.known.get(host)
        if isinstance(found, OSError):
            raise found
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return found


def resolver(zone: Zone, times: DnsTimes | None = None) -> Resolver:
    fast = DnsTimes(valid_s=0.01, stale_s=60, not_found_s=0.01, error_s=0.01)
    return Resolver(times or fast, ask=zone.ask)


@contextlib.asynccontextmanager
async def running(names: Names) -> AsyncIterator[None]:
    task = asyncio.create_task(names.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def ips(made: Balancer) -> list[str]:
    return [a.ip for host in made.hosts for a in host.addresses]


@pytest.mark.spec("Kong#3.10")
async def test_names_are_known_before_the_first_request(stage: Stage) -> None:
    zone = Zone(app_test=("127.0.0.1",))
    upstream = await stage.upstream(always_ok)
    made = balancer(target(f"app.test:{upstream.port}"))
    await Names(resolver(zone)).adopt([made])
    await stage.serve(lambda head, _p, _b: decide(stage, made, head))
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"ok"
    assert zone.asked == 1


async def test_names_that_are_known_are_not_waited_for() -> None:
    zone = Zone(app_test=("10.0.0.1",))
    made = balancer(target("app.test:80"), target("10.0.0.2:80"))
    names = Names(resolver(zone))
    await names.adopt([made])
    zone.open.clear()
    await names.adopt([made])

    assert ips(made) == ["10.0.0.1", "10.0.0.2"]


async def test_a_resolver_that_hangs_delays_a_configuration_for_a_moment() -> None:
    zone = Zone(app_test=("10.0.0.1",))
    zone.open.clear()
    made = balancer(target("app.test:80"), target("10.0.0.2:80"))
    names = Names(resolver(zone), look_s=0.005)
    await names.adopt([made], within_s=0.01)

    assert ips(made) == ["10.0.0.2"]
    assert made.hosts[0].dns == UNKNOWN

    async with running(names):
        zone.open.set()
        await until(lambda: ips(made) == ["10.0.0.1", "10.0.0.2"])


@pytest.mark.spec("Kong#3.10")
async def test_addresses_follow_the_answers() -> None:
    zone = Zone(app_test=("10.0.0.1", "10.0.0.2"))
    made = balancer(target("app.test:80"))
    names = Names(resolver(zone), look_s=0.005)
    await names.adopt([made])
    kept = made.hosts[0].addresses[1]
    async with running(names):
        zone.known["app.test"] = ("10.0.0.2", "10.0.0.3")
        await until(lambda: ips(made) == ["10.0.0.2", "10.0.0.3"])

        assert made.hosts[0].addresses[0] is kept

        zone.known["app.test"] = socket.gaierror(socket.EAI_AGAIN, "later")
        asked = zone.asked
        await until(lambda: zone.asked > asked + 2)
        assert ips(made) == ["10.0.0.2", "10.0.0.3"]  # old, but better than nobody


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "dns server error: 3 name error"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "dns server error: 2 server failure"),
        (OSError("x"), "dns server error: 2 server failure"),
    ],
)
async def test_a_name_without_an_address_says_why_until_it_has_one(
    error: OSError, words: str
) -> None:
    zone = Zone()
    zone.known["app.test"] = error
    made = balancer(target("app.test:80"))
    names = Names(resolver(zone), look_s=0.005)
    await names.adopt([made])

    assert (made.hosts[0].dns, ips(made)) == (words, [])

    async with running(names):
        zone.known["app.test"] = ("10.0.0.1",)
        await until(lambda: ips(made) == ["10.0.0.1"])

    assert made.hosts[0].dns == "A"


async def test_what_is_fresh_is_not_asked_for_again() -> None:
    zone = Zone(app_test=("10.0.0.1",))
    made = balancer(target("app.test:80"), target("app.test:81"))
    names = Names(resolver(zone, DnsTimes(valid_s=60)), look_s=0.001)
    turns = 0

    def count() -> bool:
        nonlocal turns
        turns += 1
        return turns > 20

    await names.adopt([made])
    async with running(names):
        await until(count)

    assert zone.asked == 1
    assert ips(made) == ["10.0.0.1", "10.0.0.1"]


async def test_a_local_name_has_its_address_at_once(stage: Stage) -> None:
    upstream = await stage.upstream(always_ok)
    made = balancer(target(f"app.localhost:{upstream.port}"))
    await Names(Resolver()).adopt([made])

    assert ips(made) == ["127.0.0.1"]
    assert address(upstream).startswith("127.0.0.1:")


async def test_balancers_that_are_gone_are_left_alone() -> None:
    zone = Zone(app_test=("10.0.0.1",))
    made = balancer(target("app.test:80"))
    names = Names(resolver(zone), look_s=0.001)
    await names.adopt([made])
    await names.adopt([])
    asked = zone.asked
    async with running(names):
        for _ in range(50):
            await asyncio.sleep(0)

    assert zone.asked == asked
