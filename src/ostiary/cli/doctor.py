"""`ostiary doctor`: every openid-connect plugin of a file, held against its provider."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from ostiary.adapters.fetch import AiohttpFetch
from ostiary.adapters.shared import MemoryShared
from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.gateway.check import describe_config_warnings, read_plugin_configs
from ostiary.model.gateway import Config, Plugin
from ostiary.plugins import CATALOG
from ostiary.sessions.keys import KeyRing, RingKey
from ostiary.signin.doctor import Doctor, Finding
from ostiary.signin.party import compile_party
from ostiary.signin.schema import OpenidConnectConfig
from ostiary.signin.values import Toolbox

MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


def redirect_path(config: Config, row: Plugin) -> str:
    """The path of the redirect URI that a plugin derives: its route's first plain path."""
    for route in config.routes:
        if route.id == row.route or (
            row.route is None and row.service in {None, route.service}
        ):
            plain = [p for p in route.paths or () if not p.startswith("~")]
            if plain:
                return plain[0].rstrip("/")
    return ""


async def examine(
    config: Config, origin: str, *, ca_file: str | None
) -> list[tuple[str, list[Finding]]]:
    """The findings of every openid-connect plugin, by what it is called."""
    clock = SystemClock()
    entropy = SystemEntropy()
    fetch = AiohttpFetch(ca_file=ca_file)
    tools = Toolbox(
        fetch=fetch,
        shared=MemoryShared(clock),
        clock=clock,
        entropy=entropy,
        ring=KeyRing((RingKey(entropy.bytes(4), entropy.bytes(32)),)),
        log=lambda _level, _line: None,
    )
    checked = read_plugin_configs(config, CATALOG)
    found = []
    try:
        for row in config.plugins:
            plugin = checked.get(row.id or "")
            if not isinstance(plugin, OpenidConnectConfig):
                continue
            party = compile_party(plugin, row.id or "")
            uri = origin.rstrip("/") + redirect_path(config, row)
            name = row.instance_name or f"{row.name} of {plugin.issuer}"
            found.append((name, await Doctor(tools).examine(party, uri)))
    finally:
        await fetch.close()
    return found


def describe(
    found: list[tuple[str, list[Finding]]], warnings: Iterable[str]
) -> Iterable[str]:
    """The lines that a person reads."""
    for name, findings in found:
        yield name
        for finding in findings:
            yield f"  {MARKS[finding.level]}  {finding.code}: {finding.text}"
            if finding.remedy:
                yield f"           -> {finding.remedy}"
    for warning in warnings:
        yield f"warning  {warning}"


def run(config: Config, origin: str, *, ca_file: Path | None) -> bool:
    """Print the findings; tell whether nothing is wrong."""
    path = None if ca_file is None else str(ca_file)
    found = asyncio.run(examine(config, origin, ca_file=path))
    for line in describe(found, describe_config_warnings(config, CATALOG)):
        print(line)
    if not found:
        print("there is no openid-connect plugin in this file")
    return not any(f.level == "error" for _, findings in found for f in findings)
