"""
A route must not take the requests of another workspace's.

Spec: gateway §1.15 (`route_validation_strategy = smart`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Final

from ostiary.admin import refusals
from ostiary.model.fields import compile_pattern
from ostiary.model.gateway import Route
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE, workspace_of
from ostiary.ports.config_store import ConfigReads, Wanted

_MANY: Final = 1000


async def refuse_collision(reads: ConfigReads, row: Route) -> None:
    """
    Compare a route with those of the other workspaces.

    Raises:
        Refused: Requests of one of them would be this one's.
    """
    others = {DEFAULT_WORKSPACE}
    async for found in _every(reads, "workspaces"):
        others.add(found.id or "")
    for workspace in others - {workspace_of(row)}:
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
        _is_host(mine.lower(), theirs.lower()) for mine in new or () for theirs in old
    )


def _is_host(mine: str, theirs: str) -> bool:
    if mine == theirs or "*" in mine:
        return mine == theirs  # different wildcards are told apart
    start, star, end = theirs.partition("*")
    is_longer = len(mine) > len(theirs) - 1
    return bool(star) and mine.startswith(start) and mine.endswith(end) and is_longer


def _shares_paths(new: Iterable[str] | None, old: Iterable[str] | None) -> bool:
    if not old:
        return True
    return any(_is_path(mine, theirs) for mine in new or () for theirs in old)


def _is_path(mine: str, theirs: str) -> bool:
    if theirs in {mine, "/"}:
        return True
    if mine.startswith("~"):
        # Regexes come before plain paths: one that takes theirs takes their requests.
        is_plain = not theirs.startswith("~")
        return is_plain and compile_pattern(mine[1:]).match(theirs) is not None
    if theirs.startswith("~"):
        return compile_pattern(theirs[1:]).match(mine) is not None
    return mine.startswith(theirs)
