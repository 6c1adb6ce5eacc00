"""
What a row must not take from others.

A route not the requests of another workspace's; a credential not what a developer's is found by;
a consumer not who a developer is.

Spec: gateway §1.15 (`route_validation_strategy = smart`); decision 0049.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from typing import Final

from ostiary.admin import refusals
from ostiary.model.applications import digest_key
from ostiary.model.credentials import BasicAuth, JwtSecret, KeyAuth
from ostiary.model.developer_credentials import (
    BASIC_AUTH,
    JWT,
    KEY_AUTH,
    build_name,
)
from ostiary.model.fields import compile_pattern
from ostiary.model.gateway import Route
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE, workspace_of
from ostiary.ports.config_store import (
    ConfigReads,
    PrimaryKeyViolation,
    UniqueViolation,
    Wanted,
)

_MANY: Final = 1000
_SIGNS: Final = re.compile(r"[\\\[\](){}.*+?^$|]")


async def is_taken(reads: ConfigReads, row: Row) -> bool:
    """Whether a developer, or an application, has what a consumer's credential would be found by."""
    match row:
        case KeyAuth():
            name = build_name(KEY_AUTH, row.key)
            digest = {"digest": digest_key(row.key)}
            if await reads.find("application_keys", digest) is not None:
                return True
        case BasicAuth():
            name = build_name(BASIC_AUTH, row.username)
        case JwtSecret():
            name = build_name(JWT, row.key)
        case _:
            return False
    return await reads.find("developer_credentials", {"name": name}) is not None


async def refuse_taken(reads: ConfigReads, row: Row) -> None:
    """
    Let a credential be one's alone: of all consumers and developers.

    Raises:
        UniqueViolation: A developer has it; whose it is is not told.
    """
    if await is_taken(reads, row):
        field = "username" if isinstance(row, BasicAuth) else "key"
        said = row.username if isinstance(row, BasicAuth) else "in use"
        raise UniqueViolation("credentials", {field: said})


async def refuse_identity(reads: ConfigReads, identity: str) -> None:
    """
    Let an id be one's alone: of all consumers and developers, of every workspace.

    Else an admin of one workspace could keep a developer of another from passing: an id that two
    have opens nothing.

    Raises:
        PrimaryKeyViolation: A developer has it; whose it is is not told.
    """
    for workspace in await _list_workspaces(reads):
        if await reads.within(workspace).get("developers", identity) is not None:
            raise PrimaryKeyViolation("consumers", identity)


async def _list_workspaces(reads: ConfigReads) -> set[str]:
    found = {DEFAULT_WORKSPACE}
    async for row in _every(reads, "workspaces"):
        found.add(row.id or "")
    return found


async def refuse_collision(reads: ConfigReads, row: Route) -> None:
    """
    Compare a route with those of the other workspaces.

    Raises:
        Refused: Requests of one of them would be this one's.
    """
    for workspace in await _list_workspaces(reads) - {workspace_of(row)}:
        async for other in _every(reads.within(workspace), "routes"):
            if isinstance(other, Route) and collides(row, other):
                raise refusals.say(409, "API route collides with an existing API")


async def _every(reads: ConfigReads, kind: str) -> AsyncIterator[Row]:
    after: str | None = ""
    while after is not None:
        page = await reads.page(Wanted(kind=kind), after=after, size=_MANY)
        for row in page.rows:
            yield row
        after = page.after


def collides(new: Route, old: Route) -> bool:
    """Whether what the new one asks for is what the old one gets."""
    return (
        bool(set(new.protocols) & set(old.protocols))
        and _shares(new.methods, old.methods)
        and _shares(new.snis, old.snis)
        and _shares_headers(new, old)
        and _shares_hosts(new.hosts, old.hosts)
        and _shares_paths(new.paths, old.paths)
    )


def _shares(new: Iterable[str] | None, old: Iterable[str] | None) -> bool:
    if not old:
        return True
    return bool(set(new or ()) & set(old))


def _shares_headers(new: Route, old: Route) -> bool:
    mine = {name.lower(): values for name, values in (new.headers or {}).items()}
    return all(
        _shares(mine.get(name.lower()), values)
        for name, values in (old.headers or {}).items()
    )


def _shares_hosts(new: Iterable[str] | None, old: Iterable[str] | None) -> bool:
    if not old:
        return True
    return any(
        _is_host(_bare(mine), _bare(theirs)) for mine in new or () for theirs in old
    )


def _bare(host: str) -> str:
    """A host as it is compared: a port asks for more, but of the same requests."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()


def _is_host(mine: str, theirs: str) -> bool:
    """Whether there are hosts of theirs that are mine then: a whole name wins over a wildcard."""
    if mine == theirs:
        return True
    my_start, my_star, my_end = mine.partition("*")
    start, star, end = theirs.partition("*")
    if my_star and star:
        # `a.*` and `*.a` meet in `a.x.a`; two that begin alike, or end alike, in the longer one.
        return _begins(my_start, start) and _begins(my_end[::-1], end[::-1])
    return bool(star) and not my_star and _fits(mine, start, end)


def _fits(host: str, start: str, end: str) -> bool:
    is_longer = len(host) > len(start) + len(end)
    return host.startswith(start) and host.endswith(end) and is_longer


def _begins(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _shares_paths(new: Iterable[str] | None, old: Iterable[str] | None) -> bool:
    if not old:
        return True
    return any(_is_path(mine, theirs) for mine in new or () for theirs in old)


def _is_path(mine: str, theirs: str) -> bool:
    """
    Whether the requests of one path are another's.

    Of regexes only what they begin with is compared: what follows cannot be judged, and they come
    before every plain path.
    """
    if theirs in {mine, "/"}:
        return True
    if mine.startswith("~"):
        sign = "~" if theirs.startswith("~") else ""
        begin = _literal(mine[1:])
        other = _literal(theirs[1:]) if sign else theirs
        return _begins(begin, other)
    if theirs.startswith("~"):
        return compile_pattern(theirs[1:]).match(mine) is not None
    return mine.startswith(theirs)


def _literal(pattern: str) -> str:
    """The letters that everything begins with that a regex fits, as far as that is plain."""
    pattern = pattern.removeprefix("^")
    if "|" in pattern:
        return ""
    found = _SIGNS.split(pattern, maxsplit=1)[0]
    # What a sign behind it makes optional is no letter of every text.
    rest = pattern[len(found) :]
    return found[:-1] if rest[:1] in {"?", "*", "{"} else found
