"""The naive gateway as a process that comes back when a case has broken it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.security.gateways import Gateway, free_ports, launch, world

PROGRAM = Path(__file__).with_name("naive_gateway.py")


class NaiveProcess:
    """Starts the program, and starts it again after a case that it did not survive."""

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        self._folder = folder
        self.gateway = gateway
        self._stack = ExitStack()

    def start(self) -> None:
        behind = self.gateway
        ports = (
            behind.plain[1],
            behind.upstream.port,
            behind.wsgi.port,
            behind.provider.port,
        )
        launch(
            self._stack,
            self._folder,
            [str(PROGRAM), *map(str, ports)],
            b"naive gateway started",
        )
        behind.start_slow_heads()

    def stop(self) -> None:
        for wire in self.gateway.slow:
            wire.close()
        self.gateway.slow.clear()
        self._stack.close()

    def refresh(self) -> None:
        """Forget earlier cases; a process that does not answer at once is replaced."""
        self.gateway.close()
        if not self._forgets():
            self.stop()
            self.start()
            assert self._forgets(), "the naive gateway does not answer at all"

    def _forgets(self) -> bool:
        with contextlib.suppress(AssertionError, OSError):
            wire = self.gateway.dial()
            wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Naive-Reset: 1\r\n\r\n")
            return wire.reply(patience_s=1.0).body == b"forgotten"
        return False


@contextmanager
def naive(folder: Path) -> Iterator[NaiveProcess]:
    """A running naive gateway."""
    with world(fixed=False) as (upstream, wsgi, provider):
        gateway = Gateway(
            plain=("127.0.0.1", free_ports(1)[0]),
            tls=None,
            ca_file=None,
            upstream=upstream,
            wsgi=wsgi,
            provider=provider,
            head_timeout_s=0.5,
        )
        process = NaiveProcess(folder, gateway)
        process.start()
        try:
            yield process
        finally:
            gateway.close()
            process.stop()
