"""A user pool as a process of its own, on free ports, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ostiary.cli.demo.trust import Trust, prepare_trust

Json = dict[str, Any]  # Any: JSON
_READY_S: Final = 30.0
_END_S: Final = 10.0
_ASK_S: Final = 40.0
# Names that Chromium and curl resolve by themselves; the certificate is for them.
_HOST: Final = "cognito-idp.localhost"
_SUFFIX: Final = "auth.localhost"


class PoolNotReady(Exception):
    """The user pool did not start; the text says what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail or short message that the pool has sent, and the code in it, if there is one."""

    medium: str
    to: str
    subject: str
    text: str = field(repr=False)
    code: str | None = field(repr=False)
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalUserPool:
    """
    A running user pool.

    Args:
        endpoint_url: Where SDKs send calls, in the clear, on loopback.
        hosted_port: The TLS port of hosted pages: `https://<prefix>.auth.localhost:<port>`.
        ca_file: The authority that signed the pages' certificate.
        folder: Database, keys and logs.
    """

    endpoint_url: str
    hosted_port: int
    ca_file: Path
    folder: Path
    region: str = "eu-west-1"

    def issuer(self, pool_id: str) -> str:
        """The issuer of a pool's tokens."""
        return f"{self.endpoint_url}/{pool_id}"

    def hosted_url(self, prefix: str) -> str:
        """Where a domain's hosted pages are."""
        return f"https://{prefix}.{_SUFFIX}:{self.hosted_port}"

    def client(self) -> Any:  # Any: boto3 is the caller's
        """A boto3 client of this pool; boto3 must be installed."""
        import boto3

        return boto3.client(
            "cognito-idp",
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - any secret is accepted
        )

    def messages(self, to: str | None = None, *, wait_s: float = 0.0) -> list[Mail]:
        """
        What was sent, the oldest first.

        Args:
            to: Only to this address or number.
            wait_s: How long to wait for something where there is nothing yet; 30 s at most.
        """
        query = [f"wait={wait_s}"]
        if to is not None:
            query.append(f"to={urllib.parse.quote(to)}")
        found = self._ask("GET", f"/_outbox?{'&'.join(query)}")["messages"]
        return [
            Mail(
                id=item["id"],
                medium=item["medium"],
                to=item["to"],
                subject=item["subject"],
                text=item["text"],
                code=item["code"],
            )
            for item in found
        ]

    def wait_for_code(self, to: str, *, wait_s: float = 10.0) -> str:
        """
        The newest code that was sent to somebody.

        Raises:
            LookupError: None came in time.
        """
        codes = [mail.code for mail in self.messages(to, wait_s=wait_s) if mail.code]
        if not codes:
            raise LookupError(f"no code was sent to {to} within {wait_s} s")
        return codes[-1]

    def now(self) -> float:
        """The pool's time, in Unix seconds."""
        return float(self._ask("GET", "/_clock")["now"])

    def advance(self, seconds: float) -> None:
        """Let so much time pass at once, for codes, tokens and sessions."""
        self._ask("POST", "/_clock", {"advance_s": seconds})

    def next_codes(self, *codes: str) -> None:
        """Choose the codes that are sent next."""
        self._ask("POST", "/_codes", {"next": list(codes)})

    def break_calls(
        self, *, throttle: int = 0, latency_ms: int = 0, mail_fails: bool = False
    ) -> None:
        """Refuse so many calls, delay all, let mail fail; without arguments, stop that."""
        wanted = {
            "throttle": throttle,
            "latency_ms": latency_ms,
            "mail_fails": mail_fails,
        }
        self._ask("POST", "/_faults", wanted)

    def rotate_keys(self, pool_id: str) -> None:
        """Give a pool new signing keys; tokens of the old ones are no good any more."""
        self._ask("POST", f"/_keys/{pool_id}/rotate", {})

    def snapshot(self) -> Json:
        """Everything there is, for `restore`."""
        return self._ask("GET", "/_snapshot")

    def restore(self, snapshot: Mapping[str, Any]) -> None:  # Any: JSON
        """Let everything be as it was when the snapshot was taken."""
        self._ask("POST", "/_snapshot", snapshot)

    def reset(self) -> None:
        """No pools, no mail, the real time, nothing broken."""
        self._ask("POST", "/_reset", {})

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Json:
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.endpoint_url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_ASK_S) as reply:  # noqa: S310 - our own address
                answer: Json = json.loads(reply.read())
        except urllib.error.HTTPError as error:
            text = json.loads(error.read() or b"{}").get("message", error.reason)
            raise ValueError(f"{method} {path}: {text}") from error
        return answer


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for made in sockets:
            made.bind(("127.0.0.1", 0))
        return [made.getsockname()[1] for made in sockets]
    finally:
        for made in sockets:
            made.close()


def _environ(
    pool: LocalUserPool, trust: Trust, port: int, more: Mapping[str, str]
) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KONG_", "OSTIARY_"))
    }
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "OSTIARY_USERPOOL_LISTEN": f"127.0.0.1:{port}, 127.0.0.1:{pool.hosted_port} ssl",
        "OSTIARY_USERPOOL_ISSUER_BASE": pool.endpoint_url,
        "OSTIARY_USERPOOL_SSL_CERT": str(trust.pool_cert),
        "OSTIARY_USERPOOL_SSL_CERT_KEY": str(trust.pool_key),
        "OSTIARY_USERPOOL_REGION": pool.region,
        "OSTIARY_USERPOOL_TESTING": "on",
        **more,
    }


@contextmanager
def running_user_pool(
    *, region: str = "eu-west-1", settings: Mapping[str, str] | None = None
) -> Iterator[LocalUserPool]:
    """
    A user pool until the end of the block, then nothing of it.

    Args:
        region: Of calls that name none.
        settings: More settings, such as `{"userpool_triggers": "greet=tests.hooks:greet"}`.

    Raises:
        PoolNotReady: It did not start.
    """
    with tempfile.TemporaryDirectory(prefix="ostiary-") as name:
        folder = Path(name)
        trust = prepare_trust(folder / "trust", host=_HOST, domain_prefix="pool")
        port, hosted_port = _free_ports(2)
        pool = LocalUserPool(
            endpoint_url=f"http://127.0.0.1:{port}",
            hosted_port=hosted_port,
            ca_file=trust.ca_file,
            folder=folder,
            region=region,
        )
        more = {f"OSTIARY_{k.upper()}": v for k, v in (settings or {}).items()}
        process = _start(folder, _environ(pool, trust, port, more))
        try:
            _wait(pool, process)
            yield pool
        finally:
            _end(process)


def _start(folder: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", "ostiary", "userpool", "serve"),
        *("--prefix", str(folder / "node")),
    ]
    with (folder / "output.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=dict(environ),
        )


def _wait(pool: LocalUserPool, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            pool._ask("GET", "/health")  # noqa: SLF001 - the same module
        except OSError:
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            printed = (pool.folder / "output.log").read_text(errors="replace")
            raise PoolNotReady(printed[-2000:]) from None
        return


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
