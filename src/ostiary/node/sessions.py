"""
Who is signed in: at the Manager, at portals whose sessions are in the database, and at routes.

Spec: decisions D14, 0047, 0050.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ostiary.admin.access import read_all
from ostiary.admin.sessions import SiteSession
from ostiary.manager.sessions import SessionList
from ostiary.model.portal import Developer
from ostiary.model.workspaces import DEFAULT_NAME, DEFAULT_WORKSPACE, Workspace
from ostiary.node.route_sessions import RouteSessions
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.ports.session_store import ListedStore
from ostiary.ports.shared import SharedUnavailable
from ostiary.signin.party import SHOWN_CHARS

if TYPE_CHECKING:  # a node without a portal does without its libraries
    from ostiary.portal.sessions import KeptSessions

# Of the names of cookies, by which sessions are kept (`portal.door`).
_PORTAL: Final = "ostiary-portal-session"
_MOST: Final = 500


def _do_nothing() -> None:
    """Where there is no portal."""


def _find_none(_: str) -> None:
    """Where there are no plugins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsOfNode:
    """
    The session desk of a node.

    `portals` are those of developers who sign in at a provider, `own` of those who do not. `forget`
    makes the portal of this node look at every session anew; other nodes do within seconds.
    `find_workspace` tells the id and the name of the workspace that a plugin is in, None for one
    that signs nobody in any more.
    """

    managers: SessionList
    store: ConfigStore
    portals: ListedStore | None = None
    own: KeptSessions | None = None
    forget: Callable[[], None] = field(default=_do_nothing, repr=False)
    routes: RouteSessions | None = None
    find_workspace: Callable[[str], tuple[str, str] | None] = field(
        default=_find_none, repr=False
    )

    async def find_all(self) -> Sequence[SiteSession]:
        """As the desk says."""
        return [
            *[
                SiteSession(
                    id=one.name,
                    site="manager",
                    who=one.who,
                    began_at=one.began,
                    seen_at=one.seen,
                )
                for one in await self.managers.find_all()
            ],
            *await self._find_of_portals(),
            *await self._find_of_routes(),
        ]

    async def _find_of_routes(self) -> list[SiteSession]:
        found: list[SiteSession] = []
        for one in [] if self.routes is None else await self.routes.find_all():
            where = self.find_workspace(one.plugin)
            if where is not None:
                place, workspace = where
                found.append(
                    SiteSession(
                        id=one.name,
                        site="gateway",
                        who=one.who,
                        workspace=workspace,
                        place=place,
                        plugin=one.plugin,
                        began_at=int(one.began_at),
                        seen_at=int(one.seen_at),
                        ends_at=None if one.ends_at is None else int(one.ends_at),
                    )
                )
        return found

    async def _find_of_portals(self) -> list[SiteSession]:
        found: list[SiteSession] = []
        if self.portals is None:
            return found
        places = await self._read_places()
        portals = {
            hashlib.sha256(f"portal:{place}".encode()).hexdigest()[:SHOWN_CHARS]: place
            for place in places
        }
        for key, ends in await self.portals.keys(_PORTAL, most=_MOST):
            cookie = key.rpartition(":")[0]
            place = portals.get(cookie.rpartition("-")[2], "")
            found.append(
                SiteSession(
                    id=_hide(key),
                    site="portal",
                    workspace=places.get(place),
                    place=place or None,
                    ends_at=int(ends),
                )
            )
        return [*found, *await self._find_own(places)]

    async def _find_own(self, places: Mapping[str, str]) -> list[SiteSession]:
        """Those of developers whom no provider signs in, as long as they are of their epoch."""
        if self.own is None:
            return []
        found = []
        for key, session in await self.own.find_all(most=_MOST):
            whose = await self._find_developer(session.portal, session.developer)
            if whose is None or whose.epoch != session.epoch:
                continue  # it has ended by what they changed
            found.append(
                SiteSession(
                    id=_hide(key),
                    site="portal",
                    who=whose.email,
                    workspace=places.get(session.portal),
                    place=session.portal,
                    began_at=int(session.begun_at),
                    ends_at=int(session.expires_at),
                )
            )
        return found

    async def _find_developer(self, place: str, identity: str) -> Developer | None:
        try:
            row = await self.store.within(place).get("developers", identity)
        except StoreUnavailable as error:
            raise SharedUnavailable(str(error)) from error
        return row if isinstance(row, Developer) else None

    async def _read_places(self) -> dict[str, str]:
        """The names of the workspaces by their ids."""
        try:
            rows = await read_all(self.store, "workspaces")
        except StoreUnavailable as error:
            raise SharedUnavailable(str(error)) from error
        places = {row.id or "": row.name for row in rows if isinstance(row, Workspace)}
        places.setdefault(DEFAULT_WORKSPACE, DEFAULT_NAME)
        return places

    async def end(self, identity: str) -> bool:
        """As the desk says."""
        if await self.managers.end(identity) or await self._end_of_portal(identity):
            return True
        return self.routes is not None and await self.routes.end(identity)

    async def _end_of_portal(self, identity: str) -> bool:
        if self.portals is None:
            return False
        for key, _ in await self.portals.keys(_PORTAL, most=_MOST):
            if _hide(key) == identity:
                await self.portals.delete(key)
                self.forget()
                return True
        if self.own is None:
            return False
        for key, _ in await self.own.find_all(most=_MOST):
            if _hide(key) == identity:
                await self.own.end(key)
                return True
        return False


def _hide(key: str) -> str:
    """A name for a key: the key itself is nobody's business."""
    return hashlib.sha256(key.encode()).hexdigest()
