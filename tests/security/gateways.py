"""
A gateway under test: its addresses, what stands behind it, and how to talk to it.

The cases know only `Gateway`. Who starts one is decided here: we start Ostiary (the real
command, two workers, TLS) or the naive gateway, or somebody names addresses in the
environment (README.md).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.security.provider import Provider
from tests.security.scenarios import build_yaml
from tests.security.trust import make_certificates
from tests.security.upstream import Script, Seen, Upstream, WsgiUpstream
from tests.security.wire import Reply, Wire

HOST = "gate.test"
# A loopback address of its own is the proxy whose forwarded fields count.
TRUSTED_PEER = "127.0.0.9"
READY_S = 40.0
HEAD_TIMEOUT_S = 8
Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one request came to: the reply, and what the upstream saw of it."""

    reply: Reply
    seen: list[Seen]

    @property
    def one(self) -> Seen:
        """The one request that arrived."""
        assert len(self.seen) == 1, (
            f"expected one request at the upstream, status {self.reply.status}, got "
            f"{[s.head[:200] for s in self.seen]}"
        )
        return self.seen[0]


@dataclass(slots=True, kw_only=True)
class Gateway:
    """One gateway and the world behind it."""

    plain: Address
    tls: Address | None
    ca_file: Path | None
    upstream: Upstream
    wsgi: WsgiUpstream
    provider: Provider
    head_timeout_s: float = 60.0
    trusted_peer: str | None = TRUSTED_PEER
    slow: list[Wire] = field(default_factory=list)
    slow_since: float = 0.0
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def authority(self) -> str:
        return f"{HOST}:{self.plain[1]}"

    def dial(
        self, *, tls: bool = False, source: str | None = None, sni: str = HOST
    ) -> Wire:
        """A connection that is closed with the test."""
        wire = self._dial(tls=tls, source=source, sni=sni)
        self._stack.callback(wire.close)
        return wire

    def _dial(self, *, tls: bool, source: str | None, sni: str) -> Wire:
        address = self.tls if tls else self.plain
        assert address is not None, "this gateway has no TLS address"
        bound = (source, 0) if source else None
        sock = socket.create_connection(address, timeout=8, source_address=bound)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context(cafile=self.ca_file)
            sock = context.wrap_socket(sock, server_hostname=sni)
        return Wire(sock)

    def close(self) -> None:
        """Hang up every connection of the test that has just ended."""
        self._stack.close()

    def start_slow_heads(self) -> None:
        """Begin two requests and never end them: how long they live is a test's business."""
        self.slow_since = time.monotonic()
        for raw in (b"GET /public HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"GET /pub"):
            wire = self._dial(tls=False, source=None, sni=HOST)
            wire.send(raw)
            self.slow.append(wire)

    def script(self, script: Script) -> str:
        """A fresh case name whose requests the upstream answers with this script."""
        token = secrets.token_hex(8)
        self.upstream.scripts[token] = script
        return token

    def raw(
        self,
        request: bytes,
        *,
        tls: bool = False,
        source: str | None = None,
        is_head: bool = False,
    ) -> Reply:
        """Send these bytes on a new connection; the first reply."""
        wire = self.dial(tls=tls, source=source)
        wire.send(request)
        return wire.reply(is_head=is_head, what=f"to {request[:120]!r}")

    def ask(
        self,
        target: str,
        *fields: str,
        method: str = "GET",
        host: str | None = None,
        body: bytes = b"",
        tls: bool = False,
        source: str | None = None,
        token: str | None = None,
        wire: Wire | None = None,
    ) -> Told:
        """One well-formed request with these field lines (latin-1), on a new connection."""
        case = token or secrets.token_hex(8)
        request = build(
            target,
            f"X-Case: {case}",
            *fields,
            method=method,
            host=host or self.authority,
            body=body,
        )
        wire = wire or self.dial(tls=tls, source=source)
        wire.send(request)
        reply = wire.reply(is_head=method == "HEAD", what=f"to {method} {target}")
        return Told(reply=reply, seen=self.upstream.about(case))

    def bearer(self, **claims: Any) -> str:
        """The field line of somebody with a token. Any: claims are JSON."""
        return f"Authorization: Bearer {self.provider.bearer(**claims)}"

    def sign_in(self, page: str = "/session/page", **claims: Any) -> Jar:
        """A browser that has been through the whole code flow."""
        jar = Jar()
        sent = self.ask(page, jar.line).reply
        jar.keep(sent)
        assert sent.status == 302, f"no login was started: {sent.status}"
        back = urlsplit(self.provider.approve(sent.get("Location"), **claims))
        told = self.ask(f"{back.path}?{back.query}", jar.line).reply
        jar.keep(told)
        assert told.status in {302, 303}, (
            f"the callback did not lead back: {told.status} {told.body!r}"
        )
        jar.callback = told
        jar.login = sent
        return jar


def build(
    target: str, *fields: str, host: str, method: str = "GET", body: bytes = b""
) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f for f in fields if f)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@dataclass(slots=True)
class Jar:
    """The cookies of one browser on one host."""

    cookies: dict[str, str] = field(default_factory=dict)
    login: Reply | None = None
    callback: Reply | None = None

    def keep(self, reply: Reply) -> None:
        for line in reply.all("Set-Cookie"):
            pair, _, attributes = line.partition(";")
            name, _, value = pair.partition("=")
            if "max-age=0" in attributes.lower().replace(" ", ""):
                self.cookies.pop(name.strip(), None)
            else:
                self.cookies[name.strip()] = value.strip()

    @property
    def value(self) -> str:
        return "; ".join(f"{k}={v}" for k, v in self.cookies.items())

    @property
    def line(self) -> str:
        """The Cookie field, or nothing while there is no cookie."""
        return f"Cookie: {self.value}" if self.cookies else ""


