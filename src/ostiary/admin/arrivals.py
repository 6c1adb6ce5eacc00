"""
Somebody whom the provider knows arrives at the Manager: who they are here, and what they may do.

Only the Manager itself asks this, within the process, after a sign-in that it has seen through.
The groups that the provider names are roles: `<workspace>:<role>`, and those of a group of that
name. At every arrival the roles become those, whatever was changed by hand meanwhile. Whoever has
no role in the end is not let in.

Spec: portal §2.7.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.access import read_all
from ostiary.admin.admin_roles import (
    find_user,
    list_places,
    make_admin,
    read_held,
    set_roles,
)
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.entities import Entities
from ostiary.admin.rbac import is_own_role
from ostiary.model.access import RbacRole, UserName
from ostiary.model.admins import APPROVED, INVITED, NO_LINK, Admin, Group, GroupRole
from ostiary.model.entity import Entity
from ostiary.model.portal import Email
from ostiary.model.words import read_problems
from ostiary.model.workspaces import DEFAULT_NAME, DEFAULT_WORKSPACE, Workspace
from ostiary.ports.config_store import ConfigReads, ConfigWrites

_LOG: Final = logging.getLogger(__name__)
# Nobody has more roles, and each costs a look into the database.
_MOST_GROUPS: Final = 500

Outcome = Literal["admitted", "unknown", "refused", "no_roles", "taken"]


class Arrival(Entity):
    """
    Who arrives: by which field of admins they are known, and what the provider says of them.

    `email` is one that the provider has verified. `groups` None leaves roles as they are: they
    are given by hand.
    """

    known_by: Literal["email", "username"]
    value: Annotated[UserName, Field(max_length=255)]
    email: Email | None = None
    groups: tuple[str, ...] | None = None
    may_create: bool = False
    rbac_token_enabled: bool = True


class _Refuse(Exception):
    """Nothing of a write is kept."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


Roles = Mapping[str, Sequence[RbacRole]]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Lets people in. `entities` are those of `default`."""

    entities: Entities

    async def answer(self, request: Request) -> Response:
        """
        Tell what becomes of an arrival, and as which RBAC user they go on.

        Raises:
            Refused: The Manager has asked for something that cannot be.
        """
        data: Any = (await read_given(request)).data  # Any: JSON
        try:
            arrival = Arrival.model_validate(data, strict=False)
        except ValidationError as error:
            raise refusals.schema_violation(list(read_problems(error))) from error
        try:
            admin = await self._admit(arrival)
        except _Refuse as error:
            return JSONResponse({"outcome": error.outcome})
        except refusals.Refused as error:
            if error.status != 409:
                raise
            # Somebody else has the name: an RBAC user, or an admin who is known by it.
            return JSONResponse({"outcome": "taken"})
        return JSONResponse({"outcome": "admitted", "user": admin.rbac_user})

    async def _admit(self, arrival: Arrival) -> Admin:
        refused: _Refuse | None = None
        async with self.entities.writing() as write:
            wanted = None
            if arrival.groups is not None:
                wanted = await read_groups(write, arrival.groups)
            admin = await self._find(write, arrival, has_roles=bool(wanted))
            if wanted is not None:
                # Everywhere, since roles are given in other ways as well.
                left = dict.fromkeys(await list_places(write), ()) | dict(wanted)
                await set_roles(self.entities, write, admin, left)
            if not await self._has_roles(write, admin):
                # That roles are gone is kept: other sessions of theirs may do nothing any more.
                refused = _Refuse("no_roles")
            elif admin.status == INVITED:
                admin = await self._approve(write, admin)
        if refused is not None:
            raise refused
        return admin

    async def _find(
        self, write: ConfigWrites, arrival: Arrival, *, has_roles: bool
    ) -> Admin:
        row = await write.find("admins", {arrival.known_by: arrival.value})
        if row is None:
            if not (has_roles and arrival.may_create):
                raise _Refuse("no_roles" if arrival.may_create else "unknown")
            return await self._create(write, arrival)
        assert isinstance(row, Admin)
        user = await find_user(write, row)
        is_enabled = user is not None and user.enabled
        if row.status != INVITED and not (row.status == APPROVED and is_enabled):
            raise _Refuse("refused")
        return row

    async def _create(self, write: ConfigWrites, arrival: Arrival) -> Admin:
        data = {
            "username": arrival.value,
            "email": arrival.email,
            "status": APPROVED,
            "rbac_token_enabled": arrival.rbac_token_enabled,
        }
        admin = await make_admin(self.entities, write, Given(data=data), enabled=True)
        _LOG.info("the admin %s was made at their first sign-in", admin.id)
        return admin

    @staticmethod
    async def _has_roles(reads: ConfigReads, admin: Admin) -> bool:
        for place in await list_places(reads):
            if await read_held(reads, admin, place):
                return True
        return False

    @staticmethod
    async def _approve(write: ConfigWrites, admin: Admin) -> Admin:
        user = await find_user(write, admin)
        assert user is not None
        await write.put(user.model_copy(update={"enabled": True}))
        done = {"status": APPROVED, **NO_LINK}
        changed = admin.model_copy(update=done)
        await write.put(changed)
        return changed


async def read_groups(reads: ConfigReads, groups: Sequence[str]) -> Roles:
    """The roles that groups stand for, by the workspace's id. What stands for none is left out."""
    found: dict[str, dict[str, RbacRole]] = {}
    for name in dict.fromkeys(groups[:_MOST_GROUPS]):
        for place, role in await _read_group(reads, name):
            found.setdefault(place, {})[role.id or ""] = role
    return {place: tuple(roles.values()) for place, roles in found.items()}


async def _read_group(reads: ConfigReads, name: str) -> list[tuple[str, RbacRole]]:
    if not name or not name.isprintable():
        return []
    # Both count: a group that somebody lists must not take away what its name says.
    return [*await _read_listed(reads, name), *await _read_named(reads, name)]


async def _read_listed(reads: ConfigReads, name: str) -> list[tuple[str, RbacRole]]:
    group = await reads.find("groups", {"name": name})
    if not isinstance(group, Group):
        return []
    named = [
        (row.workspace or DEFAULT_WORKSPACE, row.role)
        for row in await read_all(reads, "group_roles", group=group.id or "")
        if isinstance(row, GroupRole)
    ]
    roles = [
        (place, await reads.within(place).get("rbac_roles", identity))
        for place, identity in named
    ]
    return [(place, r) for place, r in roles if isinstance(r, RbacRole)]


async def _read_named(reads: ConfigReads, name: str) -> list[tuple[str, RbacRole]]:
    place, colon, role_name = name.partition(":")
    workspace = await _find_workspace(reads, place) if colon and role_name else None
    if workspace is None:
        return []
    role = await reads.within(workspace).find("rbac_roles", {"name": role_name})
    # A role that is somebody's alone is nobody else's, whatever a provider says.
    if not isinstance(role, RbacRole) or is_own_role(role):
        return []
    return [(workspace, role)]


async def _find_workspace(reads: ConfigReads, name: str) -> str | None:
    if name == DEFAULT_NAME:
        return DEFAULT_WORKSPACE
    row = await reads.find("workspaces", {"name": name}) if name else None
    return row.id if isinstance(row, Workspace) else None
