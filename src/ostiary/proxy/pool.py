"""
Connections to upstreams: opening, lending and taking back.

A connection is lent again only after a message that ended cleanly with no byte behind it.

Spec: RFC 9112 §9.3, §9.6.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque

from ostiary.gateway.decision import Target, TlsTo
from ostiary.proxy.faults import UpstreamUnreachable
from ostiary.proxy.limits import Limits
from ostiary.proxy.resolver import Resolver
from ostiary.proxy.tls import UpstreamTls, check_depth
from ostiary.proxy.turn import Turn
from ostiary.proxy.upstream import Key, UpstreamConnection

# In the order of arrival; a dict, because who gives up leaves from the middle.
_Queue = dict[asyncio.Future["UpstreamConnection | None"], None]


def _key(target: Target) -> Key:
    return target.host, target.port, target.tls


class UpstreamPool:
    """
    Idle connections by where they lead; the youngest is lent first.

    Of all connections to one place there are at most `pool_max_per_key`; who comes when they
    are all busy waits for one, in order.
    """

    def __init__(
        self, limits: Limits, tls: UpstreamTls, resolver: Resolver | None = None
    ) -> None:
        self._limits = limits
        self._tls = tls
        self._resolver = resolver or Resolver()
        self._open: dict[Key, int] = {}
        self._queues: dict[Key, _Queue] = {}
        self.turn = Turn(asyncio.get_running_loop())
        self._idle: dict[Key, deque[UpstreamConnection]] = {}
        self.opened = 0
        self.reused = 0

    def take(self, target: Target) -> UpstreamConnection | None:
        """An idle connection, or None."""
        idle = self._idle.get(_key(target))
        while idle:
            connection = idle.pop()
            if not connection.lost:
                self.reused += 1
                return connection
        return None

    @property
    def idle(self) -> int:
        """How many connections wait to be lent."""
        return sum(len(idle) for idle in self._idle.values())

    def put(self, connection: UpstreamConnection, now: float) -> None:
        """Take back a connection whose last message ended cleanly."""
        connection.user = None
        connection.served += 1
        connection.idle_since = now
        if connection.lost or connection.served >= self._limits.pool_requests > 0:
            connection.close()  # whoever waits gets its place as soon as it is gone
            return
        if self._queues and self._hand_over(connection.key, connection):
            return
        idle = self._idle.setdefault(connection.key, deque())
        if len(idle) >= self._limits.pool_idle_per_key:
            connection.close()
            return
        idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        idle = self._idle.get(connection.key)
        if idle is not None and connection in idle:
            idle.remove(connection)

    def sweep(self, now: float) -> None:
        """Close what was idle for too long."""
        oldest = now - self._limits.pool_idle_ms / 1000
        for key in [*self._idle]:
            idle = self._idle[key]
            while idle and idle[0].idle_since < oldest:
                idle.popleft().close()
            if not idle:
                del self._idle[key]

    def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
        self._idle.clear()

    def is_full(self, target: Target) -> bool:
        """Tell whether whoever connects now will have to wait for a place."""
        return self._open.get(_key(target), 0) >= self._limits.pool_max_per_key

    def closed(self, key: Key) -> None:
        """Hear that a connection is gone: its place is free."""
        if not self._hand_over(key, None):
            left = self._open.get(key, 0) - 1
            if left > 0:
                self._open[key] = left
            else:
                self._open.pop(key, None)

    def _hand_over(self, key: Key, connection: UpstreamConnection | None) -> bool:
        """Give a connection, or the place of one, to who waits longest; False when nobody does."""
        queue = self._queues.get(key)
        while queue:
            waiter = next(iter(queue))
            self._leave_queue(key, waiter)
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _leave_queue(
        self, key: Key, waiter: asyncio.Future[UpstreamConnection | None]
    ) -> None:
        queue = self._queues.get(key)
        if queue is not None:
            queue.pop(waiter, None)
            if not queue:
                del self._queues[key]

    async def connect(self, target: Target) -> UpstreamConnection:
        """
        Open a connection, or wait for one where there are as many as there may be.

        Raises:
            UpstreamUnreachable: Refused, unresolvable, or TLS failed.
        """
        key = _key(target)
        if self.is_full(target):
            waiter: asyncio.Future[UpstreamConnection | None] = (
                asyncio.get_running_loop().create_future()
            )
            self._queues.setdefault(key, {})[waiter] = None
            try:
                given = await waiter
            except asyncio.CancelledError:
                self._leave_queue(key, waiter)
                if waiter.done() and not waiter.cancelled():
                    self._give_back(key, waiter.result())
                raise
            if given is not None and not given.lost:
                self.reused += 1
                return given
            if given is not None:  # it broke on the way: its place was freed already
                return await self.connect(target)
        else:
            self._open[key] = self._open.get(key, 0) + 1
        made: list[UpstreamConnection] = []
        try:
            return await self._connect(target, made)
        finally:
            if not any(hasattr(connection, "transport") for connection in made):
                self.closed(key)

    def _give_back(self, key: Key, given: UpstreamConnection | None) -> None:
        if given is None:
            self.closed(key)
        elif not given.lost:
            self.put(given, asyncio.get_running_loop().time())

    async def _connect(
        self, target: Target, made: list[UpstreamConnection]
    ) -> UpstreamConnection:
        try:
            return await self._open_one(target, made)
        except asyncio.CancelledError:
            for connection in made:
                if hasattr(connection, "transport"):
                    connection.close()
            raise
        except ssl.SSLError as error:
            raise UpstreamUnreachable(
                502, "TLS with the upstream failed", transient=False
            ) from error
        except socket.gaierror as error:
            raise UpstreamUnreachable(
                503, "name resolution failed", transient=False
            ) from error
        except TimeoutError as error:
            raise UpstreamUnreachable(
                504, "connecting to the upstream timed out", transient=True
            ) from error
        except OSError as error:
            raise UpstreamUnreachable(
                502, "connecting to the upstream failed", transient=True
            ) from error
        except (ValueError, OverflowError) as error:
            raise UpstreamUnreachable(
                502, "the upstream's address makes no sense", transient=False
            ) from error

    async def _open_one(
        self, target: Target, made: list[UpstreamConnection]
    ) -> UpstreamConnection:
        """Try the addresses in turn; only the last one's failure is told."""
        loop = asyncio.get_running_loop()
        tls = target.tls
        context = None if tls is None else self._tls.context(tls)
        failure: OSError | None = None

        def make() -> UpstreamConnection:
            made.append(UpstreamConnection(self, _key(target), self._limits))
            return made[-1]

        for address in await self._resolver.addresses(target.host):
            try:
                if tls is None or context is None:
                    _, connection = await loop.create_connection(
                        make, address, target.port
                    )
                    return connection
                wire, _ = await loop.create_connection(
                    asyncio.Protocol, address, target.port
                )
                connection = make()
                secure = await self._secure(wire, connection, context, tls)
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
                continue
            connection.secured(secure, wire)
            try:
                check_depth(secure.get_extra_info("ssl_object"), tls)
            except ssl.SSLError:
                connection.close()
                raise
            return connection
        raise failure or OSError("the name has no address")

    async def _secure(
        self,
        wire: asyncio.Transport,
        connection: UpstreamConnection,
        context: ssl.SSLContext,
        tls: TlsTo,
    ) -> asyncio.Transport:
        if wire.is_closing():
            raise ConnectionResetError
        try:
            secure = await asyncio.get_running_loop().start_tls(
                wire, connection, context, server_hostname=tls.server_name
            )
        except BaseException:
            wire.abort()
            raise
        if secure is None:
            raise ConnectionResetError
        return secure
