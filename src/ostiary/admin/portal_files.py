"""
What is made with a workspace: its roles, and the files of its portal when that is switched on.

Spec: gateway §1.16; portal §1.4 (enabling copies once, with no later sync).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostiary.admin.autofill import Autofill
from ostiary.admin.bodies import Given
from ostiary.admin.developers import PortalDesk
from ostiary.admin.roles import WorkspaceRoles
from ostiary.admin.rows import read_every
from ostiary.admin.shapes import Json
from ostiary.model.files import File
from ostiary.model.kinds import PORTAL_KINDS
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE, Workspace
from ostiary.ports.config_store import ConfigReads, ConfigWrites, Wanted

_FILES = PORTAL_KINDS["files"]


@dataclass(frozen=True, slots=True)
class WorkspaceBeginnings:
    """What a workspace begins with."""

    roles: WorkspaceRoles
    desk: PortalDesk | None
    autofill: Autofill

    def take(self, given: Given) -> tuple[Given, object]:
        """Nothing is said of it."""
        return self.roles.take(given)

    def name(self, given: Given, name: str) -> Given:
        """A workspace is named by itself."""
        return self.roles.name(given, name)

    async def keep(self, write: ConfigWrites, row: Row, extra: object) -> None:
        """Make its roles, and once its files."""
        await self.roles.keep(write, row, extra)
        desk = self.desk
        if desk is None or not isinstance(row, Workspace) or not row.config.portal:
            return
        inside = write.within(row.id or "")
        if (await inside.page(Wanted(kind="files"), size=1)).rows:
            return
        for path, contents in await self._find_files(write, row, desk):
            await inside.add(self._build(row, path, contents))

    async def _find_files(
        self, write: ConfigWrites, row: Row, desk: PortalDesk
    ) -> Sequence[tuple[str, str]]:
        """Those of `default`, or the shipped ones."""
        if row.id != DEFAULT_WORKSPACE:
            home = write.within(DEFAULT_WORKSPACE)
            rows = await read_every(home, "files", {})
            found = [(r.path, r.contents) for r in rows if isinstance(r, File)]
            if found:
                return found
        return desk.default_files()

    def _build(self, row: Workspace, path: str, contents: str) -> File:
        data: Json = {"path": path, "contents": contents}
        self.autofill.complete(_FILES, data, data)
        place = None if row.id == DEFAULT_WORKSPACE else row.id
        return File.model_validate({**data, "ws_id": place})

    async def show(self, reads: ConfigReads, row: Row) -> Json:
        """They are shown by `/rbac/roles` and `/files`."""
        return await self.roles.show(reads, row)
