"""
What the Manager is made of. Whoever composes the node fills it in.

The Manager changes and reads everything through the Admin API, in the name of whoever signed in;
what else it needs of the node are the callables here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ostiary.manager.reception import Reception
from ostiary.ports.admin_client import AdminClient
from ostiary.ports.clock import Clock, Entropy
from ostiary.ports.debugging import Debugger
from ostiary.ports.shared import Shared
from ostiary.web.guard import Guard

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """
    An RBAC user who may sign in: the id, the workspace's id, and a name for people.

    `home` is the workspace's name, and `places` are those of an admin who has roles in several.
    `mark` is another one as soon as the user has another token.
    """

    id: str
    workspace: str
    name: str
    home: str
    mark: str = field(repr=False)
    places: tuple[str, ...] = ()


class People(Protocol):
    """The RBAC users that are enabled."""

    async def find(self, token: str) -> Person | None:
        """Whose token this is."""
        ...

    async def load(self, workspace: str, user: str) -> Person | None:
        """The user of an id in the workspace of an id, as they are now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDoor:
    """
    Nobody signs in, because the Admin API asks nobody either.

    `admits_strangers`: it listens openly where other machines reach it, so they may come here, too:
    at the addresses of this machine in `only_at`, None for all of them.
    `is_shut`: it listens nowhere, so nobody may come here either.
    """

    admits_strangers: bool
    is_shut: bool = False
    only_at: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDoor:
    """Whoever has the token of an RBAC user signs in with it."""

    people: People


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDoor:
    """Admins sign in at their provider, which says who they are and what they may do."""

    people: People
    reception: Reception


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at when a configuration was tried; `remedy` says what to do."""

    level: Level
    code: str
    text: str
    remedy: str = ""


# The config of an openid-connect plugin as JSON, the redirect URI, and the workspace whose vaults it
# reads: what a sign-in would meet.
Examine = Callable[[Mapping[str, Any], str, str], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Banners:
    """What an operator has pages say of themselves: above, below, and where people sign in."""

    header: str | None = None
    footer: str | None = None
    title: str | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerConfig:
    """
    What `create_manager` needs.

    `home` is the origin that browsers know the Manager by, where somebody has said so. Without
    `writable` a file says what there is, and pages only show it. `proxy` are the scheme and port
    that the gateway is reached at; `portals` tells the URL of a workspace's portal and the
    redirect URI of its sign-in, None where the node has no portal. `kconfig` is what scripts for Kong
    Manager read. A session ends after `idle_s` without a request, and after
    `absolute_s` in any case. `debugger` shows sign-ins step by step; its page is there only with
    `has_debugger`.
    """

    admin: AdminClient
    shared: Shared
    clock: Clock
    entropy: Entropy
    door: OpenDoor | TokenDoor | ProviderDoor
    guard: Guard
    examine: Examine
    dump_yaml: Callable[[object], str]
    version: str
    home: str | None = None
    writable: bool = True
    proxy: tuple[str, int] = ("https", 8443)
    portals: Callable[[str], tuple[str, str]] | None = None
    kconfig: Mapping[str, str] = field(default_factory=dict)
    banners: Banners = Banners()
    debugger: Debugger | None = None
    has_debugger: bool = False
    idle_s: int = 3600
    absolute_s: int = 12 * 3600

    @property
    def has_portal(self) -> bool:
        """Whether workspaces of this node can have a portal."""
        return self.portals is not None

    def portal_url(self, workspace: str) -> str:
        """Where a workspace's portal is; empty where there is none."""
        return self.portals(workspace)[0] if self.portals is not None else ""

    def portal_callback(self, workspace: str) -> str:
        """The redirect URI to register at the provider for a workspace's portal."""
        return self.portals(workspace)[1] if self.portals is not None else ""
