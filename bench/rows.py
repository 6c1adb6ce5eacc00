"""What a row is, and what all systems of a run share."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import Target
from bench.options import Options
from bench.people import Tokens
from bench.processes import Children
from bench.provider import Provider

SIZES = {64: "/64", 16384: "/16k"}

Requests = Callable[[int], Sequence[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One line of the table: a system doing one thing.

    `requests` is asked before every round for requests to send, at least so many where each may
    be sent only once (`once`). `refused` are requests that must be turned away: without
    credentials first, then with forged ones.
    """

    system: str
    version: str
    case: str
    target: Target
    root: int
    requests: Requests = field(repr=False)
    once: bool = False
    refused: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def tls(self) -> bool:
        return self.target.tls is not None

    @property
    def label(self) -> str:
        """`ostiary, session, 64 B, TLS`: what ROWS is matched with."""
        size = self.target.reply_bytes
        shown = f"{size // 1024} KB" if size >= 1024 else f"{size} B"
        return f"{self.system}, {self.case}, {shown}, {'TLS' if self.tls else 'plain'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A row that cannot be measured here, and why."""

    system: str
    case: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The run's folder, processes, certificate, provider, people and upstream."""

    folder: Path
    children: Children
    options: Options
    provider: Provider
    people: tuple[Tokens, ...] = field(repr=False)
    certificate: Path
    key: Path
    ca_file: Path
    client_tls: ssl.SSLContext
    upstream_port: int

    def targets(self, plain: int, tls: int) -> list[Target]:
        """The targets of a case that listens on two ports: both sizes, as TLS asks."""
        wanted = self.options.tls
        ports = [(plain, None), (tls, self.client_tls)]
        return [
            Target(port=port, tls=context, reply_bytes=size)
            for port, context in ports
            if wanted is None or wanted == (context is not None)
            for size in SIZES
        ]


def always(*requests: bytes) -> Requests:
    """The same requests for every round."""
    return lambda _: requests
