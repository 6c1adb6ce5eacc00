"""The shared-state port, in process and over the node's socket; session records in process."""

from __future__ import annotations

from ostiary.adapters.shared.memory import MemoryShared
from ostiary.adapters.shared.server import SharedServer
from ostiary.adapters.shared.socket import SocketShared
from ostiary.adapters.shared.store import MemoryStore

__all__ = ["MemoryShared", "MemoryStore", "SharedServer", "SocketShared"]