@contextmanager
def world(*, fixed: bool = False) -> Iterator[tuple[Upstream, WsgiUpstream, Provider]]:
    """What stands behind a gateway, on the ports that the environment names if `fixed`."""

    def port(name: str) -> int:
        return int(os.environ[f"SECURITY_{name}_PORT"]) if fixed else 0

    with ExitStack() as stack:
        upstream = Upstream(port=port("UPSTREAM"))
        upstream.start()
        stack.callback(upstream.stop)
        wsgi = WsgiUpstream(port("WSGI"))
        stack.callback(wsgi.stop)
        provider = Provider(port("PROVIDER"))
        stack.callback(provider.stop)
        yield upstream, wsgi, provider


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now."""
    with ExitStack() as stack:
        socks = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        return [int(sock.getsockname()[1]) for sock in socks]


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def wait_for(process: subprocess.Popen[bytes], log: Path, word: bytes) -> None:
    """Wait until a process has said a word."""
    deadline = time.monotonic() + READY_S
    while word not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"not ready: {log.read_text()}"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


def launch(
    stack: ExitStack, folder: Path, command: list[str], ready: bytes, **env: str
) -> subprocess.Popen[bytes]:
    """Start a gateway's process and wait until it is ready; it ends with the stack."""
    log = folder / "stdout.log"
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("KONG_", "OSTIARY_"))
    }
    kept["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**kept, **env},
            cwd=Path(__file__).resolve().parents[2],
        )
    stack.callback(_stop, process)
    wait_for(process, log, ready)
    return process


@contextmanager
def ostiary(folder: Path) -> Iterator[Gateway]:
    """Ostiary as operators run it."""
    with ExitStack() as stack:
        upstream, wsgi, provider = stack.enter_context(world())
        ca_file, cert, key = make_certificates(folder)
        plain, tls, admin = free_ports(3)
        config = folder / "kong.yml"
        config.write_text(build_yaml(upstream.port, wsgi.port, provider.port))
        launch(
            stack,
            folder,
            [
                *("-m", "ostiary", "start", "--config", str(config)),
                *("--prefix", str(folder / "node"), "--workers", "2"),
            ],
            b"Ostiary started",
            KONG_PROXY_LISTEN=f"127.0.0.1:{plain}, 127.0.0.1:{tls} ssl",
            KONG_ADMIN_LISTEN=f"127.0.0.1:{admin}",
            KONG_STATUS_LISTEN="off",
            KONG_ADMIN_GUI_LISTEN="off",
            KONG_SSL_CERT=str(cert),
            KONG_SSL_CERT_KEY=str(key),
            KONG_TRUSTED_IPS=f"{TRUSTED_PEER}/32",
            KONG_NGINX_HTTP_CLIENT_HEADER_TIMEOUT=f"{HEAD_TIMEOUT_S}s",
        )
        yield Gateway(
            plain=("127.0.0.1", plain),
            tls=("127.0.0.1", tls),
            ca_file=ca_file,
            upstream=upstream,
            wsgi=wsgi,
            provider=provider,
            head_timeout_s=HEAD_TIMEOUT_S,
        )


@contextmanager
def elsewhere() -> Iterator[Gateway]:
    """A gateway that somebody else has started (README.md)."""
    plain = urlsplit(os.environ["SECURITY_GATEWAY"])
    tls = urlsplit(os.environ.get("SECURITY_GATEWAY_TLS", ""))
    ca_file = os.environ.get("SECURITY_GATEWAY_CA")
    assert plain.hostname is not None
    with world(fixed=True) as (upstream, wsgi, provider):
        yield Gateway(
            plain=(plain.hostname, plain.port or 80),
            tls=(tls.hostname, tls.port or 443) if tls.hostname else None,
            ca_file=Path(ca_file) if ca_file else None,
            upstream=upstream,
            wsgi=wsgi,
            provider=provider,
            head_timeout_s=float(os.environ.get("SECURITY_HEAD_TIMEOUT_S", "60")),
            trusted_peer=os.environ.get("SECURITY_TRUSTED_PEER"),
        )
