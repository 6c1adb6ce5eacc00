"""
`/admins`: who runs the gateway, by name, and what they may do in which workspace.

An admin is invited, and is let in by registering or by signing in at the provider. Whoever may
change one workspace alone changes nobody who has roles elsewhere: an address or a name is what
somebody signs in by.

Spec: portal §2.7 (paths and shapes), §1.5 (statuses).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.access import Users, read_all, require
from ostiary.admin.admin_roles import (
    ADMINS,
    check_names,
    find_user,
    list_places,
    make_admin,
    may_decide,
    read_held,
    read_places,
    set_roles,
)
from ostiary.admin.arrivals import Arrivals
from ostiary.admin.autofill import Bytes
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.collections import allow
from ostiary.admin.entities import Entities
from ostiary.admin.paging import build_list, read_asked
from ostiary.admin.rbac import find_named_roles, remove_user
from ostiary.admin.rows import is_uuid
from ostiary.admin.scope import scoped, shown_path
from ostiary.admin.shapes import Json, show_row
from ostiary.admin.tokens import build_hint, hash_token
from ostiary.model.admins import (
    ADMIN_STATUS_NAMES,
    APPROVED,
    INVITED,
    NO_LINK,
    NO_TOKEN,
    REJECTED,
    REVOKED,
    Admin,
)
from ostiary.model.kinds import EVERY_KIND, KINDS
from ostiary.model.portal import read_email
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.ports.admin_client import OPERATOR, Operator
from ostiary.ports.config_store import ConfigReads, ConfigWrites

_ROLES: Final = EVERY_KIND["rbac_roles"]
_WORKSPACES: Final = KINDS["workspaces"]
_HIDDEN: Final = frozenset(
    {
        "rbac_user",
        "invited_by",
        "invitation",
        "invited_until",
        "linked_by",
        "epoch",
        "tags",
    }
)
# What may be said of an admin.
_TAKEN: Final = frozenset({"username", "email", "custom_id", "rbac_token_enabled"})
# What an admin may be made of by others.
_TRANSITIONS: Final[Mapping[int, frozenset[int]]] = {
    INVITED: frozenset({APPROVED, REJECTED}),
    APPROVED: frozenset({REVOKED}),
    REVOKED: frozenset({APPROVED}),
    REJECTED: frozenset({APPROVED}),
}
_LINK_BYTES: Final = 32
_SALT_BYTES: Final = 16
# A token is asked for over the network, and its hash is slow.
_SHORTEST_TOKEN: Final = 16
_NO_PASSWORDS: Final = (
    "there are no passwords to reset: admins sign in at the provider or with RBAC tokens; make a new "
    "token with PATCH /rbac/users/{user}"
)
_AT_PROVIDER: Final = (
    "there is nothing to register: admins sign in at the provider (admin_gui_auth)"
)
_NONE_TO_CHOOSE: Final = (
    "this admin registers no token: see rbac_token_enabled of /admins"
)
_ONESELF: Final = (
    "this is you: nobody revokes or deletes themself; have another admin do it"
)
_BAD_LINK: Final = "the registration link is not good: it was used, is too old, or a newer one was made"
PATHS: Final = (
    "/admins", "/admins/password_resets", "/admins/register", "/admins/{admins}",
    "/admins/{admins}/roles", "/admins/{admins}/workspaces", "/auth",
)  # fmt: skip

Verbs = Mapping[str, Callable[[], Awaitable[Response]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminEndpoints:
    """
    Everything below `/admins`.

    With `at_provider` admins sign in there and register nowhere. `gui_url` is the Manager's; a
    registration link is good for `invitation_s`.
    """

    users: Users
    entropy: Bytes = field(repr=False)
    now: Callable[[], float]
    gui_url: str | None = None
    at_provider: bool = False
    invitation_s: int = 259200

    async def answer(self, request: Request, steps: Sequence[str]) -> Response:
        """
        Answer a request about admins.

        Raises:
            Refused: It cannot be done.
        """
        entities = scoped(request)
        if not entities.writable:
            raise refusals.not_found()
        call = _Call(request, entities, self)
        match [*steps]:
            case []:
                return await call.run({"GET": call.list, "POST": call.invite})
            case ["register"]:
                return await call.run({"POST": call.register})
            case ["password_resets"]:
                return await call.run({"POST": _no_reset, "PATCH": _no_reset})
            case ["arrivals"] if call.is_site:
                arrivals = Arrivals(entities.within(DEFAULT_WORKSPACE))
                return await call.run({"POST": lambda: arrivals.answer(request)})
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
            case [key, "workspaces"]:
                return await call.run({"GET": _OneCall(call, key).workspaces})
        raise refusals.not_found()


async def answer_auth(request: Request) -> Response:
    """`/auth`: whoever is known here may come and go; the audit log says that they did."""
    match request.method:
        case "GET" | "HEAD":
            return JSONResponse({})
        case "DELETE":
            return Response(status_code=204)
        case "OPTIONS":
            return allow(("GET", "DELETE"))
    raise refusals.not_allowed(("GET", "DELETE"))


async def _no_reset() -> Response:
    raise refusals.say(400, _NO_PASSWORDS)


def show_admin(row: Admin) -> Json:
    """An admin as JSON."""
    shown = show_row(row, ADMINS)
    return {name: value for name, value in shown.items() if name not in _HIDDEN}


class _Call:
    """One request about admins, from one workspace."""

    def __init__(
        self, request: Request, entities: Entities, endpoints: AdminEndpoints
    ) -> None:
        self.request = request
        self.here = entities
        self.home = entities.within(DEFAULT_WORKSPACE)
        self.endpoints = endpoints

    @property
    def is_home(self) -> bool:
        """Whether the request is of `default`, where all admins are known."""
        return self.here.workspace == DEFAULT_WORKSPACE

    @property
    def is_site(self) -> bool:
        """Whether the Manager asks for itself: nobody else could say who has signed in."""
        operator = self.request.scope.get(OPERATOR)
        return (
            isinstance(operator, Operator)
            and operator.site == "kong-manager"
            and operator.user is None
        )

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
        """`GET /admins`: those of the workspace; of `default` with `all_workspaces` everybody."""
        query = dict(self.request.query_params)
        asked = read_asked(query)
        rows = [
            row
            for row in await read_all(self.home.store, ADMINS.name)
            if isinstance(row, Admin)
        ]
        if not (self.is_home and query.get("all_workspaces") == "true"):
            store = self.home.store
            rows = [row for row in rows if await self.is_here(store, row)]
        rows.sort(key=lambda row: row.username)
        seen = asked.after[0] if asked.after else None
        start = next((n for n, row in enumerate(rows, 1) if row.id == seen), 0)
        page = rows[start : start + asked.size]
        more = start + asked.size < len(rows)
        found = build_list(
            [show_admin(row) for row in page],
            after=(page[-1].id or "",) if more else None,
            path=shown_path(self.request),
            query=query,
        )
        return JSONResponse(found)

    async def is_here(self, reads: ConfigReads, row: Admin) -> bool:
        """
        Whether an admin is one of the workspace's: by a role, or by its invitation until then.

        `default` has those without any role, too.
        """
        places = await read_places(reads, row)
        invited_by = row.invited_by or DEFAULT_WORKSPACE
        return self.here.workspace in (places or {DEFAULT_WORKSPACE, invited_by})

    async def invite(self) -> Response:
        """`POST /admins`: somebody may come."""
        given = _read_said(await read_given(self.request))
        if given.data.get("email") is None:
            problem = (("email",), "required field missing")
            raise refusals.schema_violation([problem])
        place = None if self.is_home else self.here.workspace
        data = {**given.data, "status": INVITED, "invited_by": place}
        async with self.home.writing() as write:
            row = await make_admin(
                self.home, write, Given(data=data, is_form=given.is_form), enabled=False
            )
        return JSONResponse({"admin": show_admin(row)})

    async def register(self) -> Response:
        """`POST /admins/register`: whoever was invited chooses the token that they sign in with."""
        if self.endpoints.at_provider:
            raise refusals.say(400, _AT_PROVIDER)
        said = (await read_given(self.request)).data
        link, name, token = (said.get(n) for n in ("token", "username", "password"))
        if not (isinstance(link, str) and isinstance(name, str)):
            raise refusals.say(400, _BAD_LINK)
        row = await self.home.store.find("admins", {"username": name})
        await self._check_link(row if isinstance(row, Admin) else None, link)
        kept = await self._hash(token)
        async with self.home.writing() as write:
            row = await write.find("admins", {"username": name})
            # Once more: somebody may have been quicker.
            found = row if isinstance(row, Admin) else None
            admin = await self._check_link(found, link, write)
            user = await find_user(write, admin)
            assert user is not None
            done = {"status": APPROVED, **NO_LINK}
            await write.put(admin.model_copy(update=done))
            await write.put(user.model_copy(update={"enabled": True, **kept}))
        return JSONResponse({}, status_code=201)

    async def _check_link(
        self, row: Admin | None, link: str, reads: ConfigReads | None = None
    ) -> Admin:
        """
        The invited admin whose link it is, where its maker may still decide about them.

        Raises:
            Refused: Nobody's, any more.
        """
        made = hash_link(link)
        kept = row.invitation if row is not None else None
        is_right = hmac.compare_digest(made, kept or "")
        if (
            row is None
            or not is_right
            or row.status != INVITED
            or not row.rbac_token_enabled
            or (row.invited_until or 0) <= self.endpoints.now()
            or not await may_decide(
                reads or self.home.store, row, row.linked_by or DEFAULT_WORKSPACE
            )
        ):
            raise refusals.say(400, _BAD_LINK)
        return row

    async def _hash(self, token: object) -> Json:
        """What is kept of a token that somebody chose. Raises Refused."""
        if (
            not isinstance(token, str)
            or len(token) < _SHORTEST_TOKEN
            or not (token.isascii() and token.isprintable())
        ):
            text = f"must have at least {_SHORTEST_TOKEN} printable ASCII characters"
            raise refusals.schema_violation([(("password",), text)])
        if await self.endpoints.users.find(token) is not None:
            raise refusals.schema_violation([(("password",), "choose another one")])
        salt = self.endpoints.entropy.bytes(_SALT_BYTES)
        made = await asyncio.to_thread(hash_token, token, salt)
        return {"user_token": made, "user_token_ident": build_hint(token)}


def _end_earlier(before: Admin, row: Admin) -> Admin:
    """A changed admin, whose links and sessions of before end where they are somebody else now."""
    update: Json = {}
    if (before.username, before.email) != (row.username, row.email):
        update = dict(NO_LINK)
    if update or before.status != row.status:
        update["epoch"] = row.epoch + 1
    return row.model_copy(update=update)


def hash_link(link: str) -> str:
    """What is kept of a registration link."""
    return hashlib.sha256(link.encode()).hexdigest()


def _read_said(given: Given) -> Given:
    """What is said of an admin, without what nobody says from outside."""
    strange = sorted({*given.data} - _TAKEN - {"id", "status"})
    if strange:
        problems = [((name,), "unknown field") for name in strange]
        raise refusals.schema_violation(problems)
    data = {k: v for k, v in given.data.items() if k in _TAKEN}
    if isinstance(data.get("username"), str):
        data["username"] = data["username"].strip()
    return Given(data=data, is_form=given.is_form)


class _OneCall:
    """One request about one admin: by id, name or address."""

    def __init__(self, call: _Call, key: str) -> None:
        self._call = call
        self._key = key
        self._home = call.home

    async def find_anywhere(self, reads: ConfigReads) -> Admin:
        """
        The admin of the path, whoever's.

        Raises:
            Refused: Nobody.
        """
        if is_uuid(self._key):
            row = await reads.get(ADMINS.name, self._key)
        else:
            row = await reads.find(ADMINS.name, {"username": self._key})
            email = read_email(self._key)
            if row is None and email is not None:
                row = await reads.find(ADMINS.name, {"email": email})
        if not isinstance(row, Admin):
            raise refusals.not_found()
        return row

    async def _find(self, reads: ConfigReads) -> Admin:
        """The admin, where they are one of the workspace's. Raises Refused."""
        row = await self.find_anywhere(reads)
        if not self._call.is_home and not await self._call.is_here(reads, row):
            raise refusals.not_found()
        return row

    async def _find_own(self, reads: ConfigReads) -> Admin:
        """
        The admin, where the workspace may decide about who they are.

        Raises:
            Refused: Nobody, or somebody of other workspaces, too.
        """
        row = await self._find(reads)
        if not await may_decide(reads, row, self._call.here.workspace):
            text = "this admin was invited by another workspace or may do something there: change them in default"
            raise refusals.say(403, text)
        return row

    async def show(self) -> Response:
        """`GET /admins/{admin}`, with `?generate_register_url=true` a link to register with."""
        request = self._call.request
        if request.query_params.get("generate_register_url") != "true":
            return JSONResponse(show_admin(await self._find(self._home.store)))
        # Whoever has the link becomes the admin: reading them is not enough.
        await require(request, ("admins", self._key), "update")
        endpoints = self._call.endpoints
        if endpoints.gui_url is None:
            raise refusals.say(400, "needs admin_gui_url: links lead to the Manager")
        base = endpoints.gui_url.rstrip("/")
        async with self._home.writing() as write:
            row = await self._find_own(write)
            if row.status != INVITED:
                raise refusals.say(400, "only who is invited (status 4) registers")
            if not (row.rbac_token_enabled or endpoints.at_provider):
                raise refusals.say(400, _NONE_TO_CHOOSE)
            if request.method == "HEAD":
                # A link that nobody sees; it would make the ones before it worth nothing.
                raise refusals.not_allowed(("GET", "PATCH", "DELETE"))
            if endpoints.at_provider:
                shown = {**show_admin(row), "register_url": f"{base}/auth/sign-in"}
                return JSONResponse(shown)
            link = endpoints.entropy.bytes(_LINK_BYTES).hex()
            until = int(endpoints.now()) + endpoints.invitation_s
            made = {
                "invitation": hash_link(link),
                "invited_until": until,
                "linked_by": None if self._call.is_home else self._call.here.workspace,
            }
            await write.put(row.model_copy(update=made))
        query_of_link = urlencode({"username": row.username, "token": link})
        url = f"{base}/auth/register?{query_of_link}"
        return JSONResponse({**show_admin(row), "register_url": url, "token": link})

    async def change(self) -> Response:
        """`PATCH /admins/{admin}`: another name, address or status; a token or none."""
        given = await read_given(self._call.request)
        said = _read_said(given)
        if "status" in given.data:
            data = {**said.data, "status": given.data["status"]}
            said = Given(data=data, is_form=given.is_form)
        async with self._home.writing() as write:
            before = await self._find_own(write)
            row = await self._home.build(write, ADMINS, said, before=before)
            assert isinstance(row, Admin)
            if row.status not in {
                before.status,
                *_TRANSITIONS.get(before.status, ()),
            }:
                old, new = (ADMIN_STATUS_NAMES[r.status] for r in (before, row))
                problem = (("status",), f"cannot change from {old} to {new}")
                raise refusals.schema_violation([problem])
            if row.status != before.status:
                self._check_other(row)
            await check_names(write, row)
            row = _end_earlier(before, row)
            await write.put(row)
            await self._change_user(write, before, row)
        return JSONResponse(show_admin(row))

    def _check_other(self, row: Admin) -> None:
        """
        See that nobody shuts themself out: there is always one left who may let others in.

        Raises:
            Refused: It is whoever asks.
        """
        user = getattr(self._call.request.state, "rbac_user", None)
        if user is not None and user.id == row.rbac_user:
            raise refusals.say(400, _ONESELF)

    async def _change_user(
        self, write: ConfigWrites, before: Admin, row: Admin
    ) -> None:
        """The RBAC user is called as the admin, and is enabled while the admin is."""
        user = await find_user(write, row)
        assert user is not None
        update: Json = {}
        if before.username != row.username:
            update["name"] = row.username
        if before.status != row.status:
            update["enabled"] = row.status == APPROVED
        if not row.rbac_token_enabled:
            update |= {"user_token": NO_TOKEN, "user_token_ident": None}
        if update:
            await write.put(user.model_copy(update=update))

    async def delete(self) -> Response:
        """`DELETE /admins/{admin}`: with their RBAC user, so that no session of theirs goes on."""
        async with self._home.writing() as write:
            row = await self._find_own(write)
            self._check_other(row)
            user = await find_user(write, row)
            assert user is not None
            await remove_user(self._home, write, user)
        return Response(status_code=204)

    async def roles(self) -> Response:
        """`GET /admins/{admin}/roles`: those of the workspace, or of all with `all_workspaces`."""
        row = await self._find(self._home.store)
        query = self._call.request.query_params
        places: Sequence[str] = (self._call.here.workspace,)
        if self._call.is_home and query.get("all_workspaces") == "true":
            places = await list_places(self._home.store)
        return JSONResponse({"roles": await self._show_roles(row, places)})

    async def _show_roles(self, row: Admin, places: Sequence[str]) -> list[Json]:
        store = self._home.store
        shown = []
        for place in places:
            for held in (await read_held(store, row, place)).values():
                one = await self._home.show(_ROLES, held.role)
                shown.append({**one, "ws_id": place})
        return shown

    async def give(self) -> Response:
        """`POST /admins/{admin}/roles`: also to somebody who is no admin of the workspace yet."""
        named = await find_named_roles(self._call.here, self._call.request)
        async with self._home.writing() as write:
            row = await self.find_anywhere(write)
            here = self._call.here.workspace
            held = [h.role for h in (await read_held(write, row, here)).values()]
            await set_roles(self._home, write, row, {here: [*held, *named]})
        return JSONResponse({"roles": await self._show_roles(row, (here,))}, 201)

    async def take(self) -> Response:
        """`DELETE /admins/{admin}/roles`."""
        named = await find_named_roles(
            self._call.here, self._call.request, with_own=True
        )
        gone = {role.id for role in named}
        async with self._home.writing() as write:
            row = await self._find(write)
            here = self._call.here.workspace
            held = (await read_held(write, row, here)).values()
            kept = [h.role for h in held if h.role.id not in gone]
            await set_roles(self._home, write, row, {here: kept})
        return Response(status_code=204)

    async def workspaces(self) -> Response:
        """`GET /admins/{admin}/workspaces`: where they have roles."""
        row = await self._find(self._home.store)
        places: Sequence[str] = (self._call.here.workspace,)
        if self._call.is_home:
            places = await read_places(self._home.store, row)
        store = self._home.store
        # Without the rights to single rows: the path has been judged.
        entities = replace(self._home, rights=None)
        found = [await entities.find(store, _WORKSPACES, place) for place in places]
        shown = [await entities.show(_WORKSPACES, row) for row in found if row]
        return JSONResponse(shown)
