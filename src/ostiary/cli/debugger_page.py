"""`ostiary debugger`: its page on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import socket

from ostiary.adapters.fetch import AiohttpFetch
from ostiary.debugger.site import DebuggerSite, debugger_app
from ostiary.node.debugging import build_debugger
from ostiary.node.serving import serve_site


def _listen(port: int) -> list[tuple[str, socket.socket]]:
    """Loopback only: whoever reaches the page makes this machine ask."""
    found = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        sock = socket.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError:
            sock.close()
            if family == socket.AF_INET:
                raise
            continue  # a machine without IPv6
        found.append(("plain", sock))
    return found


async def run_page(*, port: int, allowed: str, ca_file: str | None) -> None:
    """
    Serve the page until Ctrl-C.

    Raises:
        ValueError: `allowed` is no list of hosts.
        OSError: The port cannot be had.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    fetch = AiohttpFetch(ca_file=ca_file, keeps=False)
    try:
        site = DebuggerSite(debugger=build_debugger(fetch, allowed=allowed))
        async with serve_site(debugger_app(site), _listen(port)):
            print(f"The debugger is at http://localhost:{port}/", flush=True)
            print(f"Redirect URI to register: http://localhost:{port}/callback", flush=True)  # fmt: skip
            await stopped.wait()
    finally:
        await fetch.close()
