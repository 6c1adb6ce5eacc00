"""A real node started by the real command, with a user pool, an echo upstream and a mailbox."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ostiary.cli.demo import steps
from ostiary.cli.demo.ports import Ports, choose_ports
from ostiary.cli.demo.sites import Mailbox, echo_app, mailbox_app, serve_smtp
from ostiary.cli.demo.trust import Trust, prepare_trust
from ostiary.node.serving import serve_sites
from tests.support.page_file import write_declarative

READY_S = 40
HOST = "kong-ee.localhost"


def bare_environ() -> dict[str, str]:
    """
    Our environment for processes of a node: with our path, without settings of a node.

    They keep what they compile, whatever is wished for tests: it is a fifth of their start.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KONG_", "OSTIARY_"))
        and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


@dataclass(slots=True, kw_only=True)
class Node:
    """One node's folder, addresses and process."""

    folder: Path
    ports: Ports
    trust: Trust
    site: steps.Site
    mailbox: Mailbox
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def file(self) -> Path:
        return self.folder / "kong.yml"

    @property
    def prefix(self) -> Path:
        return self.folder / "node"

    @property
    def mailbox_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.mailbox}"

    def environ(self) -> dict[str, str]:
        ports, trust = self.ports, self.trust
        return {
            **bare_environ(),
            "KONG_PROXY_LISTEN": f"127.0.0.1:{ports.proxy}, 127.0.0.1:{ports.proxy_tls} ssl",
            "KONG_ADMIN_LISTEN": f"127.0.0.1:{ports.admin}",
            "KONG_STATUS_LISTEN": f"127.0.0.1:{ports.status}",
            "KONG_ADMIN_GUI_LISTEN": "off",
            "KONG_SSL_CERT": str(trust.gateway_cert),
            "KONG_SSL_CERT_KEY": str(trust.gateway_key),
            "KONG_LUA_SSL_TRUSTED_CERTIFICATE": str(trust.ca_file),
            "KONG_LOG_LEVEL": "debug",
            "KONG_SMTP_HOST": "127.0.0.1",
            "KONG_SMTP_PORT": str(ports.smtp),
            "OSTIARY_USERPOOL": "on",
            "OSTIARY_USERPOOL_LISTEN": (
                f"127.0.0.1:{ports.userpool}, 127.0.0.1:{ports.userpool_tls} ssl"
            ),
            "OSTIARY_USERPOOL_SSL_CERT": str(trust.pool_cert),
            "OSTIARY_USERPOOL_SSL_CERT_KEY": str(trust.pool_key),
            **self.extra,
        }

    def start(self) -> None:
        """Start it and wait until it says so."""
        command = [
            *(sys.executable, "-m", "ostiary", "start"),
            *(
                "--config",
                str(self.file),
                "--prefix",
                str(self.prefix),
                "--workers",
                "2",
            ),
        ]
        with (self.folder / "stdout.log").open("ab") as log:
            before = log.tell()
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environ(),
            )
        deadline = time.monotonic() + READY_S
        while (
            b"Ostiary started" not in (self.folder / "stdout.log").read_bytes()[before:]
        ):
            assert self.process.poll() is None, (self.folder / "stdout.log").read_text()
            assert time.monotonic() < deadline, "the node did not get ready"
            time.sleep(0.05)

    def stop(self) -> int:
        """Stop it as Ctrl-C does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def status(self) -> dict[str, object]:
        with urllib.request.urlopen(f"{self.site.admin}/status", timeout=5) as reply:
            found: dict[str, object] = json.load(reply)
        return found

    def children(self) -> dict[int, str]:
        """The processes that this node's supervisor started: pid to role."""
        assert self.process is not None
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(parent) == self.process.pid and b"-m" in words:
                found[int(folder.name)] = (
                    words[words.index(b"-m") + 1].decode().rpartition(".")[2]
                )
        return found

    def _log_files(self) -> list[Path]:
        return [*self.prefix.rglob("*.log"), *self.folder.glob("*.log")]

    def mark(self) -> dict[Path, int]:
        """How far the logs are."""
        return {path: path.stat().st_size for path in self._log_files()}

    def logs(self, since: Mapping[Path, int] | None = None) -> str:
        """Everything that any process wrote anywhere, after a mark if there is one."""
        known = since or {}
        return "\n".join(
            path.read_bytes()[known.get(path, 0) :].decode(errors="replace")
            for path in self._log_files()
        )


@asynccontextmanager
async def running_node(folder: Path, **extra: str) -> AsyncIterator[Node]:
    """A node with a pool, an app client and the page's file; started."""
    ports = choose_ports(free=True, say=lambda _: None)
    trust = prepare_trust(folder / "trust", host=HOST, domain_prefix=steps.DOMAIN)
    node = Node(
        folder=folder,
        ports=ports,
        trust=trust,
        mailbox=Mailbox(),
        extra=extra,
        site=steps.Site(
            gateway=f"https://{HOST}:{ports.proxy_tls}",
            admin=f"http://127.0.0.1:{ports.admin}",
            userpool=f"http://127.0.0.1:{ports.userpool}",
            hosted_ui=f"https://{steps.DOMAIN}.auth.localhost:{ports.userpool_tls}",
            issuer_base=f"https://cognito-idp.localhost:{ports.userpool_tls}",
            upstream=f"http://127.0.0.1:{ports.upstream}",
            gateway_host=HOST,
            portal_gui=f"https://{HOST}:{ports.portal_gui_tls}",
            portal_api=f"https://{HOST}:{ports.portal_api_tls}",
            manager=f"http://127.0.0.1:{ports.manager}",
            debugger=f"http://localhost:{ports.debugger}",
        ),
    )
    write_declarative(node.file, node.site, None)
    sites = [
        (echo_app(), _listen(ports.upstream)),
        (mailbox_app(node.mailbox), _listen(ports.mailbox)),
    ]
    async with AsyncExitStack() as stack:
        smtp = await serve_smtp(node.mailbox, port=ports.smtp)
        stack.callback(smtp.close)
        await stack.enter_async_context(serve_sites(sites))
        try:
            await asyncio.to_thread(node.start)
            yield node
        finally:
            if node.process is not None and node.process.poll() is None:
                await asyncio.to_thread(node.stop)


def _listen(port: int) -> list[tuple[str, socket.socket]]:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return [("plain", sock)]
