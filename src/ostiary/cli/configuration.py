"""
`ostiary config`: declarative files, and the configuration of a database as one.

Exit codes: 0 done, 1 an error, 2 a difference.

Spec: gateway §2.3 (`kong config`).
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ostiary.cli.options import (
    ConfFile,
    Prefix,
    check_file,
    fail,
    load_settings,
    told,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ostiary.model.config import Config
    from ostiary.model.row import Row
    from ostiary.model.words import Problem
    from ostiary.settings import Settings

config = typer.Typer(
    help="Declarative files, and the configuration of a database as one.",
    no_args_is_help=True,
)
File = Annotated[Path, typer.Argument(help="The declarative file, YAML or JSON.")]
_DIFFERENT: Final = 2
_TIMEOUT_S: Final = 30.0
# YAML of so many rows takes minutes to read; JSON is YAML too.
_ROWS_OF_YAML: Final = 20_000


@config.command("check")
def config_check(file: File) -> None:
    """Say whether a declarative file can be served, and what to know about it."""
    _, warnings = check_file(file)
    for warning in warnings:
        warn(warning)
    print(f"configuration at {file} is valid")


@config.command("init")
def config_init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("kong.yml"),
) -> None:
    """Write an example declarative file."""
    from ostiary.cli.example import EXAMPLE

    if file.exists():
        fail(f"{file} is there already; nothing was written")
    with told():
        file.write_text(EXAMPLE)
    print(f"wrote {file}; edit it, then run: ostiary start --config {file}")


@config.command("validate")
def config_validate(file: File) -> None:
    """Say everything that is wrong with a declarative file, a line for each problem."""
    from ostiary.cli.rows import read_file
    from ostiary.gateway.check import read_plugin_configs
    from ostiary.model.declarative import DeclarativeInvalid, read_declarative
    from ostiary.plugins import CATALOG

    found = None
    with told():
        data = read_file(file)
    try:
        found = read_declarative(data)
        read_plugin_configs(found, CATALOG)
    except DeclarativeInvalid as error:
        for line in _describe(error.problems, found):
            print(line)
        count = len(error.problems)
        fail(f"{file} has {count} problem{'' if count == 1 else 's'}")
    print(f"configuration at {file} is valid")


def _describe(problems: Iterable[Problem], found: Config | None) -> Iterator[str]:
    """Each problem with its place; of a plugin also its name, for those that are nested."""
    from ostiary.gateway.check import describe_place
    from ostiary.model.declarative import iterate_rows
    from ostiary.model.words import describe_problems

    rows = (
        {(kind.name, row.id or ""): row for kind, row in iterate_rows(found)}
        if found
        else {}
    )
    for path, text in problems:
        where = ""
        if found and path[:1] == ("plugins",) and isinstance(path[1], int):
            row = found.plugins[path[1]]
            where = f"{row.name} on {describe_place(row, rows)}: "
            path = path[2:]  # noqa: PLW2901 - the place is said in words
        yield where + describe_problems([(path, text)])


def _load(conf: Path | None, prefix: str | None) -> Settings:
    return load_settings(conf, {"prefix": prefix})


def _load_with_database(conf: Path | None, prefix: str | None) -> Settings:
    settings = _load(conf, prefix)
    if settings.database == "off":
        fail("the settings name no database: set database to postgres or sqlite")
    return settings


@config.command("export")
def config_export(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; printed when unset.")
    ] = None,
    conf: ConfFile = None,
    prefix: Prefix = None,
) -> None:
    """
    Write the whole configuration of the database, or of the running node without one.

    Secrets are in it as they are, so the file is for its owner only.
    """
    settings = _load(conf, prefix)
    with told():
        if settings.database == "off":
            text = _fetch(settings)
        else:
            text = _dump(settings, is_json=file is not None and file.suffix == ".json")
        if file is None:
            sys.stdout.write(text)
            return
        _write_private(file, text)
    print(f"wrote {file}")


def _dump(settings: Settings, *, is_json: bool) -> str:
    from ostiary.adapters.declarative import dump_yaml
    from ostiary.cli.rows import load_rows
    from ostiary.model.declarative import build_config, dump_config

    rows = sorted(asyncio.run(load_rows(settings)), key=_order)
    data = dump_config(build_config(rows))
    if is_json or len(rows) > _ROWS_OF_YAML:
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    return dump_yaml(data)


def _order(row: Row) -> tuple[str, str]:
    named = getattr(row, "name", None) or getattr(row, "username", None)
    return str(named or ""), row.id or ""


def _fetch(settings: Settings) -> str:
    """What the running node serves, from its Admin API."""
    from ostiary.cli.running import reach

    address = next((a for a in settings.admin_listen if not a.tls), None)
    if address is None:
        fail("there is no database, and no Admin API listens without TLS")
    url = f"http://{reach(address)}/config"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as reply:
            return str(json.load(reply)["config"])
    except (OSError, ValueError, KeyError, TypeError):
        fail(f"there is no database, and no node tells its configuration at {url}")


def _write_private(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        os.fchmod(fd, 0o600)
        out.write(text)


@config.command("import")
def config_import(file: File, conf: ConfFile = None, prefix: Prefix = None) -> None:
    """Bring a file into the database: rows come or change by id or name, none is deleted."""
    _bring(file, _load_with_database(conf, prefix), keeps_others=True)


@config.command("apply")
def config_apply(file: File, conf: ConfFile = None, prefix: Prefix = None) -> None:
    """Make the database what a file says, at once: rows that are not in it are deleted."""
    _bring(file, _load_with_database(conf, prefix), keeps_others=False)


def _bring(file: Path, settings: Settings, *, keeps_others: bool) -> None:
    from ostiary.cli.rows import Bringing, bring, read_file

    # Millions of small values, and none of them is garbage until the end.
    gc.disable()
    with told():
        bringing = Bringing(
            settings=settings, data=read_file(file), keeps_others=keeps_others
        )
        plan = asyncio.run(bring(bringing))
    print(
        f"{len(plan.creates)} created, {len(plan.updates)} updated, "
        f"{len(plan.deletes)} deleted, {plan.same} were the same"
    )


@config.command("diff")
def config_diff(file: File, conf: ConfFile = None, prefix: Prefix = None) -> None:
    """Say what `apply` would do. Exit code 2 where that is not nothing."""
    from ostiary.cli.plan_text import describe_plan
    from ostiary.cli.rows import Bringing, load_rows, plan_changes, read_file

    settings = _load_with_database(conf, prefix)
    with told():
        bringing = Bringing(settings=settings, data=read_file(file), keeps_others=False)
        there = asyncio.run(load_rows(settings))
        plan = plan_changes(bringing, there)
    for line in describe_plan(plan, there):
        print(line)
    if not plan.is_empty:
        raise typer.Exit(_DIFFERENT)
