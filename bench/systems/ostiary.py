"""Ostiary with one worker: no plugin, a session, a bearer seen before, a bearer never seen."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.people import (
    CLIENT_ID,
    build_request,
    seal_cookies,
    sign_access,
    spoil,
)
from bench.processes import Children, free_port
from bench.rows import SIZES, Requests, Row, Stage, always

from ostiary import __version__
from ostiary.model.declarative import read_declarative
from ostiary.node.secrets import open_secrets
from ostiary.signin.party import Party, compile_party
from ostiary.signin.schema import OpenidConnectConfig

READABLE = f"{__version__}, Python {sys.version.split()[0]}"
SCRIPT = ("X-Requested-With: XMLHttpRequest", "Accept: application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A running node and where it listens."""

    process: subprocess.Popen[bytes]
    prefix: Path
    plain: int
    tls: int


def launch(
    children: Children,
    folder: Path,
    data: Mapping[str, Any],
    *,
    pair: tuple[Path, Path] | None = None,
    wait: bool = True,
) -> Node:
    """Start `ostiary start` with one worker over a declarative file, in a folder of its own."""
    prefix = folder / "node"
    prefix.mkdir(parents=True, exist_ok=True)
    file = folder / "kong.json"
    file.write_text(json.dumps(data))
    plain, tls, admin = free_port(), free_port(), free_port()
    environ = {
        **{
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("KONG_", "OSTIARY_"))
        },
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "KONG_PROXY_LISTEN": f"127.0.0.1:{plain}, 127.0.0.1:{tls} ssl",
        "KONG_ADMIN_LISTEN": f"127.0.0.1:{admin}",
        "KONG_STATUS_LISTEN": "off",
        "KONG_PROXY_ACCESS_LOG": "off",
    }
    if pair:
        environ |= {"KONG_SSL_CERT": str(pair[0]), "KONG_SSL_CERT_KEY": str(pair[1])}
    process = children.start(
        f"ostiary-{folder.name}", sys.executable, "-m", "ostiary", "start", "--config", str(file),
        "--prefix", str(prefix), "--workers", "1", environ=environ,
    )  # fmt: skip
    node = Node(process=process, prefix=prefix, plain=plain, tls=tls)
    if wait:
        children.wait_for(process, plain, tls, says="Ostiary started")
    return node


def _declare(stage: Stage) -> dict[str, Any]:
    config = {"issuer": stage.provider.issuer, "client_id": [CLIENT_ID]}
    plugin = {"name": "openid-connect", "config": config}
    routes: list[Mapping[str, Any]] = [
        {"name": "plain", "paths": ["/plain"]},
        {"name": "guarded", "paths": ["/guarded"], "plugins": [plugin]},
    ]
    return declare(stage.upstream_port, routes)


def declare(upstream_port: int, routes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A declarative file: one service over the upstream, with these routes."""
    service = {
        "name": "up",
        "url": f"http://127.0.0.1:{upstream_port}",
        "routes": list(routes),
    }
    return {"_format_version": "3.0", "services": [service]}


class _Cases:
    """The requests of every case."""

    def __init__(self, stage: Stage, node: Node, party: Party) -> None:
        self._stage = stage
        self._party = party
        self._ring = open_secrets(node.prefix).ring
        self._numbers = itertools.count(1_000_000)

    def _sessions(self, path: str, scheme: str) -> Requests:
        """Sealed anew for every round: a cookie older than 60 s would be written again."""
        people = list(self._stage.people)
        return lambda _: [
            build_request(path, f"Cookie: {cookie}")
            for cookie in seal_cookies(self._party, self._ring, people, scheme)
        ]

    def _unseen(self, path: str) -> Requests:
        issuer, key = self._stage.provider.issuer, self._stage.provider.key
        return lambda count: [
            build_request(
                path,
                f"Authorization: Bearer {sign_access(issuer, key, next(self._numbers))}",
            )
            for _ in range(count)
        ]

    def build(self, case: str, name: str, scheme: str) -> dict[str, Any]:
        """The fields of a row that depend on its case."""
        path = f"/guarded{name}"
        bearers = [
            build_request(path, f"Authorization: Bearer {person.access}")
            for person in self._stage.people
        ]
        forged = f"Authorization: Bearer {spoil(self._stage.people[0].access)}"
        without = build_request(path, *SCRIPT)
        match case:
            case "no plugin":
                return {"requests": always(build_request(f"/plain{name}"))}
            case "session":
                cookie = self._party.names(scheme).session
                wrong = build_request(path, *SCRIPT, f"Cookie: {cookie}=1{'A' * 400}")
                return {
                    "requests": self._sessions(path, scheme),
                    "refused": (without, wrong),
                }
            case "bearer seen":
                return {
                    "requests": always(*bearers),
                    "refused": (without, build_request(path, *SCRIPT, forged)),
                }
            case _:
                return {
                    "requests": self._unseen(path),
                    "once": True,
                    "refused": (without, build_request(path, *SCRIPT, forged)),
                }


def start(stage: Stage) -> list[Row]:
    """Start a node; its rows."""
    data = _declare(stage)
    node = launch(
        stage.children,
        stage.folder / "ostiary",
        data,
        pair=(stage.certificate, stage.key),
    )
    plugin = read_declarative(data).plugins[0]
    config = OpenidConnectConfig.model_validate(plugin.config, strict=False)
    cases = _Cases(stage, node, compile_party(config, plugin.id or ""))
    return [
        Row(
            system="ostiary",
            version=READABLE,
            case=case,
            target=target,
            root=node.process.pid,
            **cases.build(
                case, SIZES[target.reply_bytes], "https" if target.tls else "http"
            ),
        )
        for case in ("no plugin", "session", "bearer seen", "bearer unseen")
        for target in stage.targets(node.plain, node.tls)
    ]
