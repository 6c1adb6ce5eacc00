"""
`/developers`: who registered at a workspace's portal, what became of it, and their roles.

A change is kept before anybody is told of it by mail; who cannot be told loses nothing.

Spec: portal §§1.5 (statuses), 1.7 (paths and shapes), 1.8 (mails).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.access import read_all
from ostiary.admin.application_clients import forget_clients, read_applications
from ostiary.admin.applications import ApplicationDesk
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.collections import allow
from ostiary.admin.credential_rows import hold_credentials
from ostiary.admin.developer_credentials import CredentialDesk
from ostiary.admin.developer_secrets import check_free, keep_secret, split_secrets
from ostiary.admin.entities import Entities
from ostiary.admin.paging import build_list, read_asked
from ostiary.admin.rows import is_uuid
from ostiary.admin.scope import is_by_portal, scoped, shown_path
from ostiary.admin.service_contracts import hold_contracts
from ostiary.admin.shapes import Json, show_row
from ostiary.model.kinds import EVERY_KIND, KINDS
from ostiary.model.portal import (
    APPROVED,
    PENDING,
    REJECTED,
    REVOKED,
    STATUS_NAMES,
    UNVERIFIED,
    Developer,
    DeveloperRole,
    Email,
    MetaField,
    judge_meta,
    may_become,
)
from ostiary.model.row import Row
from ostiary.model.words import Problem
from ostiary.model.workspaces import Workspace
from ostiary.ports.app_clients import AppClients
from ostiary.ports.config_store import ConfigReads, ConfigWrites

_DEVELOPERS: Final = EVERY_KIND["developers"]
_ROLES: Final = EVERY_KIND["developer_roles"]
_HIDDEN: Final = frozenset({"was_approved", "epoch", "tags"})
_MAX_INVITED: Final = 100
_EMAIL: Final = TypeAdapter(Email)
PATHS: Final = (
    "/developers", "/developers/export", "/developers/invite", "/developers/roles",
    "/developers/roles/{developer_roles}", "/developers/{developers}",
)  # fmt: skip

Event = Literal[
    "invite", "request-access", "approved-access", "developer-rejected", "developer-revoked",
    "account-verification", "account-verification-approved", "account-verification-pending",
]  # fmt: skip


class Told(Protocol):
    """Who was told by mail, and who was not and why; `mock` when mail is only logged."""

    @property
    def sent(self) -> tuple[str, ...]:
        """Addresses."""
        ...

    @property
    def failed(self) -> Mapping[str, str] | None:
        """Reasons by address."""
        ...

    @property
    def mock(self) -> bool:
        """Whether no mail is really sent."""
        ...


class PortalDesk(ApplicationDesk, CredentialDesk, Protocol):
    """What the portal says of workspaces and of developers."""

    def judge(self, workspace: Workspace) -> Sequence[Problem]:
        """What is wrong with a workspace's portal as it is configured."""
        ...

    def is_on(self, workspace: Workspace) -> bool:
        """Whether the workspace has a portal."""
        ...

    def default_files(self) -> Sequence[tuple[str, str]]:
        """Paths and contents of the files that a portal begins with."""
        ...

    def auto_approves(self, workspace: Workspace) -> bool:
        """Whether new developers need nobody's approval."""
        ...

    def meta_fields(self, workspace: Workspace) -> Sequence[MetaField]:
        """What developers tell of themselves."""
        ...

    async def secure(
        self, workspace: Workspace, typed: Mapping[str, object], email: str
    ) -> tuple[Mapping[str, str], Sequence[Problem]]:
        """What is kept of a password or key, by its name, or what is wrong with it."""
        ...

    async def tell(
        self,
        event: Event,
        workspace: Workspace,
        email: str,
        developer: Developer | None = None,
    ) -> Told:
        """Send the mail that is due, if one is. Never raises for the mail's sake."""
        ...


def show_developer(row: Developer) -> Json:
    """A developer as JSON."""
    shown = show_row(row, _DEVELOPERS)
    return {name: value for name, value in shown.items() if name not in _HIDDEN}


