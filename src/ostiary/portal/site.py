"""
What both apps of the portal share: which workspace a request is for, and who asks.

A workspace without a portal and a workspace that is not there look alike.

Spec: portal §§1.3, 1.6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request

from ostiary.http.head import Field
from ostiary.model.portal import Developer
from ostiary.model.workspaces import DEFAULT, DEFAULT_NAME, Workspace
from ostiary.portal.accounts import Accounts
from ostiary.portal.config import Portal
from ostiary.portal.door import Door
from ostiary.portal.mailed import MailedLinks
from ostiary.portal.pace import Pace
from ostiary.portal.people import Visitor, meet
from ostiary.portal.places import NEXT_COOKIE
from ostiary.portal.signing_in import SignIns
from ostiary.portal.tryit.sending import TryIt
from ostiary.ports.admin_client import AdminClient
from ostiary.ports.clock import Clock, Entropy
from ostiary.ports.config_store import ConfigStore
from ostiary.web.cookies import read_cookie


class NoPortal(Exception):
    """There is no portal of this name."""

    code = "no_portal"


class Portals(Protocol):
    """Knows the portal of a workspace."""

    def portal(self, workspace: Workspace) -> Portal:
        """A workspace's portal."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the portal works with. `trying` is None where no request can be sent to the gateway."""

    store: ConfigStore
    portals: Portals
    door: Door
    accounts: Accounts
    admin: AdminClient
    sign_ins: SignIns
    mailed: MailedLinks
    pace: Pace
    clock: Clock
    entropy: Entropy = field(repr=False)
    trying: TryIt | None = None

    async def find(self, name: str) -> Portal:
        """
        The portal of a workspace's name.

        Raises:
            NoPortal: There is none, or it is off.
            StoreUnavailable: The database does not answer.
        """
        row = await self.store.find("workspaces", {"name": name}) if name else None
        if row is None and name == DEFAULT_NAME:
            row = DEFAULT
        if not isinstance(row, Workspace):
            raise NoPortal(name)
        portal = self.portals.portal(row)
        if not portal.is_on:
            raise NoPortal(name)
        return portal

    async def meet(self, request: Request, portal: Portal) -> Visitor:
        """
        Who asks.

        Raises:
            DoorClosed, StoreUnavailable: It cannot be known now.
        """
        if portal.own is not None:
            read = await self.sign_ins.read(request, portal)
            return await meet(self.store, portal, read)
        read = await self.door.read(request, portal)
        visitor = await meet(self.store, portal, read)
        # Once, on the return from sign-in: an account that somebody deletes stays deleted.
        returns = read_cookie(request, NEXT_COOKIE) is not None
        if visitor.standing == "unknown" and portal.auto_register and returns:
            done = await self.accounts.register(
                portal,
                visitor,
                email=visitor.email or "",
                meta=_guess_meta(portal, visitor),
                client_ip=client_ip(request),
            )
            if done.status is not None:
                return await meet(self.store, portal, read)
        return visitor

    async def renew(
        self, request: Request, portal: Portal, before: Developer
    ) -> tuple[Field, ...]:
        """
        A session for whoever has just ended all of theirs by what they changed; its cookie.

        Raises:
            DoorClosed, StoreUnavailable: It cannot be done now.
        """
        rows = self.store.within(portal.id)
        found = await rows.get("developers", before.id or "")
        # Somebody else's change in between ends this one, too.
        if not isinstance(found, Developer) or found.epoch - before.epoch not in {0, 1}:
            return await self.sign_ins.end(request, portal)
        if found.epoch == before.epoch:
            return ()
        return await self.sign_ins.begin(request, portal, found)


def _guess_meta(portal: Portal, visitor: Visitor) -> dict[str, str]:
    """What the provider says of somebody, as far as the portal asks for it."""
    name = visitor.signed_in.name if visitor.signed_in is not None else None
    known = {field.title for field in portal.meta_fields}
    return {"full_name": name} if name and "full_name" in known else {}


def client_ip(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""
