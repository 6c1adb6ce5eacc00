"""
The configuration's database, opened by a command: read, compared, written in one transaction.

A node that runs on the same database notices by itself, within a second.

Spec: gateway §2.3 (`db_import`, `db_export`).
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ostiary.adapters.declarative import FileUnusable, parse_yaml
from ostiary.admin.roles import build_roles
from ostiary.cli.progress import show_progress
from ostiary.gateway.check import check_plugin, read_plugin_configs
from ostiary.kit import Catalog
from ostiary.model.certificates import CaCertificate
from ostiary.model.declarative import (
    DeclarativeInvalid,
    iterate_rows,
    read_declarative,
    read_scope,
)
from ostiary.model.gateway import Plugin
from ostiary.model.kinds import KINDS, OF_MODEL
from ostiary.model.matching import build_known
from ostiary.model.plan import Plan, apply_plan, build_plan, row_key
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE, Workspace, workspace_of
from ostiary.node.enabled import choose_plugins
from ostiary.node.secrets import open_secrets
from ostiary.node.stores import build_url, open_database
from ostiary.plugins import CATALOG
from ostiary.ports.config_store import (
    ConfigReads,
    ConfigStore,
    ConfigWrites,
    PrimaryKeyViolation,
    StillReferenced,
    UniqueViolation,
    Wanted,
)

if TYPE_CHECKING:
    from ostiary.settings import Settings

_PAGE: Final = 1000
_SLICE: Final = 2000
# Above so many changes nodes read everything anew anyway.
_MANY: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bringing:
    """A file's data, and how it is to be brought into the database of the settings."""

    settings: Settings
    data: object = field(repr=False)
    keeps_others: bool

    @property
    def catalog(self) -> Catalog:
        """The plugins that rows may name."""
        return choose_plugins(self.settings.plugins, CATALOG)


def read_file(path: Path) -> object:
    """
    The value of a declarative file, however large.

    Raises:
        FileUnusable: It cannot be read or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise FileUnusable(f"cannot read {path}: {reason}") from error
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_refuse_twice)
        except (ValueError, RecursionError):
            pass  # YAML in braces, or wrong: whoever reads YAML says where
    try:
        return parse_yaml(text, is_large=True)
    except FileUnusable as error:
        raise FileUnusable(f"{path}: {error}") from error


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: JSON
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _find_prefix(settings: Settings) -> Path:
    return Path(settings.prefix).absolute()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[ConfigStore]:
    """
    The store of the settings, its tables up to date.

    Raises:
        StoreUnavailable: It does not answer.
        SecretsUnsafe, OSError: The prefix cannot be used.
    """
    prefix = _find_prefix(settings)
    store = await open_database(settings, prefix, open_secrets(prefix).database_key)
    try:
        yield store
    finally:
        await store.close()


async def migrate(settings: Settings) -> tuple[str | None, str | None]:
    """
    Make the tables, or bring them up to date; the step before and after.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    from ostiary.adapters.sql.steps import fetch_step

    prefix = _find_prefix(settings)
    open_secrets(prefix)
    url, within_s = build_url(settings, prefix), settings.pg_timeout / 1000
    before = await fetch_step(url, within_s=within_s)
    async with opened(settings):
        return before, await fetch_step(url, within_s=within_s)


async def load_rows(settings: Settings) -> tuple[Row, ...]:
    """
    Every row of the database.

    Raises:
        StoreUnavailable: It does not answer.
    """
    async with opened(settings) as store:
        return (await store.load()).rows


async def _read_all(reads: ConfigReads) -> list[Row]:
    """Every row of every workspace, as a write sees them."""
    found = await _read_kind(reads, "workspaces")
    others = [row.id or "" for row in found if row.id != DEFAULT_WORKSPACE]
    for kind in KINDS.values():
        if kind.name == "workspaces":
            continue
        found += await _read_kind(reads, kind.name)
        for workspace in others if kind.in_workspace else ():
            found += await _read_kind(reads.within(workspace), kind.name)
    return found


async def _read_kind(reads: ConfigReads, kind: str) -> list[Row]:
    found: list[Row] = []
    after: str | None = ""
    while after is not None:
        page = await reads.page(Wanted(kind=kind), after=after, size=_PAGE)
        found += page.rows
        after = page.after
    return found


