"""
`/groups`: what the provider calls groups, and the roles that whoever is in one has.

Spec: portal §2.7, §4.1 (Teams: map groups).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.access import read_all
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.collections import Collections, allow
from ostiary.admin.entities import Entities
from ostiary.admin.paging import build_list, read_asked
from ostiary.admin.rbac import is_own_role
from ostiary.admin.scope import scoped, shown_path
from ostiary.admin.shapes import Json, show_row
from ostiary.model.access import RbacRole
from ostiary.model.admins import Group, GroupRole
from ostiary.model.kinds import EVERY_KIND, KINDS
from ostiary.model.words import Problem
from ostiary.model.workspaces import DEFAULT_NAME, DEFAULT_WORKSPACE, Workspace
from ostiary.ports.config_store import ConfigReads

_GROUPS: Final = EVERY_KIND["groups"]
_LINKS: Final = EVERY_KIND["group_roles"]
_ROLES: Final = EVERY_KIND["rbac_roles"]
_WORKSPACES: Final = KINDS["workspaces"]
PATHS: Final = ("/groups", "/groups/{groups}", "/groups/{groups}/roles")

Verbs = Mapping[str, Callable[[], Awaitable[Response]]]


@dataclass(frozen=True, slots=True)
class OperatorGroups:
    """Everything below `/groups`, whose rows are all of `default`."""

    async def answer(self, request: Request, steps: Sequence[str]) -> Response:
        """
        Answer a request about groups.

        Raises:
            Refused: It cannot be done.
        """
        entities = scoped(request)
        if not entities.writable:
            raise refusals.not_found()
        call = _Call(request, entities.within(DEFAULT_WORKSPACE))
        match [*steps]:
            case []:
                return await call.run({"GET": call.list, "POST": call.create})
            case [key]:
                one = _OneCall(call, key)
                return await call.run(
                    {"GET": one.show, "PATCH": one.change, "DELETE": one.delete}
                )
            case [key, "roles"]:
                one = _OneCall(call, key)
                return await call.run(
                    {"GET": one.roles, "POST": one.give, "DELETE": one.take}
                )
        raise refusals.not_found()


class _Call:
    """One request about groups."""

    def __init__(self, request: Request, entities: Entities) -> None:
        self.request = request
        self.entities = entities

    async def run(self, verbs: Verbs) -> Response:
        """
        Answer by the verb.

        Raises:
            Refused: The path does not know it, or what it does cannot be done.
        """
        method = "GET" if self.request.method == "HEAD" else self.request.method
        if method == "OPTIONS":
            return allow(tuple(verbs))
        if method not in verbs:
            raise refusals.not_allowed(verbs)
        return await verbs[method]()

    async def list(self) -> Response:
        """`GET /groups`."""
        query = dict(self.request.query_params)
        rows = await read_all(self.entities.store, _GROUPS.name)
        path = shown_path(self.request)
        return await Collections(entities=self.entities).list_some(
            _GROUPS, rows, read_asked(query), path=path, query=query
        )

    async def create(self) -> Response:
        """`POST /groups`."""
        given = await read_given(self.request)
        row = await self.entities.create(_GROUPS, given)
        shown = await self.entities.show(_GROUPS, row)
        return JSONResponse(shown, status_code=201)


class _OneCall:
    """One request about one group, by id or name."""

    def __init__(self, call: _Call, key: str) -> None:
        self._request = call.request
        self._entities = call.entities
        self._key = key

    async def _find(self, reads: ConfigReads) -> Group:
        row = await self._entities.find(reads, _GROUPS, self._key)
        if not isinstance(row, Group):
            raise refusals.not_found()
        return row

    async def show(self) -> Response:
        """`GET /groups/{group}`."""
        row = await self._find(self._entities.store)
        return JSONResponse(await self._entities.show(_GROUPS, row))

    async def change(self) -> Response:
        """`PATCH /groups/{group}`."""
        given = await read_given(self._request)
        row = await self._entities.update(_GROUPS, self._key, given)
        return JSONResponse(await self._entities.show(_GROUPS, row))

    async def delete(self) -> Response:
        """`DELETE /groups/{group}`: who is in it has its roles until they sign in again."""
        await self._entities.delete(_GROUPS, self._key)
        return Response(status_code=204)

    async def roles(self) -> Response:
        """`GET /groups/{group}/roles`."""
        group = await self._find(self._entities.store)
        store = self._entities.store
        shown = []
        for link in await read_all(store, _LINKS.name, group=group.id or ""):
            assert isinstance(link, GroupRole)
            place = link.workspace or DEFAULT_WORKSPACE
            role = await store.within(place).get("rbac_roles", link.role)
            workspace = await self._entities.find(store, _WORKSPACES, place)
            if isinstance(role, RbacRole) and isinstance(workspace, Workspace):
                shown.append(_show(group, role, workspace))
        path = shown_path(self._request)
        query = dict(self._request.query_params)
        return JSONResponse(build_list(shown, after=None, path=path, query=query))

    async def give(self) -> Response:
        """`POST /groups/{group}/roles`: whoever is in it has the role from their next sign-in on."""
        group = await self._find(self._entities.store)
        role, workspace = await self._read_role()
        is_default = workspace.id == DEFAULT_WORKSPACE
        data = {
            "group": {"id": group.id},
            "role": {"id": role.id},
            "workspace": None if is_default else {"id": workspace.id},
        }
        await self._entities.create(_LINKS, Given(data=data))
        return JSONResponse(_show(group, role, workspace), status_code=201)

    async def take(self) -> Response:
        """`DELETE /groups/{group}/roles`."""
        group = await self._find(self._entities.store)
        role, _ = await self._read_role()
        about = {"group": group.id or "", "role": role.id or ""}
        async with self._entities.writing() as write:
            link = await write.find(_LINKS.name, about)
            if link is None:
                raise refusals.not_found()
            await self._entities.remove(write, link)
        return Response(status_code=204)

    async def _read_role(self) -> tuple[RbacRole, Workspace]:
        """The role that a body means: its id or name, and its workspace. Raises Refused."""
        said = (await read_given(self._request)).data
        place = said.get("workspace_id", DEFAULT_NAME)
        name = said.get("rbac_role_id")
        problems: list[Problem] = []
        store = self._entities.store
        workspace = (
            await self._entities.find(store, _WORKSPACES, place)
            if isinstance(place, str)
            else None
        )
        if not isinstance(workspace, Workspace):
            problems.append((("workspace_id",), "no such workspace"))
        if not isinstance(name, str):
            problems.append((("rbac_role_id",), "required field missing"))
        if problems or not isinstance(workspace, Workspace):
            raise refusals.schema_violation(problems)
        inside = store.within(workspace.id or "")
        role = await self._entities.find(inside, _ROLES, str(name))
        if not isinstance(role, RbacRole) or is_own_role(role):
            text = f"no such role in the workspace {workspace.name}"
            raise refusals.schema_violation([(("rbac_role_id",), text)])
        return role, workspace


def _show(group: Group, role: RbacRole, workspace: Workspace) -> Json:
    return {
        "group": show_row(group, _GROUPS),
        "rbac_role": show_row(role, _ROLES),
        "workspace": {"id": workspace.id, "name": workspace.name},
    }
