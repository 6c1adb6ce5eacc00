"""
`/applications`, and what is below a developer: applications, their contracts and their keys.

Keys are shown once, when they are made; what is kept of them opens nothing. A contract is judged
by the plugin of its service: without `application-registration` there is none.

Spec: portal §§1.5 (statuses), 1.7 (paths and shapes), 1.9, 3.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.access import read_all
from ostiary.admin.application_clients import (
    drop_client,
    forget_clients,
    make_client,
)
from ostiary.admin.application_keys import (
    KEYS,
    make_key,
    read_keys,
    read_ttl,
    show_key,
)
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.collections import allow
from ostiary.admin.developer_usage import answer_usage, read_since, read_usage
from ostiary.admin.entities import Entities
from ostiary.admin.known_rows import answer_known
from ostiary.admin.rows import is_uuid, read_every
from ostiary.admin.scope import is_by_portal, scoped
from ostiary.admin.service_contracts import (
    EVENTS,
    INSTANCES,
    REGISTRATION,
    ContractEvent,
    check_ending,
    find_registration,
    find_service,
    reopen_contracts,
    show_instance,
    was_refused,
)
from ostiary.admin.shapes import Json, show_row
from ostiary.model.applications import (
    CONTRACT_NAMES,
    Application,
    ApplicationInstance,
    ApplicationKey,
    may_follow,
)
from ostiary.model.kinds import EVERY_KIND, KINDS, Kind
from ostiary.model.portal import APPROVED, PENDING, Developer
from ostiary.model.row import Row
from ostiary.model.words import Problem
from ostiary.model.workspaces import Workspace
from ostiary.ports.app_clients import AppClients
from ostiary.ports.config_store import ConfigReads
from ostiary.ports.usage import UsageStore

MAX_APPLICATIONS: Final = 100
_DEVELOPERS: Final = EVERY_KIND["developers"]
_APPLICATIONS: Final = EVERY_KIND["applications"]
_SERVICES: Final = KINDS["services"]
_OURS: Final = frozenset({"consumer", "composite_id", "held", "pool_client"})
# Kong calls them by the plugin that they were made for; it is the same list.
_KEY_PLUGINS: Final = frozenset({"key-auth", "oauth2"})
_APP, _INSTANCE, _KEY = (
    "{applications}",
    "{application_instances}",
    "{application_keys}",
)
_OF_APP: Final = (
    "", "/usage", "/application_instances", f"/application_instances/{_INSTANCE}",
    "/credentials/key-auth", f"/credentials/key-auth/{_KEY}", "/credentials/user-pool",
)  # fmt: skip
PATHS: Final = (
    "/applications",
    *(f"/applications/{_APP}{rest}" for rest in _OF_APP),
    "/developers/{developers}/applications",
    *(f"/developers/{{developers}}/applications/{_APP}{rest}" for rest in _OF_APP),
    "/application_instances",
    "/services/{services}/application_instances",
)


class ApplicationDesk(Protocol):
    """Who tells people of contracts."""

    def is_on(self, workspace: Workspace) -> bool:
        """Whether the workspace has a portal."""
        ...

    async def tell_contract(
        self,
        event: ContractEvent,
        workspace: Workspace,
        developer: Developer,
        application: Application,
    ) -> object:
        """Send the mail that is due, if one is. Never raises for the mail's sake."""
        ...