def plan_changes(bringing: Bringing, there: Sequence[Row]) -> Plan:
    """
    What a file changes of the rows that are there.

    Raises:
        DeclarativeInvalid: The file is wrong.
        PrimaryKeyViolation: A row of another workspace has the id of one.
    """
    known = build_known(there)
    config = read_declarative(bringing.data, known)
    scope = read_scope(bringing.data, known)
    catalog = bringing.catalog
    checked = read_plugin_configs(config, catalog)
    wanted = [
        row.model_copy(update={"config": checked[row.id or ""].model_dump(mode="json")})
        if isinstance(row, Plugin)
        else row
        for _, row in iterate_rows(config)
    ]
    _refuse_moves(there, wanted)
    if scope is not None:
        _refuse_shared(there, wanted, scope)
        there = _within(there, scope, wanted)
    return build_plan(
        _complete(there, catalog),
        wanted,
        now=int(time.time()),
        keeps_others=bringing.keeps_others,
    )


def _refuse_moves(there: Iterable[Row], wanted: Iterable[Row]) -> None:
    """
    A row stays in its workspace: whoever writes its id in another does not get it.

    Nor does a workspace get another name: what roles say of it, they say of its name.

    Raises:
        PrimaryKeyViolation: One would be moved or renamed.
    """
    known = {row_key(row): row for row in there}
    for row in wanted:
        before = known.get(row_key(row), row)
        is_renamed = (
            isinstance(row, Workspace)
            and isinstance(before, Workspace)
            and row.name != before.name
        )
        if is_renamed or workspace_of(before) != workspace_of(row):
            raise PrimaryKeyViolation(*row_key(row))


def _refuse_shared(there: Iterable[Row], wanted: Iterable[Row], scope: str) -> None:
    """
    What is everybody's is not changed by a file about one workspace, unless it is `default`.

    Raises:
        DeclarativeInvalid: It would be.
    """
    if scope == DEFAULT_WORKSPACE:
        return
    known = {row_key(row): row for row in there if isinstance(row, CaCertificate)}
    for row in wanted:
        before = known.get(row_key(row)) if isinstance(row, CaCertificate) else None
        if (
            isinstance(before, CaCertificate)
            and isinstance(row, CaCertificate)
            and before.cert != row.cert
        ):
            text = f"{row.id} is there for every workspace: change it with a file about default"
            raise DeclarativeInvalid(((("ca_certificates",), text),))


def _within(there: Sequence[Row], workspace: str, wanted: Iterable[Row]) -> list[Row]:
    """The rows that a file about one workspace is about, and those that it names."""
    named = {row_key(row) for row in wanted}
    return [
        row
        for row in there
        if row_key(row) in named
        or (OF_MODEL[type(row)].in_workspace and workspace_of(row) == workspace)
        or (workspace == DEFAULT_WORKSPACE and isinstance(row, CaCertificate))
    ]


def _complete(rows: Iterable[Row], catalog: Catalog) -> list[Row]:
    """Rows as they would be written today: a plugin may have more fields than it had."""
    found: list[Row] = []
    for row in rows:
        if isinstance(row, Plugin):
            try:
                config = check_plugin(row, catalog).model_dump(mode="json")
            except DeclarativeInvalid:
                found.append(row)  # of a plugin that is gone: as it is
            else:
                found.append(row.model_copy(update={"config": config}))
        else:
            found.append(row)
    return found


async def bring(bringing: Bringing) -> Plan:
    """
    Change the database as a file says, in one transaction; what was done.

    Raises:
        DeclarativeInvalid, UniqueViolation, ForeignKeyMissing: It cannot be; nothing was changed.
        StoreUnavailable: The database does not answer.
    """
    async with opened(bringing.settings) as store:
        try:
            return await _bring(bringing, store, may_replace=False)
        except (UniqueViolation, StillReferenced):
            # Rows that swap names, or leave others behind, are in one another's way one by one.
            return await _bring(bringing, store, may_replace=True)


async def _bring(bringing: Bringing, store: ConfigStore, *, may_replace: bool) -> Plan:
    async with store.writing() as write:
        there = await _read_all(write)
        plan = plan_changes(bringing, there)
        roles = [
            role
            for row in plan.creates
            if isinstance(row, Workspace) and row.id != DEFAULT_WORKSPACE
            for role in build_roles(row, row.created_at or 0)
        ]
        count = len(plan.puts) + len(plan.deletes)
        if may_replace or not there or (count > _MANY and 4 * count > len(there)):
            await write.clear()
            await _put(write, apply_plan(there, plan))
            await write.prune(
                gone=[row for row in plan.deletes if isinstance(row, Workspace)],
                new=[row for row in plan.creates if isinstance(row, Workspace)],
            )
            await write.put_all(roles)
            return plan
        for row in plan.deletes:
            await write.within(workspace_of(row)).delete(*row_key(row))
        await _put(write, plan.puts)
        await write.put_all(roles)
    return plan


async def _put(write: ConfigWrites, rows: Sequence[Row]) -> None:
    with show_progress("writing", len(rows)) as advance:
        for start in range(0, len(rows), _SLICE):
            some = rows[start : start + _SLICE]
            await write.put_all(some)
            advance(len(some))
