"""Which ports the demo uses: Kong's where they are free, others where they are not."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One port for each listener of the demo."""

    proxy: int = 8000
    proxy_tls: int = 8443
    admin: int = 8001
    manager: int = 8002
    manager_tls: int = 8445
    portal_gui: int = 8003
    portal_gui_tls: int = 8446
    portal_api: int = 8004
    portal_api_tls: int = 8447
    userpool: int = 9229
    userpool_tls: int = 9443
    upstream: int = 9080
    mailbox: int = 8025
    smtp: int = 1025
    landing: int = 8080
    debugger: int = 8090
    status: int = 8007


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _find_free(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


USUAL = Ports()


def choose_ports(
    *, free: bool, say: Callable[[str], None], usual: Ports = USUAL
) -> Ports:
    """The demo's ports. A port in use is named, with the one taken instead."""
    chosen: dict[str, int] = {}
    for entry in fields(Ports):
        wanted = getattr(usual, entry.name)
        if not free and _is_free(wanted):
            chosen[entry.name] = wanted
            continue
        chosen[entry.name] = _find_free(set(chosen.values()))
        if not free:
            name = entry.name.replace("_", " ")
            say(
                f"Port {wanted} ({name}) is in use by another program; using {chosen[entry.name]}."
            )
    return Ports(**chosen)
