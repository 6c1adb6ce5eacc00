"""A real node and a provider that is away, dies, dawdles, floods or is flooded."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ostiary.cli.demo.trust import Trust, prepare_trust
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey
from tests.contract.page_node import PageNode
from tests.support.lean_node import Got, LeanNode, eventually, lean_node
from tests.support.node import HOST
from tests.support.person import PASSWORD, Person
from tests.support.provider import CLIENT_ID
from tests.support.short_load import ask_once, small_upstream
from tests.support.tls_provider import ProviderSite

EMAIL = "rotated@example.com"
AWAY = "The identity provider cannot be reached"
MEGABYTE = 1024 * 1024
DEADLINE_S = 20
PROBED_S = 2.5

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A node, and the site of the providers that it may know; the site is not serving yet."""

    node: LeanNode
    site: ProviderSite
    upstream: int
    logged: int

    async def configure(self, *names: str, **config: Any) -> None:
        """A guarded route for each provider, and one that nobody guards."""
        await self.node.configure(
            {
                "services": [
                    {
                        "name": "small",
                        "url": f"http://127.0.0.1:{self.upstream}",
                        "routes": [
                            {"name": "open", "paths": ["/open"]},
                            *(self._route(name, config) for name in names),
                        ],
                    }
                ]
            }
        )

    def _route(self, name: str, config: dict[str, Any]) -> dict[str, Any]:
        issuer = self.site.provider(name).issuer
        guard = {"issuer": issuer, "client_id": [CLIENT_ID], **config}
        return {
            "name": name,
            "paths": [f"/{name}"],
            "plugins": [{"name": "openid-connect", "config": guard}],
        }

    async def visit(self, name: str) -> Got:
        return await self.node.proxy(f"/{name}/page", accept="text/html")

    async def come_back(self, name: str, begun: Got) -> Got:
        """What the browser does next: the provider's answer, with the flow's cookie."""
        query = self.site.provider(name).authorize(begun.headers["Location"])
        cookie = begun.headers["Set-Cookie"].partition(";")[0]
        return await self.node.proxy(
            f"/{name}?{query}", accept="text/html", cookie=cookie
        )

    async def bear(self, name: str, token: str) -> Got:
        return await self.node.proxy(f"/{name}", authorization=f"Bearer {token}")

    def log(self) -> str:
        """What was logged since the test began."""
        path = self.node.prefix / "logs" / "error.log"
        return path.read_bytes()[self.logged :].decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the tests here share: the node, an upstream, and certificates for providers."""

    node: LeanNode
    upstream: int
    trust: Trust


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    trust = prepare_trust(folder / "trust", host=HOST, domain_prefix="idp")
    async with (
        small_upstream() as upstream,
        lean_node(folder, lua_ssl_trusted_certificate=str(trust.ca_file)) as node,
    ):
        yield Stage(node=node, upstream=upstream, trust=trust)


@pytest.fixture
def world(stage: Stage) -> Setting:
    """The shared node and a site of one's own. The node has never heard of its providers."""
    trust = stage.trust
    site = ProviderSite(cert=trust.pool_cert, key=trust.pool_key)
    log = stage.node.prefix / "logs" / "error.log"
    return Setting(
        node=stage.node, site=site, upstream=stage.upstream, logged=log.stat().st_size
    )


def peak_kb(node: LeanNode) -> int:
    """The most memory that the workers had since `forget_peak`, together."""
    texts = [(place / "status").read_text() for place in _workers(node)]
    return sum(int(re.findall(r"VmHWM:\s+(\d+) kB", text)[0]) for text in texts)


def forget_peak(node: LeanNode) -> None:
    """What the workers needed for other tests does not count."""
    for place in _workers(node):
        (place / "clear_refs").write_text("5")


def _workers(node: LeanNode) -> list[Path]:
    pids = [p for n, p in node.supervisor.pids.items() if n.startswith("worker")]
    assert len(pids) == 2
    return [Path(f"/proc/{pid}") for pid in pids]


