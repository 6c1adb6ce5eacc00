"""
A worker: the proxy, the gateway, sign-in. No database, no web framework.

It starts from what the node knows, else from the last good configuration on disk, and keeps
serving when control dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial

import uvloop

from ostiary.adapters.fetch import AiohttpFetch
from ostiary.adapters.redis import RedisStores
from ostiary.adapters.shared.socket import SocketShared
from ostiary.adapters.system import RequestIds, SystemClock, SystemEntropy
from ostiary.gateway.changes import NOTHING_YET, Changes, load_changes, merge
from ostiary.gateway.compile import (
    NOTHING,
    Compiled,
    Steps,
    Workshop,
    compile_changes,
    compile_lines,
)
from ostiary.gateway.gateway import Gateway
from ostiary.gateway.metrics import Metrics
from ostiary.jose.errors import BrokenSeal
from ostiary.jose.keys import PrivateKey
from ostiary.kit import Background, Services
from ostiary.node.certificate import default_certificate
from ostiary.node.client_keys import KeyFile
from ostiary.node.collector import building_for_good
from ostiary.node.delivery import (
    OFFER_CHANNEL,
    OFFER_KEY,
    Base,
    fetch_base,
    fetch_log,
    following,
)
from ostiary.node.enabled import choose_plugins
from ostiary.node.front import build_dns_times, build_limits, build_options
from ostiary.node.health import WorkerHealth
from ostiary.node.lastgood import open_last_good
from ostiary.node.plugin_log import is_not_ours, log_as
from ostiary.node.reporter import CountingFetch, Reporter
from ostiary.node.role import (
    CONFIG_CHANNEL,
    DRAIN_S,
    FINISH_S,
    READY_CHANNEL,
    Orders,
    build_ready,
    log_line,
    open_access_log,
    read_orders,
    start_logging,
    wait_for_end,
)
from ostiary.node.route_sessions import SessionTeller
from ostiary.node.said import describe_safely
from ostiary.node.stories import Teller
from ostiary.node.tls import build_server_tls, build_upstream_tls
from ostiary.plugins import CATALOG
from ostiary.ports.shared import SharedUnavailable
from ostiary.proxy.listener import Listen, Proxy
from ostiary.proxy.names import Names
from ostiary.proxy.prober import Prober
from ostiary.proxy.resolver import Resolver
from ostiary.proxy.tls import ServerTls
from ostiary.signin.assertion import Assertions
from ostiary.signin.authenticate import Signin
from ostiary.signin.live import ENDED_CHANNEL
from ostiary.signin.values import Toolbox

_LOG = logging.getLogger("ostiary.worker")
SLICE_S = 0.004


class Worker:
    """One worker process."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        settings = orders.settings
        self.ca_file = (
            None
            if settings.lua_ssl_trusted_certificate == "system"
            else settings.lua_ssl_trusted_certificate
        )
        self.entropy = SystemEntropy()
        self.clock = SystemClock()
        self.shared = SocketShared(orders.node_socket)
        self.stores = RedisStores(ca_file=self.ca_file)
        self.teller = Teller(self.shared)
        self.background = Background()
        self.metrics = Metrics()
        self.gateway = Gateway(
            build_options(settings),
            new_request_id=RequestIds().take,
            now=self.clock.now,
            listeners=open_access_log(orders.prefix, settings.proxy_access_log),
            meter=self.metrics.observe,
        )
        self.compiled = NOTHING
        self.prepared: Compiled | None = None
        self.health: WorkerHealth
        self.tls: ServerTls
        self._news: list[Changes | None] = []
        self._is_offered = False
        self._reload = asyncio.Event()

    def services(self, fetch: AiohttpFetch) -> Services:
        """What plugins are lent."""
        tools = Toolbox(
            fetch=CountingFetch(fetch, self.metrics),
            shared=self.shared,
            clock=self.clock,
            entropy=self.entropy,
            ring=self.orders.ring,
            log=log_line,
            count=self.metrics.count,
            stores=self.stores,
            keep_trace=self.teller.keep,
            client_keys=KeyFile(self.orders.prefix, self.orders.database_key),
        )
        assertions = Assertions(
            PrivateKey.from_private_jwk(self.orders.assertion_key),
            issuer=f"urn:ostiary:{self.orders.node_id}",
            clock=self.clock,
        )
        return Services(
            signin=Signin(tools),
            log=log_line,
            assertions=assertions,
            shared=self.shared,
            clock=self.clock,
            entropy=self.entropy,
            fetch=tools.fetch,
            counters=self.stores.counters,
            background=self.background,
            logs=log_as,
            node_id=self.orders.node_id,
            hostname=socket.gethostname(),
            count=self.metrics.count,
            may_write=partial(is_not_ours, self.orders.prefix),
        )

    async def load(self, services: Services) -> None:
        """Take the node's configuration, else the last good one; a bad one changes nothing."""
        base: Base | None = None
        log: tuple[Changes, ...] = ()
        steps: tuple[Changes, ...] | None = None
        current = self.gateway.snapshot.revision
        with contextlib.suppress(SharedUnavailable):
            log = await fetch_log(self.shared)
            steps = following(log, current)
            if steps is None:
                base = await fetch_base(self.shared, known=self._known())
        if steps is None:
            if base is None and current == NOTHING_YET:
                base = self._open_last_good()
            if base is not None and base.revision != current:
                await self._adopt(await self._compile_base(base, services))
            steps = following(log, self.gateway.snapshot.revision)
        if steps:
            await self._follow(steps, services)

    async def prepare(self, services: Services) -> None:
        """Compile what control may make live soon; it is not served before it is."""
        known = self._known()
        base = None
        with contextlib.suppress(SharedUnavailable):
            base = await fetch_base(self.shared, known=known, place=OFFER_KEY)
        if base is not None and base.revision not in known:
            self.prepared = await self._compile_base(base, services)

    def _known(self) -> set[str]:
        """The revisions that are compiled."""
        prepared = self.prepared
        known = {self.gateway.snapshot.revision}
        return known if prepared is None else {*known, prepared.snapshot.revision}

    async def _compile_base(self, base: Base, services: Services) -> Compiled | None:
        prepared = self.prepared
        if prepared is not None and prepared.snapshot.revision == base.revision:
            return prepared
        compiler = partial(compile_lines, lines=base.lines, revision=base.revision)
        with building_for_good():
            return await self._compile(compiler, services)

    async def _follow(self, steps: Sequence[Changes], services: Services) -> None:
        compiler = partial(compile_changes, changes=merge(steps))
        await self._adopt(await self._compile(compiler, services))

    def _open_last_good(self) -> Base | None:
        try:
            return open_last_good(self.orders.prefix, self.orders.database_key)
        except (BrokenSeal, OSError) as error:
            _LOG.error("the last good configuration cannot be opened: %s", error)
            return None

    async def _compile(
        self, compiler: Callable[..., Steps], services: Services
    ) -> Compiled | None:
        """What a compiler makes of something; None where it is refused, which is logged."""
        workshop = Workshop(
            catalog=choose_plugins(self.orders.settings.plugins, CATALOG),
            services=services,
            verify=self.orders.settings.upstream_tls_verify,
            seed=self.orders.number,
            has_portal=self.orders.settings.portal,
            self_service=frozenset(self.orders.settings.portal_developer_credentials),
            environ=os.environ,
        )
        try:
            return await self._take(compiler(self.compiled, workshop=workshop))
        except Exception as error:  # noqa: BLE001 - what serves goes on
            said = describe_safely(error)
            _LOG.error(
                "the configuration was refused, the previous one stays: %s", said
            )
            return None

    async def _adopt(self, compiled: Compiled | None) -> None:
        """Serve what was compiled; what was refused changes nothing."""
        if compiled is None:
            return
        self.compiled, self.prepared = compiled, None
        snapshot = compiled.snapshot
        await self.health.adopt(snapshot.balancers.values())
        self.tls.serve(snapshot.certificates)
        self.gateway.snapshot = snapshot
        _LOG.info("serving configuration %s", snapshot.revision)

    @staticmethod
    async def _take(steps: Steps) -> Compiled:
        """Compile in slices: requests are served between them."""
        while True:
            until = time.monotonic() + SLICE_S
            while time.monotonic() < until:
                try:
                    next(steps)
                except StopIteration as end:
                    compiled: Compiled = end.value
                    return compiled
            await asyncio.sleep(0)

    def hear(self, message: bytes) -> None:
        """What control says has changed; nothing means that all is to be read."""
        self._news.append(load_changes(message) if message else None)
        self._reload.set()

    def hear_offer(self, _: bytes) -> None:
        """Something may be live soon."""
        self._is_offered = True
        self._reload.set()

    def lose_track(self) -> None:
        """Read everything again: messages may have been missed."""
        self._news.append(None)
        self._reload.set()

    async def follow(self, services: Services) -> None:
        """Take what changes whenever somebody says that there is news."""
        while True:
            await self._reload.wait()
            self._reload.clear()
            try:
                if self._is_offered:
                    self._is_offered = False
                    await self.prepare(services)
                if not self._news:
                    continue
                news, self._news = self._news, []
                steps = [step for step in news if step is not None]
                known = following(steps, self.gateway.snapshot.revision)
                if len(steps) < len(news) or known is None:
                    await self.load(services)
                elif known:
                    await self._follow(known, services)
            except Exception as error:  # noqa: BLE001 - the next news may be better
                kind = type(error).__name__
                _LOG.error("the configuration cannot be taken: %s", kind)
            await self.tell()

    async def tell(self) -> None:
        """Say which revision is served: what control and tests wait for."""
        line = build_ready(str(self.orders.number), self.gateway.snapshot.revision)
        try:
            await self.shared.publish(READY_CHANNEL, line)
        except SharedUnavailable:
            _LOG.warning("the node socket is away; serving on")

    def reporter(self, proxy: Proxy) -> Reporter:
        """Who tells the node what this worker has counted."""

        def refresh() -> None:
            now = proxy.tally()
            self.metrics.counts["connections"] = now.accepted
            self.metrics.counts["upstream:opened"] = now.upstream_opened
            self.metrics.counts["upstream:reused"] = now.upstream_reused
            self.metrics.gauges["connections"] = now.connections
            self.metrics.gauges["upstream_idle"] = now.upstream_idle

        return Reporter(
            self.shared,
            self.metrics,
            number=self.orders.number,
            run=self.entropy.bytes(8).hex(),
            revision=lambda: self.gateway.snapshot.revision,
            refresh=refresh,
        )

    async def run(self) -> None:
        """Serve until the end."""
        cert, key = default_certificate(self.orders.settings, self.orders.prefix)
        self.shared.subscribe(CONFIG_CHANNEL, self.hear)
        self.shared.subscribe(OFFER_CHANNEL, self.hear_offer)
        self.shared.on_connect(self.lose_track)
        await self.shared.connect()
        fetch = AiohttpFetch(ca_file=self.ca_file)
        services = self.services(fetch)
        self.shared.on_connect(services.signin.forget_sessions)
        settings, number = self.orders.settings, self.orders.number
        resolver = Resolver(build_dns_times(settings))
        upstream_tls = build_upstream_tls(settings)
        self.tls = build_server_tls(settings, cert, key)
        self.health = WorkerHealth(
            self.shared,
            Names(resolver),
            Prober(upstream_tls) if number == 1 else None,
            number=number,
            run=self.entropy.bytes(8).hex(),
        )
        self.health.start()
        self.shared.on_connect(self.health.ask_others)
        await self.load(services)
        self.health.ask_others()
        proxy = Proxy(
            self.gateway, build_limits(settings), tls=upstream_tls, resolver=resolver
        )
        self.shared.subscribe(
            ENDED_CHANNEL, lambda message: proxy.session_ended(message.decode())
        )
        listens = [
            Listen(sock=sock, tls=self.tls.context if name == "tls" else None)
            for name, sock in self.orders.take_sockets("proxy")
        ]
        await proxy.start(listens)
        follower = asyncio.create_task(self.follow(services), name="follow")
        healer = asyncio.create_task(self.health.run(), name="health")
        reporter = self.reporter(proxy)
        reporter.start()
        teller = SessionTeller(
            self.shared,
            services.signin,
            number=number,
            run=self.entropy.bytes(8).hex(),
        )
        teller.start()
        await self.tell()
        await wait_for_end()
        follower.cancel()
        healer.cancel()
        self.teller.stop()
        teller.stop()
        await proxy.stop(DRAIN_S)
        await services.signin.close(FINISH_S)
        await self.background.close(FINISH_S)
        await reporter.stop()
        await fetch.close()
        await self.stores.close()
        await self.shared.close()


async def _main(orders: Orders) -> None:
    await Worker(orders).run()


def main() -> None:
    """Run one worker under uvloop."""
    orders = read_orders()
    start_logging(orders, orders.settings.proxy_error_log)
    uvloop.run(_main(orders))


if __name__ == "__main__":
    main()
