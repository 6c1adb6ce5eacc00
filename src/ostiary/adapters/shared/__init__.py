"""The shared-state port: in process, and over the node's socket."""

from __future__ import annotations

from ostiary.adapters.shared.memory import MemoryShared
from ostiary.adapters.shared.server import SharedServer
from ostiary.adapters.shared.socket import SocketShared

__all__ = ["MemoryShared", "SharedServer", "SocketShared"]