def _place(row: Developer) -> tuple[int, str]:
    """Where somebody stands in a list, whether or not those before them are still there."""
    return row.created_at or 0, row.email


def _read_after(said: Sequence[str], text: str) -> tuple[int, str] | None:
    """
    The place that a page begins after.

    Raises:
        Refused: It is none.
    """
    if not said:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", said[0]):
        raise refusals.invalid_offset(text, "bad json encoding")
    return int(said[0]), said[1]


def _show_role(row: DeveloperRole) -> Json:
    shown = {k: v for k, v in show_row(row, _ROLES).items() if k not in _HIDDEN}
    return {**shown, "permissions": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeveloperEndpoints:
    """Everything below `/developers`."""

    desk: PortalDesk
    clients: AppClients | None = None

    async def answer(self, request: Request, steps: Sequence[str]) -> Response:
        """
        Answer a request about developers.

        Raises:
            Refused: It cannot be done.
        """
        # Roles say who may by path, whatever they say of rows.
        entities = replace(scoped(request), rights=None)
        row = await entities.find(
            entities.store, KINDS["workspaces"], entities.workspace
        )
        assert isinstance(row, Workspace)
        call = _Call(request, entities, self.desk, row, self.clients)
        match [*steps]:
            case []:
                return await call.run({"GET": call.list, "POST": call.create})
            case ["export"]:
                return await call.run({"GET": call.export})
            case ["invite"]:
                return await call.run({"POST": call.invite})
            case ["roles"]:
                return await call.run({"GET": call.list_roles, "POST": call.add_role})
            case ["roles", key]:
                roles = _RoleCall(call, key)
                return await call.run(
                    {"GET": roles.show, "PATCH": roles.change, "DELETE": roles.delete}
                )
            case ["auth"] | [_, "auth"] if call.is_by_portal:
                return await call.run({"GET": _came, "DELETE": _went})
            case [key]:
                one = _OneCall(call, key)
                return await call.run(
                    {"GET": one.show, "PATCH": one.change, "DELETE": one.delete}
                )
        raise refusals.not_found()


async def _came() -> Response:
    """Somebody has signed in at the portal: there is nothing to do but to record it."""
    return JSONResponse({})


async def _went() -> Response:
    """Somebody has signed out."""
    return Response(status_code=204)


class _Call:
    """One request about the developers of one workspace."""

    def __init__(
        self,
        request: Request,
        entities: Entities,
        desk: PortalDesk,
        workspace: Workspace,
        clients: AppClients | None = None,
    ) -> None:
        self.clients = clients
        self.request = request
        self.entities = entities
        self.desk = desk
        self.workspace = workspace

    @property
    def is_by_portal(self) -> bool:
        """Whether the portal asks, for whoever is before it."""
        return is_by_portal(self.request)

    async def run(self, verbs: Mapping[str, object]) -> Response:
        """
        Answer by the verb.

        Raises:
            Refused: The path does not know it, or what it does cannot be done.
        """
        method = "GET" if self.request.method == "HEAD" else self.request.method
        if method == "OPTIONS":
            return allow(tuple(verbs))
        handler = verbs.get(method)
        if handler is None:
            raise refusals.not_allowed(verbs)
        assert callable(handler)
        answer: Response = await handler()
        return answer

    async def developers(self) -> list[Developer]:
        """Everybody, the newest last."""
        rows = await read_all(self.entities.store, _DEVELOPERS.name)
        found = [row for row in rows if isinstance(row, Developer)]
        return sorted(found, key=_place)

    async def list(self) -> Response:
        """`GET /developers`, with `?status=`."""
        query = dict(self.request.query_params)
        asked = read_asked(query, columns=2)
        after = _read_after(asked.after, query.get("offset", ""))
        rows = await self.developers()
        if (status := query.get("status")) is not None:
            if status not in {str(known) for known in STATUS_NAMES}:
                raise refusals.say(400, f"status must be one of {_list_statuses()}")
            rows = [row for row in rows if row.status == int(status)]
        left = [row for row in rows if after is None or _place(row) > after]
        page = left[: asked.size]
        more = len(left) > asked.size
        last = (str(page[-1].created_at or 0), page[-1].email) if more else None
        found = build_list(
            [show_developer(row) for row in page],
            after=last,
            path=shown_path(self.request),
            query=query,
        )
        return JSONResponse({**found, "total": len(rows)})

    async def create(self) -> Response:
        """`POST /developers`: somebody is registered, by an admin or by the portal."""
        if not self.desk.is_on(self.workspace):
            raise refusals.say(400, "the portal of this workspace is off")
        given, typed = split_secrets(_without_ours(await read_given(self.request)))
        status = given.data.get("status")
        if status is None:
            is_free = self.desk.auto_approves(self.workspace)
            status = APPROVED if is_free else PENDING
        data = {**given.data, "status": status}
        kept = await self.secure(typed, data.get("email"))
        async with self.entities.writing() as write:
            await check_free(write, kept)
            row = await self.build(write, Given(data=data, is_form=given.is_form))
            row = row.model_copy(update={"was_approved": row.status == APPROVED})
            await write.add(row)
            if kept:
                await keep_secret(write, row, kept)
        event = _WHEN_NEW.get(row.status)
        # The portal mails its links itself, whether somebody registers or registers again.
        if event is not None and not (row.status == UNVERIFIED and self.is_by_portal):
            await self.tell(event, row)
        return JSONResponse(show_developer(row))

    async def secure(
        self, typed: Mapping[str, object], email: object
    ) -> Mapping[str, str]:
        """
        What is kept of the password or key that is given. Before any write: it takes its time.

        Raises:
            Refused: It is not taken.
        """
        if not typed:
            return {}
        whose = email if isinstance(email, str) else ""
        kept, problems = await self.desk.secure(self.workspace, typed, whose)
        if problems:
            raise refusals.schema_violation([*problems])
        return kept

    async def build(
        self, write: ConfigWrites, given: Given, before: Developer | None = None
    ) -> Developer:
        """
        The developer that is meant.

        Raises:
            Refused: Something is wrong; everything that is wrong is told.
        """
        row = await self.entities.build(write, _DEVELOPERS, given, before=before)
        assert isinstance(row, Developer)
        problems: list[Problem] = []
        if before is None or before.meta != row.meta:
            fields = self.desk.meta_fields(self.workspace)
            problems += judge_meta(fields, row.read_meta())
        known = await read_role_names(write)
        problems += [
            (("roles", place), f"there is no role named {name}")
            for place, name in enumerate(row.roles)
            if name not in known
        ]
        if before is not None and not may_become(before.status, row.status):
            old, new = STATUS_NAMES[before.status], STATUS_NAMES[row.status]
            problems.append((("status",), f"cannot change from {old} to {new}"))
        if problems:
            raise refusals.schema_violation(problems)
        return row

    async def tell(self, event: Event, row: Developer) -> None:
        """Let whoever is concerned know, if a mail is due."""
        await self.desk.tell(event, self.workspace, row.email, row)

    async def export(self) -> Response:
        """`GET /developers/export`: addresses and statuses as CSV."""
        out = io.StringIO()
        lines = csv.writer(out, lineterminator="\n")
        out.write("Email, Status\n")
        for row in await self.developers():
            # What a spreadsheet takes for a formula is none with an apostrophe before it.
            mark = "'" if row.email[0] in "=+-@" else ""
            lines.writerow([f"{mark}{row.email}", STATUS_NAMES[row.status]])
        disposition = 'attachment; filename="developers.csv"'
        headers = {"Content-Disposition": disposition}
        return Response(out.getvalue(), media_type="text/csv", headers=headers)

    async def invite(self) -> Response:
        """`POST /developers/invite`: mails with the way to the portal's registration."""
        said = (await read_given(self.request)).data.get("emails")
        emails = [said] if isinstance(said, str) else said
        if not isinstance(emails, list) or not 1 <= len(emails) <= _MAX_INVITED:
            text = f"expected an array of 1 to {_MAX_INVITED} addresses"
            raise refusals.schema_violation([(("emails",), text)])
        addresses = dict.fromkeys(
            _read_email(email, place) for place, email in enumerate(emails)
        )
        sent: dict[str, bool] = {}
        failed: dict[str, str] = {}
        is_mock = False
        for email in addresses:
            told = await self.desk.tell("invite", self.workspace, email)
            sent |= dict.fromkeys(told.sent, True)
            failed |= told.failed or {}
            is_mock = told.mock
        return JSONResponse(
            {
                "sent": {"count": len(sent), "emails": sent},
                "error": {"count": len(failed), "emails": failed},
                "smtp_mock": is_mock,
            }
        )

    async def list_roles(self) -> Response:
        """`GET /developers/roles`."""
        query = dict(self.request.query_params)
        rows = await read_all(self.entities.store, _ROLES.name)
        shown = [_show_role(row) for row in rows if isinstance(row, DeveloperRole)]
        path = shown_path(self.request)
        return JSONResponse(build_list(shown, after=None, path=path, query=query))

    async def add_role(self) -> Response:
        """`POST /developers/roles`."""
        given = await read_given(self.request)
        row = await self.entities.create(_ROLES, given)
        assert isinstance(row, DeveloperRole)
        return JSONResponse(_show_role(row), status_code=201)


class _OneCall:
    """One request about one developer, by id or address."""

    def __init__(self, call: _Call, key: str) -> None:
        self._call = call
        self._key = key if is_uuid(key) else key.lower()

    async def _find(self, reads: ConfigReads) -> Developer:
        row = await self._call.entities.find(reads, _DEVELOPERS, self._key)
        if not isinstance(row, Developer):
            raise refusals.not_found()
        return row

    async def show(self) -> Response:
        """`GET /developers/{developer}`."""
        row = await self._find(self._call.entities.store)
        return JSONResponse(show_developer(row))

    async def change(self) -> Response:
        """`PATCH /developers/{developer}`: approve, reject, revoke, or say something else."""
        said = await read_given(self._call.request)
        # What the portal does for a mailed link is done once: to the developer that it knew.
        expected = said.data.get("epoch") if self._call.is_by_portal else None
        given, typed = split_secrets(_without_ours(said))
        kept: Mapping[str, str] = {}
        if typed:
            known = await self._find(self._call.entities.store)
            kept = await self._call.secure(typed, known.email)
        async with self._call.entities.writing() as write:
            before = await self._find(write)
            if expected is not None and expected != before.epoch:
                raise refusals.say(409, "the developer was changed meanwhile")
            await check_free(write, kept, before.id)
            row = await self._call.build(write, given, before)
            is_first = row.status == APPROVED and not before.was_approved
            update = {
                "was_approved": before.was_approved or is_first,
                "epoch": before.epoch + _ends_sessions(before, row, kept),
            }
            row = row.model_copy(update=update)
            await write.put(row)
            if row.status != before.status:
                await hold_contracts(write, row)
                await hold_credentials(write, row)
            if kept:
                await keep_secret(write, row, kept)
        for event in decide_events(before, row, by_portal=self._call.is_by_portal):
            await self._call.tell(event, row)
        return JSONResponse({"developer": show_developer(row)})

    async def delete(self) -> Response:
        """`DELETE /developers/{developer}`."""
        entities, rows = self._call.entities, []
        async with entities.writing() as write:
            row = await entities.find(write, _DEVELOPERS, self._key)
            if row is not None:
                rows = await read_applications(write, row.id or "")
                await entities.remove(write, row)
        await forget_clients(self._call.clients, rows)
        return Response(status_code=204)


# Of an admin's or a portal's new developer.
_WHEN_NEW: Final[Mapping[int, Event]] = {
    PENDING: "request-access",
    APPROVED: "approved-access",
    UNVERIFIED: "account-verification",
}
_WHEN_OUT: Final[Mapping[int, tuple[Event, ...]]] = {
    REJECTED: ("developer-rejected",),
    REVOKED: ("developer-revoked",),
}


def decide_events(
    before: Developer, after: Developer, *, by_portal: bool
) -> tuple[Event, ...]:
    """
    Which mails a change is worth.

    An approval is told once. Whoever has just proven their address through the portal is told so.

    Spec: portal §1.8.
    """
    if before.status == after.status:
        return ()
    has_proven = before.status == UNVERIFIED and by_portal
    if after.status == APPROVED and not before.was_approved:
        return ("account-verification-approved" if has_proven else "approved-access",)
    if after.status == PENDING:
        told: tuple[Event, ...] = ("account-verification-pending",)
        return (*(told if has_proven else ()), "request-access")
    return _WHEN_OUT.get(after.status, ())


def _ends_sessions(
    before: Developer, after: Developer, kept: Mapping[str, str]
) -> bool:
    """Whether a change ends the sessions that there are, and what was mailed before it."""
    is_out = before.status == APPROVED and after.status != APPROVED
    return bool(kept) or is_out or before.email != after.email


class _RoleCall:
    """One request about one role of developers, by id or name."""

    def __init__(self, call: _Call, key: str) -> None:
        self._call = call
        self._key = key

    async def _find(self, reads: ConfigReads) -> DeveloperRole:
        row = await self._call.entities.find(reads, _ROLES, self._key)
        if not isinstance(row, DeveloperRole):
            raise refusals.not_found()
        return row

    async def show(self) -> Response:
        """`GET /developers/roles/{role}`."""
        return JSONResponse(_show_role(await self._find(self._call.entities.store)))

    async def change(self) -> Response:
        """`PATCH /developers/roles/{role}`: another comment; the name is what files say."""
        given = await read_given(self._call.request)
        entities = self._call.entities
        async with entities.writing() as write:
            before = await self._find(write)
            row = await entities.build(write, _ROLES, given, before=before)
            assert isinstance(row, DeveloperRole)
            if row.name != before.name:
                problem: Problem = (("name",), "cannot be changed: make another role")
                raise refusals.schema_violation([problem])
            await write.put(row)
        return JSONResponse(_show_role(row))

    async def delete(self) -> Response:
        """`DELETE /developers/roles/{role}`: nobody has it any more."""
        entities = self._call.entities
        async with entities.writing() as write:
            row = await entities.find(write, _ROLES, self._key)
            if isinstance(row, DeveloperRole):
                for developer in await _holders(write, row.name):
                    roles = tuple(r for r in developer.roles if r != row.name)
                    await write.put(developer.model_copy(update={"roles": roles}))
                await entities.remove(write, row)
        return Response(status_code=204)


async def read_role_names(reads: ConfigReads) -> frozenset[str]:
    """The names of the developers' roles of a workspace."""
    rows = await read_all(reads, _ROLES.name)
    return frozenset(row.name for row in rows if isinstance(row, DeveloperRole))


async def _holders(reads: ConfigReads, role: str) -> list[Developer]:
    rows: Sequence[Row] = await read_all(reads, _DEVELOPERS.name)
    return [r for r in rows if isinstance(r, Developer) and role in r.roles]


def _without_ours(given: Given) -> Given:
    """Without what nobody sets from outside."""
    data = {k: v for k, v in given.data.items() if k not in {"was_approved", "epoch"}}
    return Given(data=data, is_form=given.is_form)


def _read_email(said: object, place: int) -> str:
    try:
        return _EMAIL.validate_python(said, strict=True)
    except ValidationError as error:
        problem: Problem = (("emails", place), "must be an e-mail address")
        raise refusals.schema_violation([problem]) from error


def _list_statuses() -> str:
    return ", ".join(f"{number} ({name})" for number, name in STATUS_NAMES.items())
