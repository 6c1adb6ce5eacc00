"""
Who is signed in: at the Manager, at portals whose sessions are in the database, and at routes.

Spec: decisions D14, 0047, 0050.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ostiary.admin.access import read_all
from ostiary.admin.sessions import SessionsFound, SiteSession
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
    from ostiary.portal.sessions import KeptSessions, OwnSession

# Of the names of cookies, by which sessions are kept (`portal.door`).
_PORTAL: Final = "ostiary-portal-session"
_MOST: Final = 5000
_TOO_MANY: Final = (
    f"of more than {_MOST} sessions at portals those that end first are left out"
)
_EVERY: Final = 1_000_000


def _do_nothing() -> None:
    """Where there is no portal."""


def _find_none(_: str) -> frozenset[str]:
    """Where there are no plugins."""
    return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsOfNode:
    """
    The session desk of a node.

    `portals` are those of developers who sign in at a provider, `own` of those who do not. `forget`
    makes the portal of this node look at every session anew; other nodes do within seconds.
    `find_plugins` tells which plugins of a workspace sign people in.
    """

    managers: SessionList
    store: ConfigStore
    portals: ListedStore | None = None
    own: KeptSessions | None = None
    forget: Callable[[], None] = field(default=_do_nothing, repr=False)
    routes: RouteSessions | None = None
    find_plugins: Callable[[str], frozenset[str]] = field(
        default=_find_none, repr=False
    )

    async def find_all(self, place: str) -> SessionsFound:
        """As the desk says; `default` has the Manager's, and those whose workspace is gone."""
        places = await self._read_places()
        managers = await self._find_managers() if place == DEFAULT_WORKSPACE else []
        portals, too_many = await self._find_of_portals(place, places)
        routes, silent = await self._find_of_routes(place, places)
        reasons = [reason for reason in (too_many, silent) if reason]
        return SessionsFound(
            rows=[*managers, *portals, *routes], incomplete="; ".join(reasons) or None
        )

    async def _find_managers(self) -> list[SiteSession]:
        return [
            SiteSession(
                id=one.name,
                site="manager",
                who=one.who,
                began_at=one.began,
                seen_at=one.seen,
            )
            for one in await self.managers.find_all()
        ]

    async def _find_of_routes(
        self, place: str, places: Mapping[str, str]
    ) -> tuple[list[SiteSession], str | None]:
        if self.routes is None:
            return [], None
        found, silent = await self.routes.find_all(self.find_plugins(place))
        rows = [
            SiteSession(
                id=one.name,
                site="gateway",
                who=one.who or None,
                subject=one.subject or None,
                workspace=places.get(place),
                plugin=one.plugin,
                began_at=int(one.began_at),
                seen_at=int(one.seen_at),
                ends_at=None if one.ends_at is None else int(one.ends_at),
            )
            for one in found
        ]
        return rows, silent

    async def _find_of_portals(
        self, place: str, places: Mapping[str, str]
    ) -> tuple[list[SiteSession], str | None]:
        if self.portals is None:
            return [], None
        portals = _name_portals(places)
        keys = await self.portals.keys(_PORTAL, most=_MOST)
        rows = [
            SiteSession(
                id=_hide(key),
                site="portal",
                workspace=places.get(whose),
                ends_at=int(ends),
            )
            for key, ends in keys
            if (whose := portals.get(_read_mark(key), "")) == place
            or (not whose and place == DEFAULT_WORKSPACE)
        ]
        own = [] if self.own is None else await self.own.find_all(most=_MOST)
        rows += await self._show_own(own, place, places)
        return rows, _TOO_MANY if _MOST in {len(keys), len(own)} else None

    async def _show_own(
        self,
        sessions: Sequence[tuple[str, OwnSession]],
        place: str,
        places: Mapping[str, str],
    ) -> list[SiteSession]:
        """Those of developers whom no provider signs in, as long as they are of their epoch."""
        found = []
        for key, session in sessions:
            if session.portal != place:
                continue
            whose = await self._find_developer(place, session.developer)
            if whose is None or whose.epoch != session.epoch:
                continue  # it has ended by what they changed
            found.append(
                SiteSession(
                    id=_hide(key),
                    site="portal",
                    who=whose.email,
                    workspace=places.get(place),
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

    async def end(self, identity: str, place: str) -> bool:
        """As the desk says. Who is silent hinders nobody from ending what is kept elsewhere."""
        if place == DEFAULT_WORKSPACE and await self.managers.end(identity):
            return True
        if await self._end_of_portal(identity, place):
            return True
        plugins = self.find_plugins(place)
        return self.routes is not None and await self.routes.end(identity, plugins)

    async def _end_of_portal(self, identity: str, place: str) -> bool:
        if self.portals is None:
            return False
        portals = _name_portals(await self._read_places())
        for key, _ in await self.portals.keys(_PORTAL, most=_EVERY):
            whose = portals.get(_read_mark(key), DEFAULT_WORKSPACE)
            if _hide(key) == identity and whose == place:
                await self.portals.delete(key)
                self.forget()
                return True
        if self.own is None:
            return False
        for key, session in await self.own.find_all(most=_EVERY):
            if _hide(key) == identity and session.portal == place:
                await self.own.end(key)
                return True
        return False


def _name_portals(places: Iterable[str]) -> dict[str, str]:
    """Workspaces by what their portals' cookies have in their names (`signin.party`)."""
    return {
        hashlib.sha256(f"portal:{place}".encode()).hexdigest()[:SHOWN_CHARS]: place
        for place in places
    }


def _read_mark(key: str) -> str:
    return key.rpartition(":")[0].rpartition("-")[2]


def _hide(key: str) -> str:
    """A name for a key: the key itself is nobody's business."""
    return hashlib.sha256(key.encode()).hexdigest()
