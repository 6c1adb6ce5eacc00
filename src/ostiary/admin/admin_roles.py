"""
What admins hold: roles of any workspace, read and changed in one write.

An admin and their RBAC user are rows of `default`; that they have a role is a row of the role's
own workspace, so that deleting either lets it go.

Spec: portal §2.7 (roles by workspace).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ostiary.admin.access import read_all
from ostiary.admin.bodies import Given
from ostiary.admin.entities import Entities
from ostiary.admin.rbac import is_own_role, join, make_own_role
from ostiary.model.access import RbacRole, RbacUser, RbacUserRole
from ostiary.model.admins import NO_TOKEN, Admin
from ostiary.model.kinds import EVERY_KIND
from ostiary.model.portal import read_email
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.ports.config_store import ConfigReads, ConfigWrites, UniqueViolation

ADMINS: Final = EVERY_KIND["admins"]
_USERS: Final = EVERY_KIND["rbac_users"]
# Until the user is made.
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRole:
    """A role that an admin has, and the row that says so."""

    role: RbacRole
    link: RbacUserRole


async def read_held(
    reads: ConfigReads, admin: Admin, workspace: str
) -> dict[str, HeldRole]:
    """The roles that an admin has in one workspace, but for their own; by id."""
    inside = reads.within(workspace)
    found: dict[str, HeldRole] = {}
    for link in await read_all(inside, "rbac_user_roles", user=admin.rbac_user):
        if not isinstance(link, RbacUserRole):
            continue
        role = await inside.get("rbac_roles", link.role)
        if isinstance(role, RbacRole) and not is_own_role(role):
            found[link.role] = HeldRole(role=role, link=link)
    return found


async def find_user(reads: ConfigReads, admin: Admin) -> RbacUser | None:
    """The RBAC user that an admin acts as."""
    row = await reads.within(DEFAULT_WORKSPACE).get("rbac_users", admin.rbac_user)
    return row if isinstance(row, RbacUser) else None


async def set_roles(
    entities: Entities,
    write: ConfigWrites,
    admin: Admin,
    wanted: Mapping[str, Iterable[RbacRole]],
) -> Admin:
    """
    Let an admin have exactly some roles, in the workspaces that are named; others stay.

    Args:
        wanted: Roles by the workspace's id.

    Raises:
        Refused: It cannot be.
    """
    user = await find_user(write, admin)
    assert user is not None
    places = set(admin.workspaces)
    for place, roles in wanted.items():
        inside = entities.within(place)
        held = await read_held(write, admin, place)
        given = {role.id or "": role for role in roles}
        for identity in held.keys() - given.keys():
            await inside.remove(write.within(place), held[identity].link)
        for identity in given.keys() - held.keys():
            await join(inside, write.within(place), user, given[identity])
        places = places | {place} if given else places - {place}
    changed = admin.model_copy(update={"workspaces": tuple(sorted(places))})
    if changed != admin:
        await write.within(DEFAULT_WORKSPACE).put(changed)
    return changed


async def make_admin(
    entities: Entities, write: ConfigWrites, given: Given, *, enabled: bool
) -> Admin:
    """
    A new admin and the RBAC user that they act as, who has no token.

    Args:
        entities: Those of `default`, as `write` is.

    Raises:
        Refused: Something is wrong.
        UniqueViolation: Somebody is known by that already.
    """
    admin = await entities.build(write, ADMINS, _with_user(given, _NOBODY))
    assert isinstance(admin, Admin)
    await check_names(write, admin)
    said = {"name": admin.username, "user_token": NO_TOKEN, "enabled": enabled}
    user = await entities.build(write, _USERS, Given(data=said))
    assert isinstance(user, RbacUser)
    admin = admin.model_copy(update={"rbac_user": user.id})
    await write.add(user)
    await make_own_role(entities, write, user)
    await write.add(admin)
    return admin


async def check_names(reads: ConfigReads, admin: Admin) -> None:
    """
    See that nobody else is called so: names and addresses of admins find them alike.

    Raises:
        UniqueViolation: Somebody is.
    """
    email = read_email(admin.username)
    asked = (
        ("username", "username", admin.username),
        ("username", "email", email),
        ("email", "email", admin.email),
        ("email", "username", admin.email),
        ("custom_id", "custom_id", admin.custom_id),
    )
    for told, name, value in asked:
        if value is None:
            continue
        other = await reads.find(ADMINS.name, {name: value})
        if other is not None and other.id != admin.id:
            raise UniqueViolation(ADMINS.name, {told: getattr(admin, told)})


def _with_user(given: Given, user: str) -> Given:
    data = {**given.data, "rbac_user": {"id": user}}
    return Given(data=data, is_form=given.is_form)
