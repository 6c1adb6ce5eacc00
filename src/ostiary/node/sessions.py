"""
The sessions of the node's own sites: those of the Manager, and of portals in the database.

Spec: decisions D14, 0047.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ostiary.admin.access import read_all
from ostiary.admin.sessions import SiteSession
from ostiary.manager.sessions import SessionList
from ostiary.model.workspaces import DEFAULT_NAME, DEFAULT_WORKSPACE, Workspace
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.ports.session_store import ListedStore
from ostiary.ports.shared import SharedUnavailable
from ostiary.signin.party import SHOWN_CHARS

# Of the names of cookies, by which sessions are kept (`portal.door`).
_PORTAL: Final = "ostiary-portal-session"
_MOST: Final = 500


def _do_nothing() -> None:
    """Where there is no portal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsOfSites:
    """
    The session desk of a node.

    `forget` makes the portal of this node look at every session anew; other nodes do within
    seconds.
    """

    managers: SessionList
    store: ConfigStore
    portals: ListedStore | None = None
    forget: Callable[[], None] = field(default=_do_nothing, repr=False)

    async def find_all(self) -> Sequence[SiteSession]:
        """As the desk says."""
        found = [
            SiteSession(
                id=one.name,
                site="manager",
                who=one.who,
                began_at=one.began,
                seen_at=one.seen,
            )
            for one in await self.managers.find_all()
        ]
        if self.portals is None:
            return found
        names = await self._name_portals()
        for key, ends in await self.portals.keys(_PORTAL, most=_MOST):
            cookie = key.rpartition(":")[0]
            found.append(
                SiteSession(
                    id=_hide(key),
                    site="portal",
                    workspace=names.get(cookie.rpartition("-")[2]),
                    ends_at=int(ends),
                )
            )
        return found

    async def _name_portals(self) -> dict[str, str]:
        """The workspaces by what their portals' cookies end in."""
        try:
            rows = await read_all(self.store, "workspaces")
        except StoreUnavailable as error:
            raise SharedUnavailable(str(error)) from error
        places = {row.id or "": row.name for row in rows if isinstance(row, Workspace)}
        places.setdefault(DEFAULT_WORKSPACE, DEFAULT_NAME)
        return {
            hashlib.sha256(f"portal:{place}".encode()).hexdigest()[:SHOWN_CHARS]: name
            for place, name in places.items()
        }

    async def end(self, identity: str) -> bool:
        """As the desk says."""
        if await self.managers.end(identity):
            return True
        if self.portals is None:
            return False
        for key, _ in await self.portals.keys(_PORTAL, most=_MOST):
            if _hide(key) == identity:
                await self.portals.delete(key)
                self.forget()
                return True
        return False


def _hide(key: str) -> str:
    """A name for a key: the key itself is nobody's business."""
    return hashlib.sha256(key.encode()).hexdigest()
