"""
Who may send how often, and the way to the gateway.

Spec: portal §5.2, §6.2; decision 0048.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from ostiary.model.portal import Developer
from ostiary.portal.accounts import TooOften
from ostiary.portal.config import Portal
from ostiary.portal.content.openapi.details import list_servers
from ostiary.portal.content.openapi.document import Api, Operation
from ostiary.portal.tryit.answer import Shown, show_answer
from ostiary.portal.tryit.building import Built, Home, build_request, read_server
from ostiary.portal.tryit.exploring import build_explored
from ostiary.portal.tryit.form import MAX_SERVERS, Form
from ostiary.ports.own_gateway import TIMEOUT_S, OwnGateway
from ostiary.web.buckets import Buckets

# Somebody who tries things by hand, and not a program that uses the portal as its way in.
DEVELOPER_BURST: Final = 20
DEVELOPER_PER_S: Final = 1 / 2
PORTAL_BURST: Final = 100
PORTAL_PER_S: Final = 5.0
# Requests that have no answer yet.
AT_ONCE: Final = 2
AT_ONCE_OF_ALL: Final = 8
_LOOKED_AT: Final = 200


class TryIt:
    """Sends what developers try to the gateway of this node."""

    def __init__(self, gateway: OwnGateway, now: Callable[[], float]) -> None:
        self._gateway = gateway
        self._now = now
        self._developers = Buckets(DEVELOPER_PER_S, burst=DEVELOPER_BURST)
        self._portals = Buckets(PORTAL_PER_S, burst=PORTAL_BURST)
        self._under_way: Counter[tuple[str, str]] = Counter()

    def home(self, portal: Portal) -> Home:
        """The gateway as people reach it: on the portal's host, unless the operator says other."""
        host = urlsplit(portal.gui).hostname or "localhost"
        return Home(
            scheme=self._gateway.scheme,
            host=f"[{host}]" if ":" in host else host,
            port=self._gateway.port,
        )

    async def could_work(self, api: Api, operation: Operation, portal: Portal) -> bool:
        """
        Whether some request of an operation could find a route here; False is for certain.

        Raises:
            StoreUnavailable: As `OwnGateway.may_take` says.
        """
        home = self.home(portal)
        for server in list_servers(api, operation)[:MAX_SERVERS] or ("/",):
            try:
                origin, base = read_server(server, home)
            except ValueError:
                continue
            host, path = (
                origin.partition("://")[2],
                f"{base}/{operation.path.lstrip('/')}",
            )
            if await self._gateway.may_take(operation.method, host, path, workspace=portal.id):  # fmt: skip
                return True
        return False

    async def any_could_work(self, api: Api, portal: Portal) -> bool:
        """
        Whether one of the operations could; those of long lists are not all looked at.

        Raises:
            StoreUnavailable: As `OwnGateway.may_take` says.
        """
        for operation in islice(api.operations, _LOOKED_AT):
            if await self.could_work(api, operation, portal):
                return True
        return sum(1 for _ in islice(api.operations, _LOOKED_AT + 1)) > _LOOKED_AT

    def build(
        self, form: Form, values: Mapping[str, str], portal: Portal, client_ip: str
    ) -> Built:
        """
        The request that a form asks for.

        Raises:
            BadInputs: Fields that must be filled in otherwise.
        """
        return build_request(form, values, home=self.home(portal), client_ip=client_ip)

    def build_explored(
        self, api: Api, values: Mapping[str, str], portal: Portal, client_ip: str
    ) -> Built:
        """
        The request that swagger-ui made of a specification.

        Raises:
            BadInputs: It is none of the specification's, or has what is never sent.
        """
        return build_explored(api, values, home=self.home(portal), client_ip=client_ip)

    def count(self, portal: Portal, developer: Developer) -> None:
        """
        Count a request, before any work is done for it.

        Raises:
            TooOften: The developer, or all of the portal together, sent too much.
        """
        now = self._now()
        for buckets, who in (
            (self._developers, developer.id),
            (self._portals, portal.id),
        ):
            if not buckets.take(who, now=now):
                raise TooOften(buckets.wait_s(who, now=now))

    async def send(self, built: Built, portal: Portal, developer: Developer) -> Shown:
        """
        Send it, and read the answer.

        Raises:
            NotRouted, GatewayAway, StoreUnavailable: As `OwnGateway.send` says.
            TooOften: Earlier requests have no answer yet; it was not sent.
        """
        with self._waiting(portal, developer):
            reply = await self._gateway.send(built.request, workspace=portal.id)
        return await asyncio.to_thread(show_answer, reply, built.secrets)

    @contextmanager
    def _waiting(self, portal: Portal, developer: Developer) -> Iterator[None]:
        """A request on its way: a slow service holds up nobody else's."""
        mine = (("developer", developer.id or ""), ("portal", portal.id))
        if self._under_way[mine[0]] >= AT_ONCE or self._under_way[mine[1]] >= AT_ONCE_OF_ALL:  # fmt: skip
            raise TooOften(math.ceil(TIMEOUT_S))
        self._under_way.update(mine)
        try:
            yield
        finally:
            self._under_way.subtract(mine)
            for who in mine:
                if not self._under_way[who]:
                    del self._under_way[who]
