"""`ostiary doctor`: every openid-connect plugin of a file, held against its provider."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from ostiary.adapters.fetch import AiohttpFetch
from ostiary.adapters.shared import MemoryShared
from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.gateway.check import describe_config_warnings, read_plugin_configs
from ostiary.model.config import Config
from ostiary.model.gateway import Plugin
from ostiary.node.client_keys import KeyFile, is_there
from ostiary.node.secrets import open_secrets
from ostiary.plugins import CATALOG
from ostiary.ports.client_keys import ClientKeys
from ostiary.ports.fetch import Fetch
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


def build_tools(fetch: Fetch, client_keys: ClientKeys | None = None) -> Toolbox:
    """What sign-in needs for one question: nothing is kept, nothing is logged."""
    clock, entropy = SystemClock(), SystemEntropy()
    return Toolbox(
        fetch=fetch,
        shared=MemoryShared(clock),
        clock=clock,
        entropy=entropy,
        ring=KeyRing((RingKey(entropy.bytes(4), entropy.bytes(32)),)),
        log=lambda _level, _line: None,
        client_keys=client_keys,
    )


async def examine(
    config: Config,
    origin: str,
    *,
    ca_file: str | None,
    client_keys: ClientKeys | None = None,
) -> list[tuple[str, list[Finding]]]:
    """The findings of every openid-connect plugin, by what it is called."""
    fetch = AiohttpFetch(ca_file=ca_file)
    tools = build_tools(fetch, client_keys)
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


def find_client_keys(prefix: Path) -> ClientKeys | None:
    """The keys of the node in a folder, if it has been started there; nothing is made."""
    if not is_there(prefix):
        return None
    return KeyFile(prefix, open_secrets(prefix).database_key)


def run(config: Config, origin: str, *, ca_file: Path | None, prefix: Path) -> bool:
    """
    Print the findings; tell whether nothing is wrong.

    Raises:
        SecretsUnsafe: The secrets of the node in `prefix` can be read by others.
        OSError: They cannot be read.
    """
    path = None if ca_file is None else str(ca_file)
    keys = find_client_keys(prefix)
    found = asyncio.run(examine(config, origin, ca_file=path, client_keys=keys))
    for line in describe(found, describe_config_warnings(config, CATALOG)):
        print(line)
    if not found:
        print("there is no openid-connect plugin in this file")
    return not any(f.level == "error" for _, findings in found for f in findings)
