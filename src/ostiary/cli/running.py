"""`ostiary stop`, `reload`, `health`: a node that runs, found by its working folder."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ostiary.cli.options import fail
from ostiary.node.lock import find_holder

if TYPE_CHECKING:
    from ostiary.settings import ListenAddress, Settings

_LOOK_S: Final = 0.05
_ANSWER_S: Final = 5.0
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared


def _find(prefix: Path) -> int:
    holder = find_holder(prefix)
    if holder is None:
        fail(f"no node runs in {prefix}")
    return holder


def _send(holder: int, number: signal.Signals) -> None:
    try:
        os.kill(holder, number)
    except ProcessLookupError:
        return  # it has ended meanwhile
    except PermissionError:
        fail(f"the node (pid {holder}) runs as another user")


def stop_node(prefix: Path, within_s: float) -> None:
    """End a node: requests are finished first."""
    holder = _find(prefix)
    _send(holder, signal.SIGTERM)
    deadline = time.monotonic() + within_s
    while find_holder(prefix) == holder:
        if time.monotonic() > deadline:
            fail(f"the node (pid {holder}) has not stopped within {within_s:g} s")
        time.sleep(_LOOK_S)


def reload_node(prefix: Path) -> int:
    """Ask a node to read its configuration again; its pid."""
    holder = _find(prefix)
    _send(holder, signal.SIGHUP)
    return holder


def check_node(settings: Settings) -> None:
    """End with one sentence unless a node runs and its workers serve."""
    prefix = Path(settings.prefix)
    holder = _find(prefix)
    address = next((a for a in settings.status_listen if not a.tls), None)
    if address is None:
        return
    url = f"http://{reach(address)}/status/ready"
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_S) as reply:
            reply.read()
    except urllib.error.HTTPError as error:
        fail(f"the node (pid {holder}) is not ready: {_explain(error)}")
    except OSError:
        fail(f"the node (pid {holder}) does not answer at {url}")


def reach(address: ListenAddress) -> str:
    """Where this machine reaches an address."""
    host = _EVERYWHERE.get(address.host, address.host)
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"


def _explain(error: urllib.error.HTTPError) -> str:
    import json

    try:
        return str(json.loads(error.read())["message"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"it answers {error.code}"
