"""
What commands share: their options, the settings, files that are checked, and how they fail.

Errors are one sentence on standard error and exit code 1; nothing prints a traceback for what
an operator can mend.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

if TYPE_CHECKING:
    from ostiary.model.config import Config
    from ostiary.settings import Settings

# Where Kong looks when nobody names a file.
_USUAL: Final = (Path("/etc/kong/kong.conf"), Path("/etc/kong.conf"))

ConfFile = Annotated[
    Path | None,
    typer.Option("--conf", "-c", help="Settings file, `name = value` a line."),
]
Prefix = Annotated[
    str | None,
    typer.Option("--prefix", "-p", help="Working folder; wins over the settings."),
]


def fail(message: object) -> NoReturn:
    """End with one sentence."""
    print(f"Error: {message}", file=sys.stderr)
    raise typer.Exit(1)


def warn(message: object) -> None:
    """Say what an operator should know."""
    print(f"Warning: {message}", file=sys.stderr)


def _read_text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def load_settings(conf: Path | None, overrides: Mapping[str, object]) -> Settings:
    """Settings of file, environment and options; warnings go to standard error."""
    from ostiary.settings import SettingsInvalid, read_settings

    if conf is None:
        conf = next((path for path in _USUAL if path.is_file()), None)
        if conf is not None:
            print(f"Settings are read from {conf}", file=sys.stderr)
    try:
        text = conf.read_text(encoding="utf-8") if conf else None
        loaded = read_settings(
            file_text=text,
            environ=os.environ,
            overrides={k: v for k, v in overrides.items() if v is not None},
            read_file=_read_text,
        )
    except OSError as error:
        fail(f"cannot read {conf}: {error.strerror}")
    except UnicodeDecodeError:
        fail(f"cannot read {conf}: not UTF-8")
    except SettingsInvalid as error:
        fail(error)
    for warning in loaded.warnings:
        warn(warning)
    return loaded.settings


def check_plugins(settings: Settings) -> None:
    """End with one sentence where a plugin is to be enabled that is not installed."""
    from ostiary.node.enabled import BUNDLED, PluginMissing, choose_plugins

    if {*settings.plugins} <= {BUNDLED}:
        return  # without a look at them: loading all takes a third of a second
    from ostiary.plugins import CATALOG

    try:
        choose_plugins(settings.plugins, CATALOG)
    except PluginMissing as error:
        fail(error)


def check_operators(settings: Settings) -> None:
    """End with one sentence where operators could not sign in at their provider."""
    if settings.admin_gui_auth is None:
        return
    from ostiary.node.manager import find_provider
    from ostiary.settings import SettingsInvalid

    try:
        find_provider(settings)
    except SettingsInvalid as error:
        fail(error)


def check_file(path: Path) -> tuple[Config, tuple[str, ...]]:
    """The configuration in a file, plugins checked too; exits with one sentence when wrong."""
    from ostiary.adapters.declarative import FileUnusable, load_declarative
    from ostiary.gateway.check import describe_config_warnings, read_plugin_configs
    from ostiary.model.declarative import DeclarativeInvalid
    from ostiary.plugins import CATALOG

    try:
        found = load_declarative(path)
        read_plugin_configs(found, CATALOG)
    except FileUnusable as error:
        fail(error)
    except DeclarativeInvalid as error:
        fail(f"{path}: {error}")
    return found, describe_config_warnings(found, CATALOG)


@contextmanager
def told() -> Iterator[None]:
    """Turn what an operator can mend into one sentence."""
    from ostiary.adapters.declarative import FileUnusable
    from ostiary.model.declarative import DeclarativeInvalid
    from ostiary.node.secrets import SecretsUnsafe
    from ostiary.ports.config_store import (
        ForeignKeyMissing,
        PrimaryKeyViolation,
        StillReferenced,
        UniqueViolation,
    )
    from ostiary.ports.pool_store import StoreUnavailable

    try:
        yield
    except StoreUnavailable as error:
        fail(f"cannot use the database: {error}")
    except (
        PrimaryKeyViolation,
        UniqueViolation,
        ForeignKeyMissing,
        StillReferenced,
    ) as error:
        fail(f"nothing was changed: {error}")
    except (FileUnusable, DeclarativeInvalid, SecretsUnsafe) as error:
        fail(error)
    except OSError as error:
        fail(f"cannot use {error.filename or 'a file'}: {error.strerror}")
