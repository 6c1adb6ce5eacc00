"""Small questions about rows that are asked where they are made, changed and shown."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from ostiary.model.access import Action
from ostiary.model.files import File, read_readers
from ostiary.model.gateway import Plugin, Route
from ostiary.model.kinds import Reference
from ostiary.model.row import Row
from ostiary.model.words import Problem
from ostiary.ports.config_store import ConfigReads, Wanted

# Of a service with more routes than this, none of the others is looked at.
_ROUTES_LOOKED_AT = 1000
_MANY = 1000


async def read_every(
    reads: ConfigReads, kind: str, where: Mapping[str, str]
) -> list[Row]:
    """Every row of a kind that refers as `where` says."""
    found: list[Row] = []
    after: str | None = ""
    while after is not None:
        page = await reads.page(Wanted(kind=kind, where=where), after=after, size=_MANY)
        found += page.rows
        after = page.after
    return found


async def judge_protocols(reads: ConfigReads, row: Plugin) -> list[Problem]:
    """A plugin must share a protocol with what it is bound to."""
    text = "must match the associated route's protocols"
    routes: tuple[Row, ...] = ()
    if row.route is not None:
        found = await reads.get("routes", row.route)
        routes = () if found is None else (found,)
    elif row.service is not None:
        text = "must match the protocols of at least one route pointing to this Plugin's service"
        wanted = Wanted(kind="routes", where={"service": row.service})
        routes = (await reads.page(wanted, size=_ROUTES_LOOKED_AT)).rows
    shared = (
        isinstance(route, Route) and set(route.protocols) & set(row.protocols)
        for route in routes
    )
    return [(("protocols",), text)] if routes and not any(shared) else []


def is_uuid(text: str) -> bool:
    """Whether a text is an id rather than a name."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def needed_action(reference: Reference) -> Action:
    """What must be allowed with a row to refer to it: what hangs on it changes what it does."""
    changes = reference.on_delete == "cascade" or reference.kind == "services"
    return "update" if changes else "read"


async def judge_readers(reads: ConfigReads, row: File) -> list[Problem]:
    """A file must not be for a role that is not there: nobody would read it, or somebody else."""
    named = read_readers(row.path, row.contents)
    missing = [
        name
        for name in named
        if await reads.find("developer_roles", {"name": name}) is None
    ]
    text = "readable_by names {}, and there is no such role: make it with /developers/roles"
    return [(("contents",), text.format(name)) for name in missing]
