"""Ostiary with one worker: no plugin, sessions, bearer tokens, introspection, seen and unseen."""

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
    OPAQUE,
    build_request,
    seal_cookies,
    sign_access,
    spoil,
    store_sessions,
)
from bench.processes import Children, free_port
from bench.rows import SIZES, Requests, Row, Stage, always

from ostiary import __version__
from ostiary.model.declarative import read_declarative
from ostiary.node.secrets import open_secrets
from ostiary.signin.party import Party, compile_party
from ostiary.signin.schema import OpenidConnectConfig

READABLE = f"{__version__}, Python {sys.version.split()[0]}"
CASES = (
    "no plugin",
    "session",
    "session in Redis",
    "bearer seen",
    "introspection cached",
    "bearer unseen",
)
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
        "KONG_ADMIN_GUI_LISTEN": "off",
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


def _declare(stage: Stage, redis_port: int) -> dict[str, Any]:
    config = {"issuer": stage.provider.issuer, "client_id": [CLIENT_ID]}
    redis = {"port": redis_port, "prefix": "bench"}
    configs: dict[str, dict[str, Any]] = {
        "guarded": config,
        "stored": {**config, "session_storage": "redis", "redis": redis},
        "asked": {**config, "auth_methods": ["introspection"], "client_secret": ["s"]},
    }
    routes: list[Mapping[str, Any]] = [{"name": "plain", "paths": ["/plain"]}]
    for name, own in configs.items():
        plugin = {"name": "openid-connect", "config": own}
        routes.append({"name": name, "paths": [f"/{name}"], "plugins": [plugin]})
    return declare(stage.upstream_port, routes)


def _start_redis(stage: Stage) -> int:
    port = free_port()
    process = stage.children.start(
        "redis", "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
        "--appendonly", "no", "--dir", str(stage.folder),
    )  # fmt: skip
    stage.children.wait_for(process, port)
    return port


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

    def __init__(
        self, stage: Stage, node: Node, parties: Mapping[str, Party], redis_port: int
    ) -> None:
        self._stage = stage
        self._party = parties["guarded"]
        self._stored = parties["stored"]
        self._redis_port = redis_port
        self._ring = open_secrets(node.prefix).ring
        self._numbers = itertools.count(1_000_000)

    def _sessions(self, path: str, scheme: str) -> Requests:
        """Sealed anew for every round: a cookie older than 60 s would be written again."""
        people = list(self._stage.people)
        return lambda _: [
            build_request(path, f"Cookie: {cookie}")
            for cookie in seal_cookies(self._party, self._ring, people, scheme)
        ]

    def _stored_sessions(self, path: str, scheme: str) -> Requests:
        people = list(self._stage.people)
        return lambda _: [
            build_request(path, f"Cookie: {cookie}")
            for cookie in store_sessions(
                self._stored, self._ring, people, scheme, self._redis_port
            )
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
            case "session in Redis":
                path = f"/stored{name}"
                cookie = self._stored.names(scheme).session
                wrong = build_request(path, *SCRIPT, f"Cookie: {cookie}=t{'A' * 200}")
                return {
                    "requests": self._stored_sessions(path, scheme),
                    "refused": (build_request(path, *SCRIPT), wrong),
                }
            case "introspection cached":
                path = f"/asked{name}"
                count = len(self._stage.people)
                tokens = [f"{OPAQUE}{number:032d}" for number in range(count)]
                fields = [f"Authorization: Bearer {token}" for token in tokens]
                wrong = build_request(path, *SCRIPT, "Authorization: Bearer made-up")
                return {
                    "requests": always(*(build_request(path, f) for f in fields)),
                    "refused": (build_request(path, *SCRIPT), wrong),
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
    redis_port = _start_redis(stage)
    data = _declare(stage, redis_port)
    node = launch(
        stage.children,
        stage.folder / "ostiary",
        data,
        pair=(stage.certificate, stage.key),
    )
    read = read_declarative(data)
    names = {route.id: route.name or "" for route in read.routes}
    parties = {
        names[row.route]: compile_party(
            OpenidConnectConfig.model_validate(row.config, strict=False), row.id or ""
        )
        for row in read.plugins
    }
    cases = _Cases(stage, node, parties, redis_port)
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
        for case in CASES
        for target in stage.targets(node.plain, node.tls)
    ]
