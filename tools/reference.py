"""Write docs/reference from the code: settings, plugin fields, commands, pool operations."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import typer
from pydantic.fields import FieldInfo

from ostiary.cli.commands import app
from ostiary.plugins import BUNDLED
from ostiary.settings import OURS_ONLY, Settings
from ostiary.signin.schema import BUILT_METHODS, CLASSES, OpenidConnectConfig
from ostiary.signin.schema.kinds import METHODS, OstiaryRecord
from ostiary.userpool.api.left_out import LEFT_OUT
from ostiary.userpool.api.operations import OPERATIONS
from ostiary.userpool.api.service import load_service

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE = "<!-- Made by `make docs`; do not edit. -->\n\n"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or field.is_required():
        return ""
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, tuple):
        items = [_item(v) for v in value]
        return f"`{', '.join(items)}`" if items else ""
    return f"`{value}`" if isinstance(value, str | int | float) else ""


def _item(value: Any) -> str:
    if hasattr(value, "port"):
        return f"{value.host}:{value.port}{' ssl' if value.tls else ''}"
    return str(value)


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")


def settings_page() -> str:
    """Every setting."""
    rows = [
        f"| `{name}` | {_default(field)} | {'`OSTIARY_`' if name in OURS_ONLY else '`KONG_`, `OSTIARY_`'} | {_cell(field.description)} |"
        for name, field in Settings.model_fields.items()
    ]
    return (
        f"{MADE}# Settings\n\nDefaults, then the file given with `--conf`, then `KONG_<NAME>`, then "
        "`OSTIARY_<NAME>`, then options of the command. Unknown `KONG_*` names are reported once; "
        "an unknown name of ours is an error.\n\n"
        "| setting | default | environment | meaning |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def plugin_page() -> str:
    """Every field of openid-connect, and how true it is."""
    names = [n for n in OpenidConnectConfig.model_fields if n != "ostiary"]
    rows = [
        f"| `{name}` | {_default(OpenidConnectConfig.model_fields[name])} | {CLASSES[name]} | "
        f"{_cell(OpenidConnectConfig.model_fields[name].description)} |"
        for name in names
    ]
    ours = [
        f"| `ostiary.{name}` | {_default(field)} | enforced | {_cell(field.description)} |"
        for name, field in OstiaryRecord.model_fields.items()
    ]
    counts = {
        k: sum(CLASSES[n] == k for n in names) for k in ("enforced", "inert", "refused")
    }
    built = ", ".join(f"`{name}`" for name in METHODS if name in BUILT_METHODS)
    return (
        f"{MADE}# openid-connect\n\nEvery field of Kong's schema (3.15) is known. Today "
        f"{counts['enforced']} are *enforced*, {counts['inert']} are *inert* (accepted without "
        "effect; none of them would restrict anything, and a warning names those that are set), "
        f"and {counts['refused']} are *refused* unless they have their default, because ignoring "
        f"them would be unsafe.\n\nMethods that are built: {built}. The others never match; their "
        "credentials count as none.\n\n"
        "| field | default | today | meaning |\n|---|---|---|---|\n"
        + "\n".join([*rows, *ours])
        + "\n"
    )


def _commands(group: Any, prefix: str) -> list[str]:
    found = []
    for name, command in group.commands.items():
        words = f"{prefix} {name}"
        if hasattr(command, "commands"):
            if getattr(command, "invoke_without_command", False):
                found += _command(command, words)
            found += _commands(command, words)
            continue
        found += _command(command, words)
    return found


def _command(command: Any, words: str) -> list[str]:
    """One command with its options. Any: typer's commands."""
    found = [f"## `{words}`\n\n{(command.help or '').strip()}\n"]
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        shown = ", ".join(f"`{o}`" for o in parameter.opts)
        rows.append(f"| {shown} | {_cell(getattr(parameter, 'help', ''))} |")
    if rows:
        found.append("| option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n")
    return found


def cli_page() -> str:
    """Every command."""
    group = typer.main.get_command(app)
    text = "\n".join(_commands(group, "ostiary"))
    return f"{MADE}# Commands\n\n{re.sub(chr(10) + '{3,}', chr(10) * 2, text)}"


def plugins_page() -> str:
    """The bundled plugins in the order they run."""
    rows = "\n".join(f"| {p.priority} | `{p.name}` |" for p in BUNDLED)
    parts = [
        f"{MADE}# Plugins\n\nIn the order they run.\n\n| priority | plugin |\n|---|---|\n{rows}\n"
    ]
    for plugin in BUNDLED:
        if plugin.schema is OpenidConnectConfig:
            parts.append(
                "## openid-connect\n\nSee [its own page](openid-connect.md).\n"
            )
            continue
        fields = "\n".join(_plugin_fields(plugin.schema))
        parts.append(
            f"## {plugin.name}\n\n| field | default | meaning |\n|---|---|---|\n{fields}\n"
        )
    return "\n".join(parts)


def _plugin_fields(schema: Any, prefix: str = "") -> list[str]:
    """A row for each field; fields of records below their record."""
    found = []
    for name, field in schema.model_fields.items():
        shown = f"| `{prefix}{name}` | {_default(field)} | {_cell(field.description)} |"
        found.append(shown)
        inner = field.annotation
        if hasattr(inner, "model_fields"):
            found += _plugin_fields(inner, f"{prefix}{name}.")
    return found


def _today(operation: str) -> tuple[str, str]:
    if operation in OPERATIONS:
        return "served", ""
    if operation in LEFT_OUT:
        return "left out", LEFT_OUT[operation]
    return "not yet", ""


def operations_page() -> str:
    """Every operation of the user pool API, and what it does here."""
    names = sorted(load_service().operations)
    rows = [(name, *_today(name)) for name in names]
    counts = {
        k: sum(row[1] == k for row in rows) for k in ("served", "left out", "not yet")
    }
    table = "\n".join(
        f"| `{name}` | {state} | {_cell(reason)} |" for name, state, reason in rows
    )
    return (
        f"{MADE}# Operations of the user pool API\n\nAll {len(names)} operations of "
        f"`cognito-idp` are known; {counts['served']} are served. {counts['left out']} are left "
        "out on purpose and answer OperationNotEnabledException (NotAuthorizedException where the "
        f"service does not know that error), and {counts['not yet']} are not available yet "
        "(UnknownOperationException).\n\n| operation | today | why |\n|---|---|---|\n"
        f"{table}\n"
    )


PAGES = {
    "settings.md": settings_page,
    "openid-connect.md": plugin_page,
    "commands.md": cli_page,
    "plugins.md": plugins_page,
    "userpool-operations.md": operations_page,
}


def main() -> int:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make())
    return 0


if __name__ == "__main__":
    sys.exit(main())
