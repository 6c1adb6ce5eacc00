"""
The portal's API about applications: theirs alone, and the services that they may ask for.

Spec: portal §1.6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from ostiary.portal.applications.acts import Acts, Json
from ostiary.portal.applications.offers import Offer, load_offers
from ostiary.portal.call import Call, Handler, Refused, say
from ostiary.portal.config import Portal
from ostiary.portal.people import Visitor
from ostiary.portal.places import base_of
from ostiary.portal.replies import add_fields
from ostiary.portal.site import client_ip
from ostiary.ports.admin_client import AdminReply

KEYS: Final = "kong-oauth2"
_OWN: Final = frozenset({"name", "description", "redirect_uri", "custom_id"})
_MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCall:
    """One request of a developer in good standing."""

    call: Call
    acts: Acts
    visitor: Visitor

    @property
    def app(self) -> str:
        """The id of the application that the path names."""
        return str(self.call.request.path_params["app"])

    @property
    def query(self) -> QueryParams:
        """What follows the path."""
        return self.call.request.query_params

    async def check_app(self) -> None:
        """
        Let go on with an application of this developer's.

        Raises:
            Refused: It is none.
        """
        if await self.acts.get(self.app) is None:
            raise say(404, "Not found")

    def check_keys(self) -> None:
        """
        Let go on where the portal gives out keys.

        Raises:
            Refused: It does not.
        """
        if self.call.portal.app_auth != KEYS:
            raise say(404, "Not found")

    async def offers(self) -> list[tuple[Offer, str | None]]:
        """The services that they may ask for, and where their specifications are shown."""
        portal = self.call.portal
        routes = await self.call.library.spec_routes(portal, self.visitor)
        reads = self.call.site.store.within(portal.id)
        found = await load_offers(reads, routes)
        return [(offer, routes.get(offer.document or "")) for offer in found]


def for_owner(work: Callable[[OwnCall], Awaitable[Response]]) -> Handler:
    """What is answered to developers in good standing alone."""

    async def handler(call: Call) -> Response:
        visitor = await call.developer()
        assert visitor.developer is not None
        acts = Acts(
            admin=call.site.admin,
            accounts=call.site.accounts,
            portal=call.portal,
            developer=visitor.developer,
            client_ip=client_ip(call.request),
        )
        response = await work(OwnCall(call=call, acts=acts, visitor=visitor))
        return add_fields(response, visitor.fields)

    return handler


def pass_on(reply: AdminReply) -> Response:
    """
    What the Admin API answered, as the portal's.

    Raises:
        Refused: It refused.
    """
    if reply.status == 204:
        return Response(status_code=204)
    if not reply.is_good:
        raise Refused(reply.status, reply.value)
    return JSONResponse(reply.value, status_code=reply.status)


def show_page(own: OwnCall, rows: Sequence[Json], path: str) -> Response:
    """Some of the rows, as `size` and `offset` say."""
    query = own.query
    size, offset = _read(query.get("size"), 100), _read(query.get("offset"), 0)
    shown = rows[offset : offset + max(size, 1)]
    ends = offset + len(shown)
    more: Json = {"next": None}
    if ends < len(rows):
        base = base_of(own.call.portal.name)
        more = {"next": f"{base}{path}?size={size}&offset={ends}", "offset": str(ends)}
    return JSONResponse({"data": [*shown], **more, "total": len(rows)})


def _read(text: str | None, usual: int) -> int:
    if text is None:
        return usual
    if not text.isascii() or not text.isdecimal() or int(text[:9]) > _MOST:
        raise say(400, "invalid offset")
    return int(text[:9])


def judge_given(portal: Portal, given: Mapping[str, Any], *, is_new: bool) -> Json:
    """
    What a developer may say of an application.

    Raises:
        Refused: Something else is said, or what the portal's way to call services needs is not.
    """
    fields = {name: "unknown field" for name in given if name not in _OWN}
    said = given.get("custom_id")
    if portal.app_auth == KEYS and said is not None:
        fields["custom_id"] = "this portal gives out keys: leave it out"
    if portal.makes_clients and said is not None:
        fields["custom_id"] = "this portal makes clients: leave it out"
    is_needed = portal.app_auth != KEYS and not portal.makes_clients
    if is_needed and not said and (is_new or "custom_id" in given):
        fields["custom_id"] = "required field missing"
    if fields:
        raise tell_wrong(fields)
    return dict(given)


def tell_wrong(fields: Mapping[str, str]) -> Refused:
    """What is wrong, at its fields."""
    body = {"code": 2, "name": "schema violation", "fields": dict(fields)}
    return Refused(400, body)


async def list_applications(own: OwnCall) -> Response:
    """`GET /applications`, with `include_instances`, and filters by any field."""
    query = own.query
    asked = [name for name in sorted(_OWN) if name in query]
    rows = [
        row
        for row in await own.acts.read()
        if all(row.get(name) == query[name] for name in asked)
    ]
    if query.get("sort_desc") in {"1", "true"}:
        rows.reverse()
    if query.get("include_instances") == "true":
        rows = [
            {**row, "application_instances": await own.acts.contracts(row["id"])}
            for row in rows
        ]
    return show_page(own, rows, "/applications")


async def create_application(own: OwnCall) -> Response:
    """`POST /applications`."""
    given = await own.call.read()
    body = judge_given(own.call.portal, given, is_new=True)
    return pass_on(await own.acts.call("POST", body=body))


async def show_application(own: OwnCall) -> Response:
    """`GET /applications/{application}`."""
    return pass_on(await own.acts.call("GET", own.app))


async def change_application(own: OwnCall) -> Response:
    """`PATCH /applications/{application}`."""
    given = await own.call.read()
    body = judge_given(own.call.portal, given, is_new=False)
    return pass_on(await own.acts.call("PATCH", own.app, body=body))


async def delete_application(own: OwnCall) -> Response:
    """`DELETE /applications/{application}`."""
    return pass_on(await own.acts.call("DELETE", own.app))


async def list_services(own: OwnCall) -> Response:
    """`GET /application_services`, with `app_id`, `name` and `status`."""
    query = own.query
    held: dict[str, Json] = {}
    if app := query.get("app_id"):
        if await own.acts.get(app) is None:
            raise say(404, "Not found")
        held = {row["service"]["id"]: row for row in await own.acts.contracts(app)}
    rows = []
    for offer, route in await own.offers():
        row = offer.show(route)
        if (instance := held.get(offer.service)) is not None:
            row["instance"] = {"id": instance["id"], "status": instance["status"]}
        rows.append(row)
    if (name := query.get("name")) is not None:
        rows = [row for row in rows if name.lower() in _words(row)]
    if (status := query.get("status")) is not None:
        rows = [r for r in rows if str(r.get("instance", {}).get("status")) == status]
    return show_page(own, rows, "/application_services")


def _words(row: Json) -> str:
    said = row["app_registration_config"]["display_name"]
    return f"{row['name']} {said}".lower()


async def list_contracts(own: OwnCall) -> Response:
    """`GET /applications/{application}/application_instances`."""
    await own.check_app()
    rows = await own.acts.contracts(own.app)
    return show_page(own, rows, f"/applications/{own.app}/application_instances")


async def ask_for_service(own: OwnCall) -> Response:
    """`POST /applications/{application}/application_instances`: for one that is offered."""
    given = await own.call.read()
    said = given.get("service")
    service = said.get("id") if isinstance(said, Mapping) else said
    if [*given] != ["service"] or not isinstance(service, str):
        raise tell_wrong({"service": "expected a record of an id, and nothing else"})
    if service not in {offer.service for offer, _ in await own.offers()}:
        raise tell_wrong({"service": "there is no such service"})
    return pass_on(await own.acts.ask(own.app, service))


def _below(method: str, what: str) -> Handler:
    """One row below an application, shown or let go."""

    async def work(own: OwnCall) -> Response:
        if what != _CONTRACTS:
            own.check_keys()
        key = str(own.call.request.path_params["key"])
        return pass_on(await own.acts.call(method, own.app, *what.split("/"), key))

    return for_owner(work)


async def list_keys(own: OwnCall) -> Response:
    """`GET /applications/{application}/credentials`: their beginnings."""
    own.check_keys()
    await own.check_app()
    rows = await own.acts.keys(own.app)
    return show_page(own, rows, f"/applications/{own.app}/credentials")


async def create_key(own: OwnCall) -> Response:
    """`POST /applications/{application}/credentials`: a key, or a client, in full this once."""
    if own.call.portal.makes_clients:
        return pass_on(await own.acts.make_client(own.app))
    own.check_keys()
    return pass_on(await own.acts.add_key(own.app))


_CONTRACTS: Final = "application_instances"
_KEY: Final = "credentials/key-auth"
ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/applications": {
        "GET": for_owner(list_applications),
        "POST": for_owner(create_application),
    },
    "/applications/{app}": {
        "GET": for_owner(show_application),
        "PATCH": for_owner(change_application),
        "DELETE": for_owner(delete_application),
    },
    "/application_services": {"GET": for_owner(list_services)},
    "/applications/{app}/application_instances": {
        "GET": for_owner(list_contracts),
        "POST": for_owner(ask_for_service),
    },
    "/applications/{app}/application_instances/{key}": {
        "GET": _below("GET", _CONTRACTS),
        "DELETE": _below("DELETE", _CONTRACTS),
    },
    "/applications/{app}/credentials": {
        "GET": for_owner(list_keys),
        "POST": for_owner(create_key),
    },
    "/applications/{app}/credentials/{key}": {
        "GET": _below("GET", _KEY),
        "DELETE": _below("DELETE", _KEY),
    },
}
