"""
The configuration that is live, as control knows it: checked as workers will, then given to them.

What does not compile changes nothing. A small change costs little, however large the whole is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ostiary.gateway.changes import Key
from ostiary.gateway.check import check_plugin, describe_place
from ostiary.gateway.compile import (
    NOTHING,
    Compiled,
    Steps,
    Workshop,
    WorkspaceVaults,
    compile_changes,
    compile_lines,
    compile_step,
    finish,
)
from ostiary.gateway.vaults import Vaults, has_reference
from ostiary.kit import Catalog
from ostiary.model.entity import Entity
from ostiary.model.gateway import Plugin
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_NAME, DEFAULT_WORKSPACE
from ostiary.node.delivery import Base, Publisher
from ostiary.ports.shared import SharedUnavailable

SLICE_STEPS = 200
REBASE_S = 2.0
_LOG = logging.getLogger("ostiary.control")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is known of one plugin row: its checked config, and what its operator should know."""

    row: Plugin
    config: Entity = field(repr=False)
    warnings: tuple[str, ...] = ()


class LiveConfiguration:
    """
    Control's side of the configuration.

    `keep` writes a whole configuration where the next start finds it; `shown` is called after
    every change.
    """

    def __init__(
        self,
        publisher: Publisher,
        workshop: Workshop,
        *,
        keep: Callable[[Base], None],
        shown: Callable[[], None],
    ) -> None:
        self.publisher = publisher
        self.compiled: Compiled = NOTHING
        self.plugins: dict[str, Judged] = {}
        self._workshop = workshop
        self._keep = keep
        self._shown = shown
        self._rebasing: asyncio.Task[None] | None = None
        # What was accepted while the node socket was away is still to be told.
        self._is_owed = False

    @property
    def revision(self) -> str:
        """32 hex digits."""
        return self.compiled.snapshot.revision

    @property
    def rows(self) -> Mapping[Key, Row]:
        """The rows that requests are routed by."""
        return self.compiled.rows

    @property
    def warnings(self) -> tuple[str, ...]:
        """What operators should know, a sentence each."""
        return tuple(
            text for judged in self.plugins.values() for text in judged.warnings
        )

    def find_signing_in(self, place: str) -> frozenset[str]:
        """The ids of the plugins of a workspace that sign people in."""
        return frozenset(
            key
            for key, judged in self.plugins.items()
            if judged.row.name == "openid-connect"
            and (judged.row.ws_id or DEFAULT_WORKSPACE) == place
        )

    def find_vaults(self, workspace: str) -> Vaults:
        """The vaults of a workspace's name, as the gateway reads them; of one that is not there none."""
        names = self.compiled.snapshot.workspaces
        if workspace == DEFAULT_NAME:
            place = None
        else:
            found = [key for key, name in names.items() if name == workspace]
            if not found:
                return Vaults()
            place = found[0]
        return WorkspaceVaults(self.rows, names, self._workshop.environ).of(place)

    def take(self, base: Base) -> None:
        """
        Know a whole configuration that was live before.

        Raises:
            DeclarativeInvalid, ValueError: It does not compile.
        """
        steps = compile_lines(
            self.compiled, base.lines, self._workshop, revision=base.revision
        )
        self._accept(finish(steps))

    def base(self) -> Base:
        """All of it."""
        return Base(revision=self.revision, data=self.compiled.lines.dump())

    async def replace(self, lines: Iterable[bytes]) -> None:
        """
        Make a whole configuration live: checked, kept, given to every worker.

        Raises:
            DeclarativeInvalid, ValueError: It does not compile; nothing was changed.
            OSError: It cannot be kept; nothing was changed.
            SharedUnavailable: The node socket is away.
        """
        after, changes = self.compiled.lines.replace(lines)
        base = Base(revision=after.revision, data=after.dump())
        await self.publisher.offer(base)
        try:
            steps = compile_step(self.compiled, after, changes, self._workshop)
            compiled = finish(steps)
            self._keep(base)
        except BaseException:
            with contextlib.suppress(SharedUnavailable):
                await self.publisher.withdraw()
            raise
        self._accept(compiled)
        await self.publisher.rebase(base)
        await self.publisher.announce(changes)

    async def advance(self, puts: Sequence[bytes], gone: Sequence[Key]) -> None:
        """
        Make what has changed live.

        Raises:
            DeclarativeInvalid, ValueError: It does not compile; nothing was changed.
            SharedUnavailable: The node socket is away.
        """
        _, changes = self.compiled.lines.put(puts, gone)
        if changes.previous != changes.revision:
            steps = compile_changes(self.compiled, changes, self._workshop)
            self._accept(await _in_slices(steps))
            self._is_owed = True
        if not self._is_owed:
            return
        await self.publisher.tell(changes)
        self._is_owed = False
        if self.publisher.is_due(self.compiled.lines):
            await self._rebase()
        elif self._rebasing is None or self._rebasing.done():
            self._rebasing = asyncio.create_task(self._rebase_later(), name="rebase")

    async def close(self) -> None:
        """Keep what has not been kept yet."""
        if self._rebasing is not None and not self._rebasing.done():
            self._rebasing.cancel()
            await asyncio.gather(self._rebasing, return_exceptions=True)
        if self.publisher.has_log:
            await asyncio.to_thread(self._keep, self.base())

    async def _rebase_later(self) -> None:
        await asyncio.sleep(REBASE_S)
        await self._rebase()

    async def _rebase(self) -> None:
        base = self.base()
        await self.publisher.rebase(base)
        try:
            await asyncio.to_thread(self._keep, base)
        except OSError as error:
            _LOG.error("the configuration cannot be kept: %s", error.strerror)

    def _accept(self, compiled: Compiled) -> None:
        """Show what has been compiled."""
        before, self.compiled = self.compiled, compiled
        for key in before.handlers.keys() - compiled.handlers.keys():
            self.plugins.pop(key, None)
        for key, instance in compiled.handlers.items():
            if before.handlers.get(key) is not instance:
                self.plugins[key] = self._judge(instance.row, compiled.rows)
        self._shown()

    def _judge(self, row: Plugin, rows: Mapping[Key, Row]) -> Judged:
        catalog: Catalog = self._workshop.catalog
        config = check_plugin(row, catalog)
        place = describe_place(row, rows)
        missing: list[str] = []
        if has_reference(row.config):
            names = self.compiled.snapshot.workspaces
            vaults = WorkspaceVaults(rows, names, self._workshop.environ)
            missing = vaults.of(row.ws_id).unresolved(row.config)
        return Judged(
            row=row,
            config=config,
            warnings=tuple(
                f"{row.name} on {place}: {text}"
                for text in (
                    *catalog[row.name].warnings(config),
                    *(f"{r} leads nowhere" for r in missing),
                )
            ),
        )


async def _in_slices(steps: Steps) -> Compiled:
    """Take steps, and let others run between some of them."""
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            compiled: Compiled = end.value
            return compiled
        count += 1
        if count % SLICE_STEPS == 0:
            await asyncio.sleep(0)
