"""
The roles that are there from the beginning, and the first user.

Spec: gateway §§1.16, 5.5 (`KONG_PASSWORD`); portal §3.5 (roles of a workspace).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ostiary.admin.bodies import Given
from ostiary.admin.shapes import Json
from ostiary.admin.tokens import build_hint, hash_token
from ostiary.model.access import (
    EVERYTHING,
    SUPER_ADMIN,
    Action,
    RbacRole,
    RbacRoleEndpoint,
    RbacRoleEntity,
    RbacUser,
    RbacUserRole,
)
from ostiary.model.identity import build_id
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT, DEFAULT_WORKSPACE, Workspace
from ostiary.ports.config_store import (
    ConfigReads,
    ConfigStore,
    ConfigWrites,
    Wanted,
)

FIRST_USER: Final = "kong_admin"
_ALL: Final[tuple[Action, ...]] = ("create", "delete", "read", "update")
# A negative rule about it holds for all below.
_ACCESS: Final = ("/rbac",)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Role:
    """A role to be made: what it may do everywhere, and what it must not touch."""

    name: str
    comment: str
    actions: tuple[Action, ...] = _ALL
    without: tuple[str, ...] = ()


_EVERYWHERE: Final = (
    _Role(
        name="read-only",
        comment="Read access to all endpoints, across all workspaces",
        actions=("read",),
    ),
    _Role(
        name="admin",
        comment="Full access to all endpoints, across all workspaces, except RBAC Admin API",
        without=_ACCESS,
    ),
    _Role(
        name=SUPER_ADMIN,
        comment="Full access to all endpoints, across all workspaces",
    ),
)
_INSIDE: Final = (
    _Role(
        name="workspace-read-only",
        comment="Read access to all endpoints in the workspace",
        actions=("read",),
    ),
    _Role(
        name="workspace-admin",
        comment="Full access to all endpoints in the workspace, except RBAC Admin API",
        without=_ACCESS,
    ),
    _Role(
        name="workspace-super-admin",
        comment="Full access to all endpoints in the workspace",
    ),
)


def build_roles(workspace: Workspace, now: int) -> Iterator[Row]:
    """The roles of a workspace, with what they say; `now` in Unix seconds."""
    is_default = workspace.id == DEFAULT_WORKSPACE
    place = None if is_default else workspace.id
    reach = EVERYTHING if is_default else workspace.name
    stamps: dict[str, Any] = {"created_at": now, "updated_at": now, "ws_id": place}
    for role in _EVERYWHERE if is_default else _INSIDE:
        identity = build_id("rbac_roles", role.name, place)
        yield RbacRole(id=identity, name=role.name, comment=role.comment, **stamps)
        for endpoint in (EVERYTHING, *role.without):
            yield RbacRoleEndpoint(
                id=build_id("rbac_role_endpoints", f"{role.name}:{endpoint}", place),
                role=identity,
                workspace=reach,
                endpoint=endpoint,
                actions=role.actions,
                negative=endpoint != EVERYTHING,
                **stamps,
            )
        yield RbacRoleEntity(
            id=build_id("rbac_role_entities", role.name, place),
            role=identity,
            entity_id=EVERYTHING,
            entity_type=EVERYTHING,
            actions=role.actions,
            **stamps,
        )


@dataclass(frozen=True, slots=True)
class WorkspaceRoles:
    """What is made with a workspace: its roles."""

    def take(self, given: Given) -> tuple[Given, object]:
        """Nothing is said of them."""
        return given, None

    def name(self, given: Given, name: str) -> Given:  # noqa: ARG002 - the protocol's
        """A workspace is named by itself."""
        return given

    async def keep(self, write: ConfigWrites, row: Row, extra: object) -> None:  # noqa: ARG002 - the protocol's
        """Make the roles of a new workspace."""
        inside = write.within(row.id or "")
        if isinstance(row, Workspace) and not await _has_any(inside, "rbac_roles"):
            for role in build_roles(row, row.created_at or 0):
                await inside.put(role)

    async def show(self, reads: ConfigReads, row: Row) -> Json:  # noqa: ARG002 - the protocol's
        """They are shown by `/rbac/roles`."""
        return {}


async def _has_any(reads: ConfigReads, kind: str) -> bool:
    return bool((await reads.page(Wanted(kind=kind), size=1)).rows)


async def prepare_access(
    store: ConfigStore, *, now: int, salt: bytes, password: str | None
) -> bool:
    """
    Make the first roles where there are none, and the first user where nobody is known.

    Tells whether somebody is known then.

    Args:
        now: Unix seconds.
        salt: 16 random bytes.
        password: The token of `kong_admin`; None makes nobody.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    has_roles = await _has_any(store, "rbac_roles")
    has_users = await _has_any(store, "rbac_users")
    if has_roles and (has_users or not password):
        return has_users
    async with store.writing() as write:
        roles = [*build_roles(DEFAULT, now)]
        if not await _has_any(write, "rbac_roles"):
            await write.put_all(roles)
        if not password or await _has_any(write, "rbac_users"):
            return await _has_any(write, "rbac_users")
        user = RbacUser(
            id=build_id("rbac_users", FIRST_USER),
            name=FIRST_USER,
            user_token=hash_token(password, salt),
            user_token_ident=build_hint(password),
            comment="Initial RBAC Super Admin",
            created_at=now,
            updated_at=now,
        )
        await write.put(user)
        role = await write.find("rbac_roles", {"name": SUPER_ADMIN})
        if role is None:  # somebody has let it go
            identity = build_id("rbac_roles", SUPER_ADMIN)
            own = [r for r in roles if identity in {r.id, getattr(r, "role", None)}]
            await write.put_all(own)
        else:
            identity = role.id or ""
        await write.put(
            RbacUserRole(
                id=build_id("rbac_user_roles", FIRST_USER),
                user=user.id or "",
                role=identity,
                created_at=now,
                updated_at=now,
            )
        )
    return True
