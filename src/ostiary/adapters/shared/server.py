"""
The node socket: the supervisor's shared state, served to its own processes.

A Unix socket that only this user may open. Requests and answers carry a number; published
messages go to every connection.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from ostiary.adapters.shared.frames import MAX_FRAME_BYTES, encode, read_frame
from ostiary.adapters.shared.memory import MemoryShared


class SharedServer:
    """Serves a `MemoryShared` at a path."""

    def __init__(self, memory: MemoryShared, path: Path) -> None:
        self._memory = memory
        self._path = path
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Open the socket, replacing one left by a crash."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, path=self._path, limit=MAX_FRAME_BYTES
            )
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.close()
        self._path.unlink(missing_ok=True)

    async def publish(self, channel: str, message: bytes) -> None:
        """Tell every connected process, and this one."""
        await self._memory.publish(channel, message)
        line = encode("message", channel, message)
        for writer in tuple(self._writers):
            writer.write(line)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        try:
            while (frame := await read_frame(reader)) is not None:
                writer.write(await self._answer(frame))
                await writer.drain()
        except (ConnectionError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass  # a process that died or speaks nonsense only loses its own connection
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, frame: list[object]) -> bytes:
        number, verb, key, value, ttl = (frame + [None] * 5)[:5]
        if not isinstance(number, int) or not isinstance(key, str):
            raise ValueError("a frame needs a number and a key")
        data = value if isinstance(value, bytes) else b""
        ttl_s = float(ttl) if isinstance(ttl, int | float) else 60.0
        result: bytes | bool | int | None = None
        match verb:
            case "get":
                result = await self._memory.get(key)
            case "set":
                await self._memory.set(key, data, ttl_s=ttl_s)
            case "add":
                result = await self._memory.add(key, data, ttl_s=ttl_s)
            case "increment":
                result = await self._memory.increment(key, int(data), ttl_s=ttl_s)
            case "delete":
                await self._memory.delete(key)
            case "publish":
                await self.publish(key, data)
            case _:
                raise ValueError("unknown verb")
        return encode("answer", number, result)