def show_application(row: Application) -> Json:
    """An application as JSON; requests know it as the consumer of its own id."""
    shown = show_row(row, _APPLICATIONS)
    del shown["tags"]
    return {**shown, "consumer": {"id": row.id}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationEndpoints:
    """Everything about applications, wherever it is."""

    desk: ApplicationDesk
    usage: UsageStore | None = None
    clients: AppClients | None = None

    async def answer(self, request: Request, steps: Sequence[str]) -> Response:
        """
        Answer a request about applications.

        Raises:
            Refused: It cannot be done.
        """
        match [*steps]:
            case ["applications", *rest]:
                call = await self._call(request)
                return await call.answer(rest)
            case ["developers", key, "applications", *rest]:
                call = await self._call(request)
                developer = await call.find_developer(key)
                return await replace(call, developer=developer).answer(rest)
            case ["application_instances"]:
                call = await self._call(request)
                return await call.run({"GET": lambda: call.list_instances({})})
            case ["services", key, "application_instances"]:
                call = await self._call(request)
                return await call.run({"GET": lambda: call.list_of_service(key)})
        raise refusals.not_found()

    async def _call(self, request: Request) -> _Call:
        # Roles say who may by path, whatever they say of rows.
        entities = replace(scoped(request), rights=None)
        if not entities.writable:
            raise refusals.not_found()
        found = await entities.find(
            entities.store, KINDS["workspaces"], entities.workspace
        )
        assert isinstance(found, Workspace)
        return _Call(
            request=request,
            entities=entities,
            desk=self.desk,
            usage=self.usage,
            clients=self.clients,
            workspace=found,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One request about applications: of everybody, or of one developer."""

    request: Request
    entities: Entities
    desk: ApplicationDesk
    workspace: Workspace
    usage: UsageStore | None = None
    clients: AppClients | None = None
    developer: Developer | None = None

    @property
    def is_by_portal(self) -> bool:
        """Whether a developer asks, and no admin."""
        return is_by_portal(self.request)

    async def run(self, verbs: Mapping[str, Any]) -> Response:
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
        answer: Response = await handler()
        return answer

    async def answer(self, steps: Sequence[str]) -> Response:
        """What is below `applications`."""
        match [*steps]:
            case []:
                more = {} if self.developer is None else {"POST": self.create}
                return await self.run({"GET": self.list, **more})
            case [key, *rest]:
                return await _OneCall(call=self, key=key).answer(rest)
        raise refusals.not_found()

    async def find_developer(self, key: str) -> Developer:
        """
        A developer by id or address.

        Raises:
            Refused: There is none.
        """
        key = key if is_uuid(key) else key.lower()
        row = await self.entities.find(self.entities.store, _DEVELOPERS, key)
        if not isinstance(row, Developer):
            raise refusals.not_found()
        return row

    async def show_list(self, rows: Sequence[Row], shown: Sequence[Json]) -> Response:
        """A page of rows that are all known."""
        return answer_known(self.request, rows, shown)

    async def list(self) -> Response:
        """`GET /applications`, `GET /developers/{developer}/applications`."""
        reads = self.entities.store
        if self.developer is None:
            found = await read_all(reads, _APPLICATIONS.name)
        else:
            where = {"developer": self.developer.id or ""}
            found = await read_every(reads, _APPLICATIONS.name, where)
        rows = sorted(
            (row for row in found if isinstance(row, Application)),
            key=lambda row: (row.name, row.id or ""),
        )
        return await self.show_list(rows, [show_application(row) for row in rows])

    async def create(self) -> Response:
        """`POST /developers/{developer}/applications`."""
        assert self.developer is not None
        if not self.desk.is_on(self.workspace):
            raise refusals.say(400, "the portal of this workspace is off")
        given = without_ours(await read_given(self.request))
        mine = {"developer": self.developer.id or ""}
        data = {**given.data, "developer": {"id": self.developer.id}}
        async with self.entities.writing() as write:
            held = await read_every(write, _APPLICATIONS.name, mine)
            if len(held) >= MAX_APPLICATIONS:
                text = f"a developer has at most {MAX_APPLICATIONS} applications"
                raise refusals.say(400, text)
            row = await self.entities.add(
                write, _APPLICATIONS, Given(data=data, is_form=given.is_form)
            )
        assert isinstance(row, Application)
        return JSONResponse(show_application(row), status_code=201)

    async def list_of_service(self, key: str) -> Response:
        """`GET /services/{service}/application_instances`."""
        service = await self.entities.find(self.entities.store, _SERVICES, key)
        if service is None:
            raise refusals.not_found()
        return await self.list_instances({"service": service.id or ""})

    async def list_instances(self, where: Mapping[str, str]) -> Response:
        """Contracts, with `?status=`."""
        status = self.request.query_params.get("status")
        if status is not None and status not in {
            str(known) for known in CONTRACT_NAMES
        }:
            listed = ", ".join(f"{k} ({v})" for k, v in CONTRACT_NAMES.items())
            raise refusals.say(400, f"status must be one of {listed}")
        found = await read_every(self.entities.store, INSTANCES.name, where)
        rows = [
            row
            for row in found
            if isinstance(row, ApplicationInstance)
            and (status is None or row.status == int(status))
        ]
        rows.sort(key=lambda row: (row.created_at or 0, row.id or ""))
        return await self.show_list(rows, [show_instance(row) for row in rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneCall:
    """One request about one application, by id."""

    call: _Call
    key: str

    @property
    def _entities(self) -> Entities:
        return self.call.entities

    async def answer(self, steps: Sequence[str]) -> Response:
        """What is below an application."""
        run = self.call.run
        match [*steps]:
            case []:
                return await run(
                    {"GET": self.show, "PATCH": self.change, "DELETE": self.delete}
                )
            case ["application_instances"]:
                return await run({"GET": self.contracts, "POST": self.ask})
            case ["application_instances", key]:
                return await run(
                    {
                        "GET": lambda: self.show_contract(key),
                        "PATCH": lambda: self.decide(key),
                        "DELETE": lambda: self.remove(INSTANCES, key),
                    }
                )
            case ["credentials", "user-pool"]:
                return await run({"POST": self.make_client, "DELETE": self.drop_client})
            case ["usage"]:
                return await run({"GET": self.show_usage})
            case ["credentials", plugin] if plugin in _KEY_PLUGINS:
                return await run({"GET": self.keys, "POST": self.add_key})
            case ["credentials", plugin, key] if plugin in _KEY_PLUGINS:
                return await run(
                    {
                        "GET": lambda: self.show_one_key(key),
                        "PATCH": lambda: self.end_key(key),
                        "DELETE": lambda: self.remove(KEYS, key),
                    }
                )
        raise refusals.not_found()

    async def find(self, reads: ConfigReads) -> Application:
        """
        The application, if it is the developer's.

        Raises:
            Refused: It is not there, or another's.
        """
        row = await self._entities.find(reads, _APPLICATIONS, self.key)
        mine = self.call.developer
        if not isinstance(row, Application) or (
            mine is not None and row.developer != mine.id
        ):
            raise refusals.not_found()
        return row

    async def _find_below(self, reads: ConfigReads, kind: Kind, key: str) -> Row:
        application = await self.find(reads)
        row = await self._entities.find(reads, kind, key)
        if row is None or getattr(row, "application", None) != application.id:
            raise refusals.not_found()
        return row

    async def show(self) -> Response:
        """`GET …/{application}`."""
        return JSONResponse(show_application(await self.find(self._entities.store)))

    async def change(self) -> Response:
        """`PATCH …/{application}`: whatever it says of itself, but not whose it is."""
        given = without_ours(await read_given(self.call.request))
        data = {k: v for k, v in given.data.items() if k != "developer"}
        async with self._entities.writing() as write:
            before = await self.find(write)
            row = await self._entities.change(
                write, _APPLICATIONS, Given(data=data, is_form=given.is_form), before
            )
            assert isinstance(row, Application)
            is_other = row.custom_id != before.custom_id
            is_left = before.pool_client and is_other
            if is_other and self.call.is_by_portal:
                # What was approved was the client that it was approved with.
                await reopen_contracts(write, row)
            if is_left:
                # Another client's id is not one that we have made.
                row = row.model_copy(update={"pool_client": False})
                await write.put(row)
        if is_left:
            await forget_clients(self.call.clients, [before])
        return JSONResponse(show_application(row))

    async def delete(self) -> Response:
        """`DELETE …/{application}`, with its contracts and keys."""
        async with self._entities.writing() as write:
            row = await self.find(write)
            await self._entities.remove(write, row)
        await forget_clients(self.call.clients, [row])
        return Response(status_code=204)

    async def remove(self, kind: Kind, key: str) -> Response:
        """`DELETE …/{application_instance}`, `DELETE …/{key}`."""
        async with self._entities.writing() as write:
            row = await self._find_below(write, kind, key)
            if isinstance(row, ApplicationInstance) and self.call.is_by_portal:
                check_ending(row)
            await self._entities.remove(write, row)
        return Response(status_code=204)

    async def show_usage(self) -> Response:
        """`GET …/usage`: requests by day and service, of the last `days`."""
        since = read_since(self.call.request, self._entities.autofill.now())
        application = await self.find(self._entities.store)
        mine = (application.id or "",)
        return answer_usage(await read_usage(self.call.usage, mine, since=since))

    # Contracts.

    async def contracts(self) -> Response:
        """`GET …/application_instances`, with `?status=`."""
        application = await self.find(self._entities.store)
        return await self.call.list_instances({"application": application.id or ""})

    async def show_contract(self, key: str) -> Response:
        """`GET …/application_instances/{application_instance}`."""
        row = await self._find_below(self._entities.store, INSTANCES, key)
        assert isinstance(row, ApplicationInstance)
        return JSONResponse(show_instance(row))

    async def ask(self) -> Response:
        """`POST …/application_instances`: ask for a contract with a service that takes applications."""
        given = without_ours(await read_given(self.call.request))
        async with self._entities.writing() as write:
            application = await self.find(write)
            owner = await write.get(_DEVELOPERS.name, application.developer)
            assert isinstance(owner, Developer)
            service = await find_service(
                self._entities, write, given.data.get("service")
            )
            plugin = await find_registration(write, service.id or "")
            if plugin is None:
                text = f"the service takes no applications: it needs the plugin {REGISTRATION}"
                raise refusals.schema_violation([(("service",), text)])
            is_free = plugin.config.get("auto_approve") and not await was_refused(
                write, application.developer, service.id or ""
            )
            usual = APPROVED if is_free else PENDING
            said = given.data.get("status")
            data = {
                **given.data,
                "application": {"id": application.id},
                "service": {"id": service.id},
                "status": usual if said is None else said,
                "held": owner.status != APPROVED,
            }
            row = await self._entities.add(
                write, INSTANCES, Given(data=data, is_form=given.is_form)
            )
        assert isinstance(row, ApplicationInstance)
        if row.status == PENDING:
            await self._tell("application-service-requested", owner, application)
        await self._tell(EVENTS[row.status], owner, application)
        return JSONResponse(show_instance(row), status_code=201)

    async def decide(self, key: str) -> Response:
        """`PATCH …/application_instances/{…}`: approve, reject, revoke, suspend."""
        given = without_ours(await read_given(self.call.request))
        kept = {k: v for k, v in given.data.items() if k in {"status", "suspended"}}
        wrong: list[Problem] = [
            ((name,), "cannot be changed") for name in given.data if name not in kept
        ]
        if wrong:
            raise refusals.schema_violation(wrong)
        async with self._entities.writing() as write:
            before = await self._find_below(write, INSTANCES, key)
            application = await self.find(write)
            row = await self._entities.build(
                write,
                INSTANCES,
                Given(data=kept, is_form=given.is_form),
                before=before,
            )
            assert isinstance(row, ApplicationInstance)
            assert isinstance(before, ApplicationInstance)
            if not may_follow(before.status, row.status):
                old, new = CONTRACT_NAMES[before.status], CONTRACT_NAMES[row.status]
                text = f"cannot change from {old} to {new}"
                raise refusals.schema_violation([(("status",), text)])
            owner = await write.get(_DEVELOPERS.name, application.developer)
            await write.put(row)
        if row.status != before.status and isinstance(owner, Developer):
            await self._tell(EVENTS[row.status], owner, application)
        return JSONResponse(show_instance(row))

    async def _tell(
        self, event: ContractEvent, owner: Developer, application: Application
    ) -> None:
        await self.call.desk.tell_contract(
            event, self.call.workspace, owner, application
        )

    # Clients in the user pool.

    async def make_client(self) -> Response:
        """`POST …/credentials/user-pool`: a client of its own, in place of the one before."""
        body = await make_client(self.call.clients, self._entities, self.find)
        return JSONResponse(body, status_code=201)

    async def drop_client(self) -> Response:
        """`DELETE …/credentials/user-pool`: its tokens pass no more."""
        await drop_client(self.call.clients, self._entities, self.find)
        return Response(status_code=204)

    # Keys.

    async def keys(self) -> Response:
        """`GET …/credentials/key-auth`."""
        store = self._entities.store
        rows = await read_keys(store, await self.find(store))
        return await self.call.show_list(rows, [show_key(row) for row in rows])

    async def show_one_key(self, key: str) -> Response:
        """`GET …/credentials/key-auth/{key}`."""
        row = await self._find_below(self._entities.store, KEYS, key)
        assert isinstance(row, ApplicationKey)
        return JSONResponse(show_key(row))

    async def add_key(self) -> Response:
        """`POST …/credentials/key-auth`: a new key, shown in full this once; `ttl` in seconds."""
        ttl = read_ttl(await read_given(self.call.request))
        async with self._entities.writing() as write:
            application = await self.find(write)
            row, key = await make_key(self._entities, write, application, ttl)
        return JSONResponse(show_key(row, key), status_code=201)

    async def end_key(self, key: str) -> Response:
        """`PATCH …/credentials/key-auth/{key}`: let it end in `ttl` seconds; never later than it does."""
        ttl = read_ttl(await read_given(self.call.request))
        if ttl is None:
            raise refusals.schema_violation([(("ttl",), "required field missing")])
        async with self._entities.writing() as write:
            row = await self._find_below(write, KEYS, key)
            assert isinstance(row, ApplicationKey)
            ends = int(self._entities.autofill.now()) + ttl
            if row.expires_at is None or ends < row.expires_at:
                row = row.model_copy(update={"expires_at": ends})
                await write.put(row)
        return JSONResponse(show_key(row))


def without_ours(given: Given) -> Given:
    """Without what follows from the rest; tools send back what they were shown."""
    data = {k: v for k, v in given.data.items() if k not in _OURS}
    return Given(data=data, is_form=given.is_form)
