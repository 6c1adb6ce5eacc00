"""
What developers do with their applications, through the Admin API, where it is judged and recorded.

Whose an application is, is in every path: nobody's request reaches another's.

Spec: portal §§1.6, 1.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ostiary.model.portal import APPROVED, Developer
from ostiary.portal.accounts import Accounts
from ostiary.portal.asked import Asked
from ostiary.portal.config import Portal
from ostiary.portal.site import client_ip
from ostiary.ports.admin_client import AdminClient, AdminReply, Operator
from ostiary.ports.pool_store import StoreUnavailable

Json = dict[str, Any]  # Any: JSON
# How long a key still works after another was made in its place.
GRACE_S: Final = 86400
_MANY: Final = {"size": "1000"}
# What makes or changes something: whoever deletes has made it before.
_COUNTED: Final = frozenset({"POST", "PATCH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Acts:
    """A developer's applications, and whatever else is theirs, for one request."""

    admin: AdminClient
    accounts: Accounts
    portal: Portal
    developer: Developer
    client_ip: str

    async def call(
        self,
        method: str,
        *steps: str,
        body: Mapping[str, Any] | None = None,
        is_counted: bool = True,
    ) -> AdminReply:
        """
        Ask below the developer's applications.

        Raises:
            StoreUnavailable, TooOften: As `reach` does.
        """
        query = _MANY if method == "GET" else None
        return await self.reach(
            method, "applications", *steps,
            query=query, body=body, is_counted=is_counted,
        )  # fmt: skip

    async def reach(
        self,
        method: str,
        *steps: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        is_counted: bool = True,
    ) -> AdminReply:
        """
        Ask below the developer.

        Args:
            is_counted: Whether it is an act of its own, and no step of one that was counted.

        Raises:
            StoreUnavailable: The Admin API cannot answer now.
            TooOften: This developer has made, changed or asked for much in little time.
        """
        if is_counted and method in _COUNTED:
            self.accounts.count_act(self.developer)
        said = "".join(f"/{quote(step, safe='')}" for step in steps)
        place = quote(self.portal.name, safe="")
        reply = await self.admin.call(
            Operator(site="portal", client_ip=self.client_ip),
            method,
            f"/{place}/developers/{self.developer.id}{said}",
            query=query,
            body=body,
        )
        if reply.status >= 500:
            raise StoreUnavailable("the Admin API does not answer")
        return reply

    async def all_usage(self, days: int) -> list[Json]:
        """Requests of all their applications by day, of so many days with today."""
        query = {"days": str(days)}
        return read_rows(await self.reach("GET", "usage", query=query))

    async def read(self) -> list[Json]:
        """Every application, by name."""
        return read_rows(await self.call("GET"))

    async def get(self, app: str) -> Json | None:
        """One of them; None where there is none of this developer's."""
        reply = await self.call("GET", app) if app else None
        return reply.value if reply is not None and reply.is_good else None

    async def contracts(self, app: str) -> list[Json]:
        """Its contracts."""
        return read_rows(await self.call("GET", app, "application_instances"))

    async def keys(self, app: str) -> list[Json]:
        """Its keys, their beginnings alone."""
        return read_rows(await self.call("GET", app, "credentials", "key-auth"))

    async def add_key(self, app: str) -> AdminReply:
        """A new key, which is told this once."""
        return await self.call("POST", app, "credentials", "key-auth", body={})

    async def end_key(self, app: str, key: str) -> AdminReply:
        """Let a key work a day longer, and not after that: another was made in its place."""
        return await self.call(
            "PATCH", app, "credentials", "key-auth", key,
            body={"ttl": GRACE_S}, is_counted=False,
        )  # fmt: skip

    async def make_client(self, app: str) -> AdminReply:
        """
        A client of its own in the user pool, whose secret is told this once.

        Its tokens have all scopes that there are: nobody gets one who may not call anything.
        """
        good = (c for c in await self.contracts(app) if c["status"] == APPROVED)
        if not any(not contract["suspended"] for contract in good):
            text = "an application gets a client once it may call a service"
            return AdminReply(status=400, value={"message": text})
        return await self.call("POST", app, "credentials", "user-pool")

    async def usage(self, app: str) -> list[Json]:
        """Requests by day and service, of the last 30 days."""
        return read_rows(await self.call("GET", app, "usage"))

    async def ask(self, app: str, service: str) -> AdminReply:
        """Ask for a contract; the caller knows that the service is offered."""
        body = {"service": {"id": service}}
        return await self.call("POST", app, "application_instances", body=body)


def read_rows(reply: AdminReply) -> list[Json]:
    """The rows of a list; none where it was refused."""
    found: list[Json] = reply.value["data"] if reply.is_good else []
    return found


def acts_of(asked: Asked) -> Acts:
    """Those of whoever asks for a page, a developer in good standing."""
    developer = asked.visitor.developer
    assert developer is not None
    return Acts(
        admin=asked.site.admin,
        accounts=asked.site.accounts,
        portal=asked.portal,
        developer=developer,
        client_ip=client_ip(asked.request),
    )
