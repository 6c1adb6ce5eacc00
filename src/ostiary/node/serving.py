"""
Serving Starlette sites on sockets that the supervisor bound.

Access logs stay off: URLs of sign-in carry codes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

import uvicorn

# Longer than people and pools of connections pause: at five seconds, which are usual, a request
# often meets its connection being closed.
_KEEP_ALIVE_S = 75


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def serve_sites(
    sites: Iterable[tuple[Any, Sequence[tuple[str, socket.socket]]]],
    *,
    cert: Path | None = None,
    key: Path | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """
    Serve each app on its (`plain` | `tls`, socket) pairs while the context is open.

    They end together, so that two take no longer than one. TLS is spoken as `tls` says, else
    with the certificate and key and uvicorn's defaults.
    """
    servers = []
    for app, sockets in sites:
        for kind, sock in sockets:
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=5,
                timeout_keep_alive=_KEEP_ALIVE_S,
                ssl_certfile=cert if kind == "tls" else None,
                ssl_keyfile=key if kind == "tls" else None,
                ssl_context_factory=(lambda _config, _usual: tls)
                if kind == "tls" and tls is not None
                else None,
            )
            # What is accepted inherits it. asyncio forgets it for sockets made without a
            # protocol, and then each answer's body waits 40 ms for the peer's delayed ACK.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.listen(1024)
            servers.append((_Server(config), sock))
    tasks = [
        asyncio.create_task(server.serve(sockets=[sock])) for server, sock in servers
    ]
    try:
        while not all(server.started for server, _ in servers):
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.01)
        yield
    finally:
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def serve_site(
    app: Any,
    sockets: Sequence[tuple[str, socket.socket]],
    *,
    cert: Path | None = None,
    key: Path | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """Serve one app; see `serve_sites`."""
    async with serve_sites([(app, sockets)], cert=cert, key=key, tls=tls):
        yield
