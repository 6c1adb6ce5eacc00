"""
The applications of a portal's developers: what asks for services, and what becomes of that.

Spec: portal §§1.5, 1.7, 4.1 (Dev Portal › Applications).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.forms import Sheet
from ostiary.manager.placing import flatten
from ostiary.manager.visit import Refused, Visit

Json = dict[str, Any]  # Any: JSON
PAGE: Final = "25"
_MANY: Final = "1000"
_DAYS: Final = "30"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a contract stands: its name on the page, its colour, and what can be made of it."""

    key: str
    label: str
    tone: str
    acts: tuple[tuple[int, str], ...]


STANDINGS: Final[Mapping[int, Standing]] = {
    1: Standing(key="requested", label="Requested access", tone="note", acts=((0, "Approve"), (2, "Reject"))),
    0: Standing(key="approved", label="Approved", tone="good", acts=((3, "Revoke"),)),
    3: Standing(key="revoked", label="Revoked", tone="bad", acts=((0, "Approve again"),)),
    2: Standing(key="rejected", label="Rejected", tone="bad", acts=((0, "Approve"),)),
}  # fmt: skip


async def _names(visit: Visit, kind: str, rows: Sequence[Json]) -> dict[str, str]:
    """What the rows that some refer to are called, by id; an id where that cannot be seen."""
    field = "name" if kind == "services" else "email"
    of = kind.removesuffix("s")
    found: dict[str, str] = {}
    for identity in dict.fromkeys(row[of]["id"] for row in rows):
        row = await visit.look(kind, identity)
        found[identity] = (row or {}).get(field) or identity
    return found


async def _show_list(visit: Visit, *, tab: str, **values: Any) -> Response:
    waiting = await visit.look("application_instances", status="1", size="1")
    return visit.show(
        "manager-applications.html", here="applications", tab=tab,
        waiting=0 if waiting is None else waiting["total"], **values,
    )  # fmt: skip


async def get_list(visit: Visit) -> Response:
    """Every application, by name."""
    offset = visit.query("offset")
    more = {"offset": offset} if offset else {}
    told = await visit.get("applications", size=PAGE, **more)
    rows = told["data"]
    return await _show_list(
        visit, tab="all", rows=rows,
        owners=await _names(visit, "developers", rows),
        next_url=visit.url("applications", offset=told["offset"]) if told.get("offset") else "",
        first_url=visit.url("applications") if offset else "",
    )  # fmt: skip


async def get_requested(visit: Visit) -> Response:
    """What waits for somebody to decide, the oldest first."""
    told = await visit.get("application_instances", status="1", size=PAGE)
    contracts = told["data"]
    apps: dict[str, Json] = {}
    for contract in contracts:
        identity = contract["application"]["id"]
        if identity not in apps:
            apps[identity] = await visit.get("applications", identity)
    return await _show_list(
        visit, tab="requested", contracts=contracts, apps=apps,
        owners=await _names(visit, "developers", [*apps.values()]),
        services=await _names(visit, "services", contracts), standing=STANDINGS[1],
        next_url="", first_url="",
    )  # fmt: skip


async def get_application(visit: Visit) -> Response:
    """One application: whose it is, its contracts, its keys, and how much it does."""
    return await _show(visit, Sheet())


async def _show(visit: Visit, sheet: Sheet, status: int = 200) -> Response:
    key = visit.param("id")
    row = await visit.get("applications", key)
    told = await visit.get("applications", key, "application_instances", size=_MANY)
    keys = await visit.get("applications", key, "credentials", "key-auth")
    usage = await visit.look("applications", key, "usage", days=_DAYS)
    contracts = told["data"]
    tabs = [
        (standing, [c for c in contracts if c["status"] == number])
        for number, standing in STANDINGS.items()
    ]
    return visit.show(
        "manager-application.html", status=status, here="applications", sheet=sheet,
        row=row, tabs=tabs, keys=keys["data"],
        usage=sum_usage([] if usage is None else usage["data"]),
        owner=(await _names(visit, "developers", [row]))[row["developer"]["id"]],
        services=await _names(visit, "services", contracts),
    )  # fmt: skip


def sum_usage(days: Sequence[Json]) -> dict[str, Json]:
    """Requests by service, of all days."""
    found: dict[str, Json] = {}
    for day in days:
        known = found.setdefault(
            day["service"]["id"], {"ok": 0, "refused": 0, "failed": 0}
        )
        for name in known:
            known[name] += day[name]
    return found


async def post_application(visit: Visit) -> Response:
    """Decide about a contract, let a key go, or delete all of it."""
    key, form = visit.param("id"), visit.form
    body: Json | None = None
    method = "PATCH"
    steps: tuple[str, ...] = ("application_instances", form.get("contract"))
    match form.get("go"):
        case "delete":
            method, steps, done = "DELETE", (), "application-deleted"
        case "delete-key":
            steps = ("credentials", "key-auth", form.get("key"))
            method, done = "DELETE", "key-deleted"
        case "delete-contract":
            method, done = "DELETE", "contract-deleted"
        case "hold" | "free" as what:
            body = {"suspended": what == "hold"}
            done = "contract-held" if what == "hold" else "contract-freed"
        case _:
            said = form.get("status")
            body = {"status": int(said) if said in {"0", "1", "2", "3"} else said}
            done = f"contract-{said}"
    reply = await visit.call(method, "applications", key, *steps, body=body)
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    if not reply.is_good:
        texts = [text for _, text in flatten(reply.fields)] or [reply.message]
        return await _show(visit, Sheet(errors={"": tuple(texts)}), 400)
    if form.get("back") == "requested":
        return visit.go("applications", "requested", done=done)
    if form.get("go") == "delete":
        return visit.go("applications", done=done)
    return visit.go("applications", key, done=done)
