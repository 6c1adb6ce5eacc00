"""
The sites of workspaces, built when a file has changed and kept until one changes again.

Whoever writes files in this process says so by `forget`. What other nodes write is seen when the
files are read again, after some seconds. Building takes from milliseconds to seconds, so it is
done in a thread, and once for all who wait.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ostiary.model.files import File
from ostiary.model.workspaces import DEFAULT_WORKSPACE, Workspace
from ostiary.portal.content.search import SearchIndex, build_index
from ostiary.portal.content.site import Site, build_site
from ostiary.ports.clock import Clock
from ostiary.ports.config_store import ConfigReads, ConfigStore, Wanted

MAX_SITES: Final = 64
FRESH_S: Final = 5.0
_PAGE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltSite:
    """A site, and what searches it. `fingerprint` changes with what it was built of."""

    site: Site
    index: SearchIndex = field(repr=False)
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """When files were read: after how many changes, and at what Unix time in seconds."""

    changes: int
    at: float

    def holds(self, now: _Read) -> bool:
        return now.changes == self.changes and 0 <= now.at - self.at < FRESH_S


async def load_files(reads: ConfigReads) -> list[File]:
    """All files of the workspace that a store is about."""
    found: list[File] = []
    after: str | None = ""
    while after is not None:
        page = await reads.page(Wanted(kind="files"), after=after, size=_PAGE)
        found += [row for row in page.rows if isinstance(row, File)]
        after = page.after
    return found


def build_fingerprint(
    files: Iterable[File], *, has_auth: bool, base: str | None
) -> str:
    """What tells one set of files from another."""
    lines = sorted(f"{file.path}\x00{file.checksum}" for file in files)
    text = "\n".join([str(has_auth), str(base), *lines])
    return hashlib.sha256(text.encode()).hexdigest()


class BuiltSites:
    """The sites of a store's workspaces."""

    def __init__(self, store: ConfigStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._changes = 0
        self._known: dict[str, tuple[_Read, BuiltSite]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def forget(self) -> None:
        """Rows have been written: read the files again before they are shown."""
        self._changes += 1

    async def load(
        self, workspace: Workspace, *, has_auth: bool, base: str | None = None
    ) -> BuiltSite:
        """
        The site of a workspace as its files are now.

        Args:
            has_auth: Developers can sign in there.
            base: As of `build_site`.

        Raises:
            StoreUnavailable: The files cannot be read.
        """
        identity = workspace.id or DEFAULT_WORKSPACE
        async with self._locks.setdefault(identity, asyncio.Lock()):
            read = _Read(changes=self._changes, at=self._clock.now())
            known = self._known.get(identity)
            asked = (workspace.name, has_auth, base)
            if (
                known is not None
                and known[0].holds(read)
                and _was_asked(known[1], asked)
            ):
                return known[1]
            files = await load_files(self._store.within(identity))
            mark = build_fingerprint(files, has_auth=has_auth, base=base)
            if known is not None and known[1].fingerprint == mark:
                built = known[1]
            else:
                built = await asyncio.to_thread(_build, files, asked, mark)
            self._known.pop(identity, None)
            self._known[identity] = (read, built)
            while len(self._known) > MAX_SITES:
                gone = next(iter(self._known))
                del self._known[gone]
            return built


def _was_asked(built: BuiltSite, asked: tuple[str, bool, str | None]) -> bool:
    name, has_auth, base = asked
    site = built.site
    is_same_base = base is None or site.base == base
    return (site.workspace, site.has_auth) == (name, has_auth) and is_same_base


def _build(
    files: list[File], asked: tuple[str, bool, str | None], fingerprint: str
) -> BuiltSite:
    name, has_auth, base = asked
    site = build_site(files, workspace=name, has_auth=has_auth, base=base)
    return BuiltSite(site=site, index=build_index(site), fingerprint=fingerprint)
