"""
`/rbac`: users with tokens, roles, and what roles allow or forbid.

Rows of these kinds are made and changed as all others are; what is theirs alone is here: tokens
that are hashed, a role of its own for each user, permissions under the paths that they are about.

Spec: gateway §1.16.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.access import (
    Users,
    may_do,
    read_all,
    read_endpoints,
    read_entities,
    read_roles,
)
from ostiary.admin.autofill import Bytes
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.collections import Collections, allow
from ostiary.admin.entities import Entities
from ostiary.admin.paging import read_asked
from ostiary.admin.scope import scoped, shown_path
from ostiary.admin.shapes import Json
from ostiary.admin.tokens import build_hint, hash_token
from ostiary.model.access import (
    EVERYTHING,
    RbacRole,
    RbacRoleEndpoint,
    RbacRoleEntity,
    RbacUser,
)
from ostiary.model.admins import NO_LINK, Admin
from ostiary.model.kinds import EVERY_KIND, KINDS, Kind
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE, Workspace
from ostiary.ports.config_store import ConfigReads, ConfigWrites, UniqueViolation

_USERS, _ROLES = EVERY_KIND["rbac_users"], EVERY_KIND["rbac_roles"]
_MEMBERS = EVERY_KIND["rbac_user_roles"]
_ENDPOINTS = EVERY_KIND["rbac_role_endpoints"]
_ENTITIES = EVERY_KIND["rbac_role_entities"]
_LIST: Final = ("GET", "POST")
_ROW: Final = ("GET", "PUT", "PATCH", "DELETE")
_PERMISSION: Final = ("GET", "PATCH", "DELETE")
_SALT_BYTES: Final = 16
# What nobody sets from outside.
_OURS: Final = frozenset({"user_token_ident", "is_default"})
PATHS: Final = (
    "/rbac/roles", "/rbac/roles/{rbac_roles}", "/rbac/roles/{rbac_roles}/endpoints",
    "/rbac/roles/{rbac_roles}/endpoints/{workspace}/{endpoint}",
    "/rbac/roles/{rbac_roles}/entities", "/rbac/roles/{rbac_roles}/entities/{entity_id}",
    "/rbac/roles/{rbac_roles}/permissions", "/rbac/users", "/rbac/users/{rbac_users}",
    "/rbac/users/{rbac_users}/permissions", "/rbac/users/{rbac_users}/roles",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RbacEndpoints:
    """Everything below `/rbac`. `users` know whose a token is."""

    users: Users
    entropy: Bytes

    async def answer(self, request: Request, steps: Sequence[str]) -> Response:
        """
        Answer a request about access.

        Raises:
            Refused: It cannot be done.
        """
        entities = scoped(request)
        if not entities.writable:
            raise refusals.say(404, "Not found")
        call = _Call(request, entities, self)
        match [*steps]:
            case ["users" | "roles" as what]:
                return await call.list_rows(_USERS if what == "users" else _ROLES)
            case ["users" | "roles" as what, key]:
                return await call.one_row(_USERS if what == "users" else _ROLES, key)
            case ["users", key, "roles"]:
                return await call.roles_of(key)
            case ["users", key, "permissions"]:
                user = await call.find_user(key)
                roles = await read_roles(entities.store, user)
                return await call.permissions(roles)
            case ["roles", key, "permissions"]:
                role = await call.find_role(key)
                return await call.permissions([role.id or ""])
            case ["roles", key, "endpoints"]:
                return await call.list_rules(_ENDPOINTS, await call.find_role(key))
            case ["roles", key, "entities"]:
                return await call.list_rules(_ENTITIES, await call.find_role(key))
            case ["roles", key, "endpoints", workspace, *path] if path:
                role = await call.find_role(key)
                return await call.one_rule(
                    _ENDPOINTS, await call.find_endpoint(role, workspace, path)
                )
            case ["roles", key, "entities", identity]:
                role = await call.find_role(key)
                return await call.one_rule(
                    _ENTITIES, await call.find_entity(role, identity)
                )
        raise refusals.not_found()


class _Call:
    """One request about the rows of one workspace."""

    def __init__(
        self, request: Request, entities: Entities, endpoints: RbacEndpoints
    ) -> None:
        self._request = request
        self._entities = entities
        self._endpoints = endpoints
        self._method = "GET" if request.method == "HEAD" else request.method

    def _refuse_others(self, verbs: tuple[str, ...]) -> Response | None:
        if self._method == "OPTIONS":
            return allow(verbs)
        if self._method not in verbs:
            raise refusals.not_allowed(verbs)
        return None

    # Users and roles.

    async def list_rows(self, kind: Kind) -> Response:
        """`/rbac/users` and `/rbac/roles`."""
        if (told := self._refuse_others(_LIST)) is not None:
            return told
        entities = self._entities
        if self._method == "POST":
            given = await self._read(kind, None)
            async with entities.writing() as write:
                row = await entities.add(write, kind, given)
                if isinstance(row, RbacUser):
                    await self._give_role_of_name(write, row)
            return JSONResponse(await self._entities.show(kind, row), status_code=201)
        rows = await read_all(self._entities.store, kind.name)
        return await self._list(kind, [r for r in rows if not is_own_role(r)])

    async def _list(self, kind: Kind, rows: Sequence[Row]) -> Response:
        query = dict(self._request.query_params)
        return await Collections(entities=self._entities).list_some(
            kind, rows, read_asked(query), path=shown_path(self._request), query=query
        )

    async def one_row(self, kind: Kind, key: str) -> Response:
        """`/rbac/users/{user}` and `/rbac/roles/{role}`."""
        if (told := self._refuse_others(_ROW)) is not None:
            return told
        entities = self._entities
        before = await entities.find(entities.store, kind, key)
        match self._method:
            case "DELETE":
                await self._delete(before)
                return Response(status_code=204)
            case "PUT":
                row = await entities.put(kind, key, await self._read(kind, before))
                if isinstance(row, RbacUser) and before is None:
                    async with entities.writing() as write:
                        await self._give_role_of_name(write, row)
            case "PATCH":
                row = await entities.update(kind, key, await self._read(kind, before))
            case _ if before is None:
                raise refusals.not_found()
            case _:
                row = before
        return JSONResponse(await entities.show(kind, row))

    async def _give_role_of_name(self, write: ConfigWrites, user: RbacUser) -> None:
        """
        A user has the role of their name: one that is there, or one of their own.

        One that is there they have only from whoever may give it to them.
        """
        role = await write.find("rbac_roles", {"name": user.name})
        may_give = await may_do(
            self._request, ("rbac", "users", user.name, "roles"), "create"
        )
        if role is None or is_own_role(role) or not may_give:
            await make_own_role(self._entities, write, user)
            return
        await join(self._entities, write, user, role)

    async def _read(self, kind: Kind, before: Row | None) -> Given:
        """What is given, with the hash of a token in its place."""
        given = await read_given(self._request)
        data = {k: v for k, v in given.data.items() if k not in _OURS}
        if kind is not _USERS:
            own = {"is_default": True} if before and is_own_role(before) else {}
            return Given(data={**data, **own}, is_form=given.is_form)
        token = data.get("user_token")
        if token is not None and before is not None:
            await self._check_token_enabled(before)
        if isinstance(token, str) and not (token.isascii() and token.isprintable()):
            text = "must be printable ascii: it is sent in a header"
            raise refusals.schema_violation([(("user_token",), text)])
        if isinstance(token, str) and token:
            owner = await self._endpoints.users.find(token)
            if owner is not None and (before is None or owner.id != before.id):
                taken = UniqueViolation(kind.name, {"user_token": "***"})
                raise refusals.unique_violation(taken)
            salt = self._endpoints.entropy.bytes(_SALT_BYTES)
            data["user_token"] = await asyncio.to_thread(hash_token, token, salt)
            data["user_token_ident"] = build_hint(token)
        return Given(data=data, is_form=given.is_form)

    async def _check_token_enabled(self, user: Row) -> None:
        """
        Let go on for whoever may have a token.

        Raises:
            Refused: The user of an admin who has none.
        """
        admin = await self._entities.store.find("admins", {"rbac_user": user.id or ""})
        if isinstance(admin, Admin) and not admin.rbac_token_enabled:
            text = "this admin has no RBAC token: see rbac_token_enabled of /admins"
            raise refusals.schema_violation([(("user_token",), text)])

    async def _delete(self, row: Row | None) -> None:
        if row is None:
            return
        async with self._entities.writing() as write:
            if isinstance(row, RbacUser):
                await remove_user(self._entities, write, row)
            else:
                await self._entities.remove(write, row)

    async def find_user(self, key: str) -> RbacUser:
        """
        The user of a name or id.

        Raises:
            Refused: Nobody.
        """
        row = await self._entities.find(self._entities.store, _USERS, key)
        if not isinstance(row, RbacUser):
            raise refusals.not_found()
        return row

    async def find_role(self, key: str) -> RbacRole:
        """
        The role of a name or id.

        Raises:
            Refused: None.
        """
        row = await self._entities.find(self._entities.store, _ROLES, key)
        if not isinstance(row, RbacRole):
            raise refusals.not_found()
        return row

    # Whose roles.

    async def roles_of(self, key: str) -> Response:
        """`/rbac/users/{user}/roles`."""
        if (told := self._refuse_others(("GET", "POST", "DELETE"))) is not None:
            return told
        user = await self.find_user(key)
        entities = self._entities
        if self._method == "GET":
            return JSONResponse(await self._show_roles(user))
        roles = await find_named_roles(
            entities, self._request, with_own=self._method == "DELETE"
        )
        async with entities.writing() as write:
            held = {
                row.role: row
                for row in await read_all(write, _MEMBERS.name, user=user.id or "")
                if hasattr(row, "role")
            }
            for role in roles:
                row = held.get(role.id or "")
                if self._method == "POST" and row is None:
                    await join(entities, write, user, role)
                if self._method == "DELETE" and row is not None:
                    await entities.remove(write, row)
        if self._method == "DELETE":
            return Response(status_code=204)
        return JSONResponse(await self._show_roles(user), status_code=201)

    async def _show_roles(self, user: RbacUser) -> Json:
        store = self._entities.store
        rows = [
            await store.get("rbac_roles", role)
            for role in await read_roles(store, user)
        ]
        shown = [
            await self._entities.show(_ROLES, row)
            for row in rows
            if row is not None and not is_own_role(row)
        ]
        return {"roles": shown, "user": await self._entities.show(_USERS, user)}

    # What roles say.

    async def list_rules(self, kind: Kind, role: RbacRole) -> Response:
        """`/rbac/roles/{role}/endpoints` and `/rbac/roles/{role}/entities`."""
        if (told := self._refuse_others(_LIST)) is not None:
            return told
        if self._method == "GET":
            store = self._entities.store
            return await self._list(kind, await read_all(store, kind.name, role=role.id or ""))  # fmt: skip
        given = await read_given(self._request)
        data = {**given.data, "role": {"id": role.id}}
        if kind is _ENDPOINTS:
            data["workspace"] = await self._read_workspace(data.get("workspace"))
        else:
            said = data.get("entity_type")
            data["entity_type"] = await self._find_type(data.get("entity_id"), said)
        made = Given(data=data, is_form=given.is_form)
        row = await self._entities.create(kind, made)
        return JSONResponse(await self._entities.show(kind, row), status_code=201)

    async def _read_workspace(self, said: object) -> str:
        """
        The name of the workspace that a rule is about, by default the role's own.

        Raises:
            Refused: There is none, or the role has no say in it.
        """
        entities = self._entities
        own = await entities.find(
            entities.store, KINDS["workspaces"], entities.workspace
        )
        assert isinstance(own, Workspace)
        if said is None:
            return own.name
        if said == EVERYTHING:
            return EVERYTHING
        named = (
            await entities.find(entities.store, KINDS["workspaces"], said)
            if isinstance(said, str)
            else None
        )
        if not isinstance(named, Workspace):
            raise refusals.schema_violation([(("workspace",), "no such workspace")])
        if entities.workspace not in {DEFAULT_WORKSPACE, named.id}:
            text = "must be the workspace of the role"
            raise refusals.schema_violation([(("workspace",), text)])
        return named.name

    async def _find_type(self, identity: object, said: object) -> str:
        """
        The kind of the row that a rule is about: the one that is said, or the only one.

        Raises:
            Refused: There is none, or there are several.
        """
        if identity == EVERYTHING:
            return EVERYTHING
        found = [
            kind
            for kind in (KINDS if isinstance(identity, str) else ())
            if said in {None, kind}
            and await self._entities.store.get(kind, str(identity)) is not None
        ]
        if not found:
            raise refusals.schema_violation([(("entity_id",), "no such entity")])
        if len(found) > 1:
            text = f"rows of {', '.join(found)} have this id: say which"
            raise refusals.schema_violation([(("entity_type",), text)])
        return found[0]

    async def find_endpoint(
        self, role: RbacRole, workspace: str, path: Sequence[str]
    ) -> Row:
        """
        What a role says of a path in a workspace.

        Raises:
            Refused: Nothing.
        """
        endpoint = "/" + "/".join(path)
        for rule in await read_endpoints(self._entities.store, [role.id or ""]):
            if rule.workspace == workspace and rule.endpoint in {
                endpoint,
                endpoint[1:],
            }:
                return rule
        raise refusals.not_found()

    async def find_entity(self, role: RbacRole, identity: str) -> Row:
        """
        What a role says of a row.

        Raises:
            Refused: Nothing.
        """
        for rule in await read_entities(self._entities.store, [role.id or ""]):
            if rule.entity_id == identity:
                return rule
        raise refusals.not_found()

    async def one_rule(self, kind: Kind, rule: Row) -> Response:
        """A rule: shown, changed, deleted."""
        if (told := self._refuse_others(_PERMISSION)) is not None:
            return told
        entities = self._entities
        if self._method == "DELETE":
            await entities.delete(kind, rule.id or "")
            return Response(status_code=204)
        if self._method == "PATCH":
            given = await read_given(self._request)
            fixed = {"role", "workspace", "endpoint", "entity_id", "entity_type"}
            data = {k: v for k, v in given.data.items() if k not in fixed}
            rule = await entities.update(
                kind, rule.id or "", Given(data=data, is_form=given.is_form)
            )
        return JSONResponse(await entities.show(kind, rule))

    async def permissions(self, roles: Sequence[str]) -> Response:
        """What some roles say, by workspace and path, and by row."""
        if (told := self._refuse_others(("GET",))) is not None:
            return told
        store = self._entities.store
        return JSONResponse(
            {
                "endpoints": _by_place(await read_endpoints(store, roles)),
                "entities": {
                    rule.entity_id: _show_rule(rule)
                    for rule in await read_entities(store, roles)
                },
            }
        )


async def find_named_roles(
    entities: Entities, request: Request, *, with_own: bool = False
) -> list[RbacRole]:
    """
    The roles of a workspace that a body names.

    Args:
        with_own: Whether one that is a user's alone counts: to be taken, never to be given.

    Raises:
        Refused: It names none, or one that is not there.
    """
    said = (await read_given(request)).data.get("roles")
    names = said.split(",") if isinstance(said, str) else said
    if not isinstance(names, list) or not names:
        raise refusals.schema_violation([(("roles",), "required field missing")])
    found = []
    for name in names:
        row = (
            await entities.find(entities.store, _ROLES, name.strip())
            if isinstance(name, str)
            else None
        )
        if not isinstance(row, RbacRole) or (is_own_role(row) and not with_own):
            raise refusals.say(400, f"role not found with name '{name}'")
        found.append(row)
    return found


def is_own_role(row: Row) -> bool:
    """Whether a role is one user's alone, made with them."""
    return isinstance(row, RbacRole) and row.is_default


