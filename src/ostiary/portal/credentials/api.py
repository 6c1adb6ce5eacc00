"""
The portal's API about a developer's own credentials, and about how much they call.

Spec: portal §1.6.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from starlette.responses import JSONResponse, Response

from ostiary.portal.applications.acts import Json
from ostiary.portal.applications.api import (
    OwnCall,
    for_owner,
    pass_on,
    show_page,
)
from ostiary.portal.call import Handler, say
from ostiary.portal.credentials.acts import CredentialActs

_DAY_S: Final = 86400
_USUAL_DAYS: Final = 30
_MOST_DAYS: Final = 365
# Those that Kong knows; whichever is asked for, days are what is counted.
_INTERVALS: Final = frozenset(
    {"seconds", "minutes", "hours", "days", "weeks", "months"}
)
Work = Callable[[OwnCall, CredentialActs], Awaitable[Response]]


def _of_plugin(work: Work) -> Handler:
    """About credentials of a plugin that the portal gives out; others are not there."""

    async def handle(own: OwnCall) -> Response:
        plugin = str(own.call.request.path_params["plugin"])
        if plugin not in own.call.portal.credentials:
            raise say(404, "Not found")
        return await work(own, CredentialActs(acts=own.acts, plugin=plugin))

    return for_owner(handle)


def _key(own: OwnCall) -> str:
    return str(own.call.request.path_params["key"])


async def _read(own: OwnCall) -> Json:
    """What is given; a form's numbers are texts."""
    given = await own.call.read()
    said = given.get("ttl")
    if isinstance(said, str) and re.fullmatch(r"[0-9]{1,9}", said):
        given["ttl"] = int(said)
    return given


async def list_credentials(own: OwnCall, acts: CredentialActs) -> Response:
    """`GET /credentials/{plugin}`: without what is secret of them."""
    return show_page(own, await acts.read(), f"/credentials/{acts.plugin}")


async def create_credential(own: OwnCall, acts: CredentialActs) -> Response:
    """`POST /credentials/{plugin}`: what was generated is told this once."""
    reply = await acts.call("POST", body=await _read(own))
    response = pass_on(reply)
    # As Kong's portal says it, unlike the Admin API.
    response.status_code = 200
    return response


async def show_credential(own: OwnCall, acts: CredentialActs) -> Response:
    """`GET /credentials/{plugin}/{id}`."""
    return pass_on(await acts.call("GET", _key(own)))


async def change_credential(own: OwnCall, acts: CredentialActs) -> Response:
    """`PATCH /credentials/{plugin}/{id}`: another password, another public key, or an end."""
    body = await _read(own)
    return pass_on(await acts.call("PATCH", _key(own), body=body))


async def delete_credential(own: OwnCall, acts: CredentialActs) -> Response:
    """`DELETE /credentials/{plugin}/{id}`."""
    return pass_on(await acts.call("DELETE", _key(own)))


async def show_config(own: OwnCall) -> Response:
    """`GET /config`: which credentials a developer can have."""
    plugins = [*own.call.portal.credentials]
    return JSONResponse({"plugins": {"enabled_in_cluster": plugins}})


async def show_vitals(own: OwnCall) -> Response:
    """
    `GET /vitals/consumers/cluster`: requests of the developer's applications, by day.

    Credentials of their own are not counted. Timestamps are Unix seconds, of days in UTC.
    """
    query, now = own.query, int(own.call.site.clock.now())
    if query.get("interval", "days") not in _INTERVALS:
        raise say(400, f"interval must be one of {', '.join(sorted(_INTERVALS))}")
    today = now // _DAY_S
    first = today - _USUAL_DAYS + 1
    if (said := query.get("start_ts")) is not None:
        if not re.fullmatch(r"[0-9]{1,12}", said):
            raise say(400, "start_ts must be Unix seconds")
        first = max(int(said) // _DAY_S, today - _MOST_DAYS + 1)
    days = today - first + 1
    rows = [] if days < 1 else await own.acts.all_usage(days)
    stats = {
        str(_stamp(row["day"])): row["ok"] + row["refused"] + row["failed"]
        for row in rows
    }
    meta = {
        "level": "cluster",
        "entity_type": "consumer",
        "entity_id": own.acts.developer.id,
        "interval": "days",
        "interval_width": _DAY_S,
        "earliest_ts": first * _DAY_S,
        "latest_ts": now,
        "stat_labels": ["requests_consumer_total"],
    }
    return JSONResponse({"stats": {"cluster": stats}, "meta": meta})


def _stamp(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/config": {"GET": for_owner(show_config)},
    "/credentials/{plugin}": {
        "GET": _of_plugin(list_credentials),
        "POST": _of_plugin(create_credential),
    },
    "/credentials/{plugin}/{key}": {
        "GET": _of_plugin(show_credential),
        "PATCH": _of_plugin(change_credential),
        "DELETE": _of_plugin(delete_credential),
    },
    "/vitals/consumers/cluster": {"GET": for_owner(show_vitals)},
}