async def test_a_node_that_starts_before_its_provider_signs_in_once_it_is_there(
    world: Setting,
) -> None:
    await world.configure("late")
    refused = await world.visit("late")

    assert refused.status == 500
    assert AWAY in refused.body.decode()
    assert (await world.node.proxy("/open")).status == 200

    async with world.site.serve():

        async def signs_in() -> bool:
            # Often enough that both workers are asked.
            found = [await world.visit("late") for _ in range(12)]
            return {got.status for got in found} == {302}

        await eventually(signs_in)
        begun = await world.visit("late")
        assert (await world.come_back("late", begun)).status == 303


async def test_a_provider_that_dies_in_mid_flow_is_a_page_that_says_so_and_no_trap(
    world: Setting,
) -> None:
    await world.configure("mortal")
    async with world.site.serve():
        begun = await world.visit("mortal")

        assert begun.status == 302
    refused = await world.come_back("mortal", begun)

    assert refused.status == 500
    assert AWAY in refused.body.decode()
    assert "session" not in str(refused.headers.get_all("Set-Cookie"))

    async with world.site.serve():
        again = await world.visit("mortal")
        done = await world.come_back("mortal", again)

        assert (again.status, done.status) == (302, 303)
        assert done.headers["Location"].endswith("/mortal/page")


async def _ask(port: int, path: str) -> str:
    """A navigation's status, on a connection of its own that waits as long as it takes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: load.test\r\nAccept: text/html\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        async with asyncio.timeout(DEADLINE_S):
            return (await reader.read())[9:12].decode()
    finally:
        writer.close()


async def test_a_slow_provider_slows_nobody_who_does_not_need_it(
    world: Setting,
) -> None:
    async with world.site.serve():
        await world.configure("slow")
        provider, go = world.site.provider("slow"), asyncio.Event()
        provider.held["openid-configuration"] = go
        port, loop = world.node.ports.proxy, asyncio.get_running_loop()
        waiting = [asyncio.create_task(_ask(port, "/slow/page")) for _ in range(240)]

        async def is_asked() -> bool:
            return bool(provider.arrivals)

        await eventually(is_asked)
        took: list[float] = []
        ends: set[str] = set()
        until = loop.time() + PROBED_S
        while len(took) < 300 or loop.time() < until:
            begun = loop.time()
            ends.add(await ask_once(port, "/open"))
            took.append(loop.time() - begun)
        assert not any(task.done() for task in waiting)
        go.set()
        statuses = await asyncio.gather(*waiting)

        assert ends == {"200"}
        assert sorted(took)[int(len(took) * 0.99)] < 0.1
        assert set(statuses) == {"302"}
        assert len(provider.asked("openid-configuration")) == 1


ENDPOINTS = ("openid-configuration", "jwks", "token", "introspect", "userinfo")
METHODS = {"introspect": ["introspection"], "userinfo": ["userinfo"]}


async def _use(world: Setting, endpoint: str, name: str) -> int:
    """Make the node read this endpoint's reply, and rest something on it."""
    if endpoint in METHODS:
        return (await world.bear(name, "opaque")).status
    begun = await world.visit(name)
    if endpoint != "token":
        return begun.status
    return (await world.come_back(name, begun)).status


def _speak_well(world: Setting, name: str) -> None:
    provider = world.site.provider(name)
    who = {"active": True, "sub": "ada", "client_id": CLIENT_ID, "iss": provider.issuer}
    provider.told["opaque"] = who
    provider.people["opaque"] = {"sub": "ada"}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_reply_of_two_megabytes_is_refused_and_a_small_one_taken(
    endpoint: str, world: Setting
) -> None:
    methods = METHODS.get(endpoint, ["authorization_code", "session"])
    fat, lean = f"fat-{endpoint}", f"lean-{endpoint}"
    async with world.site.serve():
        await world.configure(fat, lean, auth_methods=methods)
        for name, length in ((lean, 100 * 1024), (fat, 2 * MEGABYTE)):
            _speak_well(world, name)
            world.site.provider(name).length[endpoint] = length

        assert await _use(world, endpoint, lean) in {200, 302, 303}
        assert await _use(world, endpoint, fat) in {401, 500}
        assert "sent more than 524288 bytes" in world.log()