def _show_rule(rule: RbacRoleEndpoint | RbacRoleEntity) -> Json:
    return {"actions": [*rule.actions], "negative": rule.negative}


def _by_place(rules: Iterable[RbacRoleEndpoint]) -> dict[str, dict[str, Json]]:
    found: dict[str, dict[str, Json]] = {}
    for rule in rules:
        place = rule.endpoint
        if place != EVERYTHING:
            place = f"/{rule.workspace}{rule.endpoint}"
        found.setdefault(rule.workspace, {})[place] = _show_rule(rule)
    return found


async def remove_user(entities: Entities, write: ConfigWrites, user: RbacUser) -> None:
    """Let a user go, and the role that is theirs alone: one that others have, too, stays."""
    for identity in await read_roles(write, user):
        role = await write.get("rbac_roles", identity)
        if role is not None and is_own_role(role) and await is_alone(write, role):
            await entities.remove(write, role)
    await entities.remove(write, user)


async def make_own_role(
    entities: Entities, write: ConfigWrites, user: RbacUser
) -> None:
    """A role that nobody else has; one of their name that is there already is left alone."""
    is_taken = await write.find("rbac_roles", {"name": user.name}) is not None
    name = f"{user.name}:{user.id}" if is_taken else user.name
    comment = f"Default user role generated for {user.name}"
    data = {"name": name, "is_default": True, "comment": comment}
    role = await entities.build(write, _ROLES, Given(data=data))
    await write.add(role)
    await join(entities, write, user, role)


async def is_alone(reads: ConfigReads, role: Row) -> bool:
    """Whether at most one user has a role."""
    return len(await read_all(reads, _MEMBERS.name, role=role.id or "")) <= 1


async def join(
    entities: Entities, write: ConfigWrites, user: RbacUser, role: Row
) -> None:
    """
    Let a user have a role.

    The link that an admin may register with is worth nothing then, where its maker has no say
    about the role: whoever has it must not become what the admin is now.
    """
    data = {"user": {"id": user.id}, "role": {"id": role.id}}
    await write.add(await entities.build(write, _MEMBERS, Given(data=data)))
    place, home = entities.workspace, write.within(DEFAULT_WORKSPACE)
    admin = await home.find("admins", {"rbac_user": user.id or ""})
    if not isinstance(admin, Admin) or admin.invitation is None:
        return
    if place == DEFAULT_WORKSPACE or admin.linked_by not in {None, place}:
        await home.put(admin.model_copy(update=NO_LINK))
