"""
Who asks, and whether they may: RBAC for the Admin API.

A token is looked for in every workspace; what its roles say decides. Whatever is doubtful is
refused.

Spec: gateway §1.16; decision D22.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from starlette.requests import Request

from ostiary.admin import refusals
from ostiary.admin.entities import Entities
from ostiary.admin.rows import read_every
from ostiary.admin.tokens import build_hint, check_token
from ostiary.model.access import (
    Action,
    RbacRoleEndpoint,
    RbacRoleEntity,
    RbacUser,
    RbacUserRole,
    may_call,
    may_touch,
    read_action,
)
from ostiary.model.identity import build_id
from ostiary.model.kinds import KINDS, OF_MODEL, PORTAL_KINDS
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT, DEFAULT_WORKSPACE, Workspace, workspace_of
from ostiary.ports.admin_client import OPERATOR, Operator
from ostiary.ports.config_store import ConfigReads, ConfigStore, ConfigWrites

_KNOWN_TOKENS: Final = 1024
_CHECKS_AT_ONCE: Final = 2
# What belongs to a workspace; everything else is the node's, whatever path leads there.
_OF_WORKSPACES: Final = frozenset(
    {
        *(kind.path for kind in KINDS.values() if kind.in_workspace and kind.path),
        *PORTAL_KINDS,
        "admins",
        "rbac",
        "schemas",
        "tags",
        "vitals",
    }
)
_NODE_ROWS: Final = frozenset({"ca_certificates", "workspaces"})
_READ_BY_ALL: Final = frozenset(
    {"", "ca_certificates", "endpoints", "kong", "openapi.json", "status", "workspaces"}
)


async def read_all(reads: ConfigReads, kind: str, **where: str) -> list[Row]:
    """Every row of a kind that refers as `where` says."""
    return await read_every(reads, kind, where)


async def read_endpoints(
    reads: ConfigReads, roles: Iterable[str]
) -> list[RbacRoleEndpoint]:
    """What some roles say of paths."""
    rows = [
        r
        for role in roles
        for r in await read_all(reads, "rbac_role_endpoints", role=role)
    ]
    return [row for row in rows if isinstance(row, RbacRoleEndpoint)]


async def read_entities(
    reads: ConfigReads, roles: Iterable[str]
) -> list[RbacRoleEntity]:
    """What some roles say of rows."""
    rows = [
        r
        for role in roles
        for r in await read_all(reads, "rbac_role_entities", role=role)
    ]
    return [row for row in rows if isinstance(row, RbacRoleEntity)]


async def read_roles(reads: ConfigReads, user: RbacUser) -> list[str]:
    """The ids of a user's roles."""
    rows = await read_all(reads, "rbac_user_roles", user=user.id or "")
    return [row.role for row in rows if isinstance(row, RbacUserRole)]


@dataclass(frozen=True, slots=True)
class _Held:
    """The roles that a user has in one workspace."""

    reads: ConfigReads
    roles: tuple[str, ...]


async def _gather(
    store: ConfigStore, user: RbacUser, workspace: Workspace
) -> list[_Held]:
    """The roles of a user where they are known, and where a request leads."""
    home = workspace_of(user)
    places = [home]
    # Only whoever is known in `default` is given roles elsewhere.
    if home == DEFAULT_WORKSPACE and workspace.id not in {None, home}:
        places.append(workspace.id or "")
    found = []
    for place in places:
        reads = store.within(place)
        found.append(_Held(reads, tuple(await read_roles(reads, user))))
    return found