@pytest.mark.parametrize("squeezed", [False, True])
async def test_replies_without_end_fill_no_memory(
    world: Setting, *, squeezed: bool
) -> None:
    name = f"flood-{squeezed}"
    async with world.site.serve():
        await world.configure(name, auth_methods=["introspection"])
        _speak_well(world, name)
        assert (await world.bear(name, "unknown")).status == 401
        provider = world.site.provider(name)
        provider.squeezed = squeezed
        provider.length["introspect"] = 256 * MEGABYTE
        forget_peak(world.node)
        before = peak_kb(world.node)
        replies = await asyncio.gather(
            *(world.bear(name, f"opaque-{n}") for n in range(8))
        )

        assert {reply.status for reply in replies} <= {401, 500}
        assert peak_kb(world.node) - before < 64 * 1024


async def _bear_each(port: int, path: str, tokens: list[str]) -> set[str]:
    """The statuses of one request for each token, on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses = set()
    try:
        for token in tokens:
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: load.test\r\n"
                f"Authorization: Bearer {token}\r\n\r\n".encode()
            )
            async with asyncio.timeout(DEADLINE_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.findall(r"(?i)\ncontent-length: (\d+)", head)
                await reader.readexactly(int(length[0]))
            statuses.add(head[9:12])
    finally:
        writer.close()
    return statuses


@pytest.mark.spec("T-J6")
async def test_a_thousand_made_up_keys_cost_the_node_one_fetch(
    world: Setting,
) -> None:
    async with world.site.serve():
        await world.configure("keyed", auth_methods=["bearer"])
        provider = world.site.provider("keyed")
        good = provider.access_token()
        for _ in range(6):
            assert (await world.bear("keyed", good)).status == 200
        claims = {**provider._claims(), "client_id": CLIENT_ID, "token_use": "access"}
        bogus = [
            sign_jwt(claims, PrivateKey.generate_ec(f"made-up-{n}"))
            for n in range(1000)
        ]
        before, begun = len(provider.asked("/jwks")), time.monotonic()
        port = world.node.ports.proxy
        found = await asyncio.gather(
            *(_bear_each(port, "/keyed", bogus[n::8]) for n in range(8))
        )
        windows = 1 + int((time.monotonic() - begun) // 30)

        assert before == 1
        assert set().union(*found) == {"401"}
        assert len(provider.asked("/jwks")) - before <= windows
        assert (await world.bear("keyed", good)).status == 200


async def test_a_new_session_key_signs_nobody_out_and_breaks_no_sign_in(
    page_node: PageNode,
) -> None:
    node = page_node.node
    page = f"{node.site.gateway}/cognito/anything"
    person, late = Person(node.trust.ca_file), Person(node.trust.ca_file)
    arrived = await asyncio.to_thread(person.sign_up, node, page, EMAIL)
    assert arrived.status == 200
    form = await asyncio.to_thread(lambda: late.follow(late.get(page)))
    await asyncio.to_thread(node.stop)
    ring = node.prefix / "secrets" / "session-keys.json"
    old = ring.read_text()
    printed = await asyncio.to_thread(
        subprocess.run,
        [
            *(sys.executable, "-m", "ostiary", "secrets", "rotate"),
            *("--prefix", str(node.prefix)),
        ],
        env=node.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    await asyncio.to_thread(node.start)

    assert printed.returncode == 0, printed.stderr
    assert ring.read_text() != old
    for _ in range(8):
        assert (await asyncio.to_thread(person.get, page)).status == 200
    done = await asyncio.to_thread(
        lambda: late.submit(form, username=EMAIL, password=PASSWORD)
    )
    assert (done.status, done.url) == (200, page)
