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

from ostiary.admin import refusals
from ostiary.admin.access import read_all, read_endpoints, read_entities
from ostiary.admin.bodies import Given
from ostiary.admin.entities import Entities
from ostiary.admin.rbac import is_alone, is_own_role, join, make_own_role
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
    return {
        role_id: held
        for role_id, held in (await _read_all_held(reads, admin, workspace)).items()
        if not await _is_theirs(reads.within(workspace), workspace, held.role)
    }


async def _read_all_held(
    reads: ConfigReads, admin: Admin, workspace: str
) -> dict[str, HeldRole]:
    inside = reads.within(workspace)
    found: dict[str, HeldRole] = {}
    for link in await read_all(inside, "rbac_user_roles", user=admin.rbac_user):
        if not isinstance(link, RbacUserRole):
            continue
        role = await inside.get("rbac_roles", link.role)
        if isinstance(role, RbacRole):
            found[link.role] = HeldRole(role=role, link=link)
    return found


async def _is_theirs(inside: ConfigReads, workspace: str, role: RbacRole) -> bool:
    """
    Whether a role that an admin has was made with them.

    Those of other users were given once, and are shown so that they can be taken.
    """
    is_home = workspace == DEFAULT_WORKSPACE
    return is_home and is_own_role(role) and await is_alone(inside, role)


async def read_places(reads: ConfigReads, admin: Admin) -> tuple[str, ...]:
    """
    The ids of the workspaces in which an admin may do something.

    Read from what says so itself: roles are given in several ways, also by rules of the role that
    is theirs alone.
    """
    return tuple(
        [
            place
            for place in await list_places(reads)
            if await _is_in(reads, admin, place)
        ]
    )


async def list_places(reads: ConfigReads) -> tuple[str, ...]:
    """The ids of all workspaces."""
    rows = await read_all(reads, "workspaces")
    return tuple(sorted({DEFAULT_WORKSPACE, *(row.id or "" for row in rows)}))


async def _is_in(reads: ConfigReads, admin: Admin, place: str) -> bool:
    inside = reads.within(place)
    for held in (await _read_all_held(reads, admin, place)).values():
        own = [held.role.id or ""]
        if (
            not await _is_theirs(inside, place, held.role)
            or await read_endpoints(inside, own)
            or await read_entities(inside, own)
        ):
            return True
    return False


async def may_decide(reads: ConfigReads, admin: Admin, workspace: str) -> bool:
    """
    Whether a workspace may decide about who an admin is, and not only about their roles there.

    `default` may. Another one may where it has invited them, and they may do nothing elsewhere:
    whoever says what somebody signs in by, may do what they may.
    """
    if workspace == DEFAULT_WORKSPACE:
        return True
    if admin.invited_by != workspace:
        return False
    return {*await read_places(reads, admin)} <= {workspace}


async def find_user(reads: ConfigReads, admin: Admin) -> RbacUser | None:
    """The RBAC user that an admin acts as."""
    row = await reads.within(DEFAULT_WORKSPACE).get("rbac_users", admin.rbac_user)
    return row if isinstance(row, RbacUser) else None


async def set_roles(
    entities: Entities,
    write: ConfigWrites,
    admin: Admin,
    wanted: Mapping[str, Iterable[RbacRole]],
) -> None:
    """
    Let an admin have exactly some roles, in the workspaces that are named; others stay.

    Args:
        wanted: Roles by the workspace's id.

    Raises:
        Refused: It cannot be.
    """
    user = await find_user(write, admin)
    assert user is not None
    for place, roles in wanted.items():
        inside = entities.within(place)
        held = await read_held(write, admin, place)
        given = {role.id or "": role for role in roles}
        for identity in held.keys() - given.keys():
            await inside.remove(write.within(place), held[identity].link)
        for identity in given.keys() - held.keys():
            await join(inside, write.within(place), user, given[identity])


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

    Names are compared without regard to case, since people read them so.

    Raises:
        Refused: The name is an address, and not the admin's own.
        UniqueViolation: Somebody is called so.
    """
    email = read_email(admin.username)
    if email is not None and email != admin.email:
        text = "looks like an address: it must be the same as email"
        raise refusals.schema_violation([(("username",), text)])
    for row in await read_all(reads, ADMINS.name):
        if (
            isinstance(row, Admin)
            and row.id != admin.id
            and _read_alike(row.username) == _read_alike(admin.username)
        ):
            raise UniqueViolation(ADMINS.name, {"username": admin.username})
    asked = (
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


def _read_alike(name: str) -> str:
    """What people see of a name."""
    return name.strip().casefold()


def _with_user(given: Given, user: str) -> Given:
    data = {**given.data, "rbac_user": {"id": user}}
    return Given(data=data, is_form=given.is_form)
