"""Measure the gateway beside its peers: CPU per request, five interleaved rounds."""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey
from ostiary.model.declarative import read_declarative
from ostiary.node.secrets import open_secrets
from ostiary.sessions.cookie import build_chunks
from ostiary.sessions.keys import Sealer
from ostiary.sessions.session import Session
from ostiary.signin.party import compile_party
from ostiary.signin.schema import OpenidConnectConfig

HERE = Path(__file__).resolve().parent
ROUNDS, SECONDS, PEOPLE = 5, 3.0, 1000
TICK = os.sysconf("SC_CLK_TCK")
NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid;
error_log {folder}/nginx.err; events {{ worker_connections 1024; }}
http {{ access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream up {{ server 127.0.0.1:{up}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000;
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


def cpu_seconds(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def children(pid: int) -> list[int]:
    text = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)],
        check=True,
        capture_output=True,
        text=True,
    )
    return [pid, *(int(p) for p in text.stdout.split())]


def tokens(issuer: str, key: PrivateKey, person: int) -> dict[str, str]:
    now = int(time.time())
    base = {
        "iss": issuer, "sub": f"user-{person}", "iat": now, "exp": now + 3600,
        "cognito:groups": [secrets.token_hex(12) for _ in range(16)], "event_id": secrets.token_hex(16),
    }  # fmt: skip
    access = {
        **base,
        "client_id": "bench",
        "token_use": "access",
        "scope": "openid profile email",
    }
    identity = {
        **base,
        "aud": "bench",
        "token_use": "id",
        "email": f"user{person}@example.com",
    }
    return {
        "access": sign_jwt(access, key),
        "id": sign_jwt(identity, key),
        "refresh": secrets.token_urlsafe(1300),
    }


def cookies(party: Any, ring: Any, people: list[dict[str, str]]) -> list[str]:
    names = party.names("http")
    sealer = Sealer(ring, b"ostiary session")
    now = time.time()
    found = []
    for number, person in enumerate(people):
        session = Session(
            id=f"s{number}", created_at=now, rolled_at=now, touched_at=now, subject=f"u{number}",
            method="authorization_code", client=0, access_token=person["access"],
            id_token=person["id"], refresh_token=person["refresh"], expires_at=now + 3600,
        )  # fmt: skip
        chunks = build_chunks(
            session, name=names.session, sealer=sealer, binding=party.binding(names.session),
            nonce=os.urandom(12),
        )  # fmt: skip
        found.append("; ".join(f"{k}={v}" for k, v in chunks))
    return found


def request(path: str, *fields: str) -> str:
    return "\r\n".join(
        [f"GET {path} HTTP/1.1", "Host: bench.localhost", *fields, "", ""]
    )


def write_requests(folder: Path, name: str, requests: list[str]) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(requests))
    return path


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="ostiary-bench-"))
    up, idp, port, admin = (free_port() for _ in range(4))
    issuer = f"http://127.0.0.1:{idp}"
    key = PrivateKey.generate_rsa("bench")
    config = {"issuer": issuer, "client_id": ["bench"]}
    file = folder / "kong.yml"
    plugin = [{"name": "openid-connect", "config": config}]
    data = {
        "_format_version": "3.0",
        "services": [
            {
                "name": "up",
                "url": f"http://127.0.0.1:{up}",
                "routes": [
                    {"name": "plain", "paths": ["/plain"]},
                    {"name": "guarded", "paths": ["/guarded"], "plugins": plugin},
                ],
            }
        ],
    }
    file.write_text(yaml.safe_dump(data))
    documents = {
        "/.well-known/openid-configuration": {
            "issuer": issuer, "jwks_uri": f"{issuer}/jwks",
            "authorization_endpoint": f"{issuer}/a", "token_endpoint": f"{issuer}/t",
        },
        "/jwks": {"keys": [key.public_jwk()]},
    }  # fmt: skip
    (folder / "idp.json").write_text(json.dumps(documents))
    prefix = folder / "node"
    prefix.mkdir()
    ring = open_secrets(prefix).ring
    row = read_declarative(data).plugins[0]
    party = compile_party(
        OpenidConnectConfig.model_validate(config, strict=False), row.id or ""
    )
    people = [tokens(issuer, key, n) for n in range(PEOPLE)]
    jar = cookies(party, ring, people)
    random.Random(7).shuffle(jar)
    files = {
        "ostiary, no plugin": write_requests(folder, "plain", [request("/plain/x")]),
        "ostiary, session": write_requests(
            folder, "session", [request("/guarded/x", f"Cookie: {c}") for c in jar]
        ),
        "ostiary, bearer": write_requests(
            folder,
            "bearer",
            [
                request("/guarded/x", f"Authorization: Bearer {p['access']}")
                for p in people
            ],
        ),
    }
    print(
        f"cookies: {len(jar)} people, {len(jar[0])} bytes each; {ROUNDS} rounds of {SECONDS:.0f} s"
    )
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, **options: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, **options)
        started.append(process)
        return process

    try:
        start(sys.executable, str(HERE / "peers.py"), "upstream", str(up))
        start(
            sys.executable,
            str(HERE / "peers.py"),
            "provider",
            str(idp),
            str(folder / "idp.json"),
        )
        environ = {
            **os.environ,
            "KONG_PROXY_LISTEN": f"127.0.0.1:{port}",
            "KONG_ADMIN_LISTEN": f"127.0.0.1:{admin}",
            "KONG_PROXY_ACCESS_LOG": "off",
        }
        node = start(
            sys.executable, "-m", "ostiary", "start", "--config", str(file), "--prefix", str(prefix),
            "--workers", "1", env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        rows: dict[str, tuple[int, list[int], Path]] = {}
        for listening in (up, idp, port, admin):
            wait_for(listening)
        time.sleep(1)
        for name, requests in files.items():
            rows[name] = (port, children(node.pid), requests)
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        if Path(nginx).exists():
            peer = free_port()
            (folder / "nginx.conf").write_text(
                NGINX.format(folder=folder, up=up, port=peer)
            )
            process = start(nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder))
            wait_for(peer)
            rows = {
                "nginx, no plugin": (peer, [process.pid], files["ostiary, no plugin"]),
                **rows,
            }
        else:
            print("nginx is not installed: no peer row")
        measured = {name: [] for name in rows}
        for _ in range(ROUNDS):
            for name, (target, pids, requests) in rows.items():
                before = cpu_seconds(pids)
                printed = subprocess.run(
                    [sys.executable, str(HERE / "peers.py"), "load", str(target), str(requests), str(SECONDS)],
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                found = json.loads(printed.stdout)
                used = cpu_seconds(pids) - before
                measured[name].append(
                    (
                        used / found["requests"] * 1e6,
                        found["requests"] / found["seconds"],
                        found["failed"],
                    )
                )
        base = statistics.median(m[0] for m in next(iter(measured.values())))
        print(
            f"\n{'row':<22}{'CPU us/request':>24}{'ratio':>8}{'requests/s':>12}{'failed':>8}"
        )
        for name, rounds in measured.items():
            cpu = sorted(m[0] for m in rounds)
            middle = statistics.median(cpu)
            print(
                f"{name:<22}{middle:>10.1f} ({cpu[0]:.1f}-{cpu[-1]:.1f}){middle / base:>8.2f}"
                f"{statistics.median(m[1] for m in rounds):>12.0f}{sum(m[2] for m in rounds):>8}"
            )
        worker = children(node.pid)
        for pid in worker:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            size = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
            print(
                f"memory {words[2].decode() if len(words) > 2 else '?':<24} {size / 1e6:.0f} MB"
            )
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGINT)
        for process in started:
            process.wait(20)
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