async def _read_paths(held: Iterable[_Held]) -> list[RbacRoleEndpoint]:
    return [r for some in held for r in await read_endpoints(some.reads, some.roles)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What one user may do with single rows of a workspace."""

    user: RbacUser
    workspace: Workspace
    rules: tuple[RbacRoleEntity, ...] = field(default=(), repr=False)

    def may(self, action: Action, row: Row) -> bool:
        """Whether this row may be read, updated or deleted."""
        kind = OF_MODEL[type(row)]
        if kind.name not in KINDS:
            return True  # rows about access and the portal are judged by their paths
        # Of workspaces each is its own's business; of the rest everybody may know.
        is_own = kind.name != "workspaces" or row.id == self.workspace.id
        is_here = kind.in_workspace or (action == "read" and is_own)
        return may_touch(
            self.rules,
            workspace=self.workspace if is_here else DEFAULT,
            kind=kind.name,
            entity_id=row.id or "",
            action=action,
        )

    def refuse(self, action: Action) -> refusals.Refused:
        """What is said where it may not."""
        return _forbidden(self.user, action)

    async def own(self, write: ConfigWrites, row: Row) -> None:
        """Whoever makes a row may do everything with it: their own role says so."""
        home = write.within(workspace_of(self.user))
        kind, entity = OF_MODEL[type(row)].name, row.id or ""
        for identity in await read_roles(home, self.user):
            role = await home.get("rbac_roles", identity)
            about = {"role": identity, "entity_type": kind, "entity_id": entity}
            is_own = getattr(role, "is_default", False)
            # What somebody has said of the row already is left as it is.
            if is_own and await home.find("rbac_role_entities", about) is None:
                key = f"{identity}:{kind}:{entity}"
                await home.add(
                    RbacRoleEntity(
                        id=build_id("rbac_role_entities", key, self.user.ws_id),
                        created_at=row.created_at,
                        updated_at=row.created_at,
                        ws_id=self.user.ws_id,
                        role=identity,
                        entity_type=kind,
                        entity_id=entity,
                    )
                )


def _forbidden(user: RbacUser, action: Action) -> refusals.Refused:
    text = f"{user.name}, you do not have permissions to {action} this resource"
    return refusals.say(403, text)


class Users:
    """The users of every workspace, found by their tokens."""

    def __init__(self, store: ConfigStore, secret: bytes) -> None:
        self._store = store
        # For a key of what is remembered; no token is kept in memory.
        self._secret = secret
        self._known: OrderedDict[bytes, tuple[str, str, str]] = OrderedDict()
        self._checking = asyncio.Semaphore(_CHECKS_AT_ONCE)

    async def find(self, token: str) -> RbacUser | None:
        """The user of a token, enabled or not."""
        mark = hmac.digest(self._secret, token.encode(), "sha256")
        known = self._known.get(mark)
        if known is not None:
            workspace, identity, kept = known
            row = await self._store.within(workspace).get("rbac_users", identity)
            if isinstance(row, RbacUser) and hmac.compare_digest(
                row.user_token.encode(), kept.encode()
            ):
                return row
            self._known.pop(mark, None)
        hint = build_hint(token)
        for user in await self._read_users():
            if user.user_token_ident == hint and await self._check(token, user):
                place = (workspace_of(user), user.id or "", user.user_token)
                self._known[mark] = place
                while len(self._known) > _KNOWN_TOKENS:
                    self._known.popitem(last=False)
                return user
        return None

    async def _check(self, token: str, user: RbacUser) -> bool:
        """A few at a time: each takes memory, and nobody is known yet."""
        async with self._checking:
            return await asyncio.to_thread(check_token, token, user.user_token)

    async def _read_users(self) -> list[RbacUser]:
        places = {DEFAULT_WORKSPACE}
        places |= {row.id or "" for row in await read_all(self._store, "workspaces")}
        return [
            row
            for place in sorted(places)
            for row in await read_all(self._store.within(place), "rbac_users")
            if isinstance(row, RbacUser)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RbacAccess:
    """
    Lets in whom roles allow in. `level` is `on` (paths), `entity` (rows) or `both`.

    `header` is the name of the field with the token.
    """

    store: ConfigStore
    users: Users
    level: str
    header: str

    async def admit(
        self,
        request: Request,
        entities: Entities,
        workspace: Workspace,
        steps: Sequence[str],
    ) -> Entities:
        """
        The rows that whoever was identified may see and change.

        Raises:
            Refused: They may not (403).
        """
        if request.state.rbac_user is None:
            return entities  # a site of the node, asking for itself
        user: RbacUser = request.state.rbac_user
        if [*steps] == ["auth"]:
            return entities  # whoever is known may come and go
        held = await _gather(self.store, user, workspace)
        action = read_action(request.method)
        request.state.may_do = partial(self._may_do, held, workspace)
        # What is no row is judged by its path, whatever the level.
        if (
            self.level != "entity"
            or not _is_about_rows(steps, action)
            # No rule of rows is about one that is not there yet: elsewhere its path decides.
            or (action == "create" and workspace_of(user) != workspace.id)
        ) and not may_call(
            await _read_paths(held),
            workspace=_judged_in(workspace, steps, action),
            steps=steps,
            action=action,
        ):
            raise _forbidden(user, action)
        # Whoever may not do everything takes nothing from below somebody else's parent.
        entities = replace(entities, moves_rows=False)
        if self.level == "on":
            return entities
        rules = tuple(
            [r for some in held for r in await read_entities(some.reads, some.roles)]
        )
        rights = Rights(user=user, workspace=workspace, rules=rules)
        return replace(entities, rights=rights)

    async def identify(self, request: Request) -> None:
        """
        Know who asks, by their token.

        Raises:
            Refused: Nobody is known (401).
        """
        operator = request.scope.get(OPERATOR)
        if isinstance(operator, Operator) and operator.user is None:
            request.state.rbac_user = None
            return
        if isinstance(operator, Operator):
            user = await self._find_operator(operator)
        else:
            given = request.headers.getlist(self.header)
            is_one = len(given) == 1 and given[0]
            user = await self.users.find(given[0]) if is_one else None
        if user is None or not user.enabled:
            raise refusals.say(401, "Invalid RBAC credentials")
        request.state.rbac_user = user

    async def _may_do(
        self,
        held: Sequence[_Held],
        workspace: Workspace,
        steps: Sequence[str],
        action: Action,
    ) -> bool:
        return may_call(
            await _read_paths(held),
            workspace=_judged_in(workspace, steps, action),
            steps=steps,
            action=action,
        )

    async def _find_operator(self, operator: Operator) -> RbacUser | None:
        """Whoever signed in at a site, as they are now."""
        home = self.store.within(operator.workspace or DEFAULT_WORKSPACE)
        row = await home.get("rbac_users", operator.user or "")
        return row if isinstance(row, RbacUser) else None


async def may_do(request: Request, steps: Sequence[str], action: Action) -> bool:
    """Whether whoever sent a request may do something else as well, at a path of its workspace."""
    ask = getattr(request.state, "may_do", None)
    return ask is None or bool(await ask(steps, action))


async def require(request: Request, steps: Sequence[str], action: Action) -> None:
    """
    Let go on whoever may do something else as well, at a path of the request's workspace.

    Raises:
        Refused: They may not (403).
    """
    if not await may_do(request, steps, action):
        raise _forbidden(request.state.rbac_user, action)


def _judged_in(workspace: Workspace, steps: Sequence[str], action: Action) -> Workspace:
    """What is the node's is nobody's of a workspace, whatever workspace the path names."""
    first = steps[0] if steps else ""
    if [*steps[:2]] == ["openid-connect", "sessions"]:
        return workspace
    is_shared = action == "read" and first in _READ_BY_ALL
    if first == "workspaces":
        is_shared = is_shared and [*steps[1:]] in ([workspace.id], [workspace.name])
    return workspace if first in _OF_WORKSPACES or is_shared else DEFAULT


_OF_PORTAL_BELOW = frozenset({"application_instances", "document_objects"})


def _is_about_rows(steps: Sequence[str], action: Action) -> bool:
    """Whether the rules of rows have the last word, or nothing needs one."""
    first = steps[0] if steps else ""
    if first in _NODE_ROWS:
        return action in {"read", "delete"}  # what is put may be new
    if first in _READ_BY_ALL:
        return action == "read"
    if [*steps[:1]] == ["services"] and {*steps[2:3]} & _OF_PORTAL_BELOW:
        return False  # their rows have no rules: the path decides
    no_rows = {"admins", "rbac", "vitals", *PORTAL_KINDS}
    return first in _OF_WORKSPACES and first not in no_rows
