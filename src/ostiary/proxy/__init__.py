"""The native data plane: HTTP/1.1 listeners, connections, upstream pool."""

from __future__ import annotations

from ostiary.proxy.limits import Limits
from ostiary.proxy.listener import Listen, Proxy, serve

__all__ = ["Limits", "Listen", "Proxy", "serve"]
