"""The shared-state port over the node socket, with reconnection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from ostiary.adapters.shared.frames import MAX_FRAME_BYTES, encode, read_frame
from ostiary.adapters.shared.hearing import tell
from ostiary.ports.shared import SharedUnavailable

ANSWER_WITHIN_S = 5.0
RETRY_S = 0.2


class SocketShared:
    """One process's connection to the node. `connect` once; it reconnects by itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[object]] = {}
        self._hearers: dict[str, list[Callable[[bytes], None]]] = {}
        self._number = 0
        self._task: asyncio.Task[None] | None = None
        self._on_connect: list[Callable[[], None]] = []
        self._connected = asyncio.Event()

    async def connect(self) -> None:
        """Open the connection and keep it open."""
        self._task = asyncio.create_task(self._run(), name="node-socket")
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await self._connected.wait()

    async def close(self) -> None:
        """Close for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def on_connect(self, call: Callable[[], None]) -> None:
        """Call this after every reconnection: messages may have been missed."""
        self._on_connect.append(call)

    async def _run(self) -> None:
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(
                    self._path, limit=MAX_FRAME_BYTES
                )
                self._connected.set()
                for call in self._on_connect:
                    call()
                while (frame := await read_frame(reader)) is not None:
                    self._hear(frame)
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
                pass  # the supervisor restarts or went away; callers are told below
            finally:
                self._drop()
            await asyncio.sleep(RETRY_S)

    def _drop(self) -> None:
        self._connected.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(SharedUnavailable("the node socket closed"))

    def _hear(self, frame: list[object]) -> None:
        match frame:
            case ["answer", int(number), result]:
                future = self._waiting.pop(number, None)
                if future is not None and not future.done():
                    future.set_result(result)
            case ["message", str(channel), bytes(message)]:
                tell(self._hearers.get(channel, ()), channel, message)
            case _:
                raise ValueError("unknown frame")

    async def _ask(
        self, verb: str, key: str, value: bytes = b"", ttl_s: float = 0
    ) -> object:
        if self._writer is None:
            raise SharedUnavailable("the node socket is not connected")
        self._number += 1
        number = self._number
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._writer.write(encode(number, verb, key, value, ttl_s))
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await future
        except TimeoutError as error:
            raise SharedUnavailable("the node did not answer in time") from error
        finally:
            self._waiting.pop(number, None)

    async def get(self, key: str) -> bytes | None:
        found = await self._ask("get", key)
        return found if isinstance(found, bytes) else None

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        await self._ask("set", key, value, ttl_s)

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        return await self._ask("add", key, value, ttl_s) is True

    async def increment(self, key: str, by: int, *, ttl_s: float) -> int:
        total = await self._ask("increment", key, b"%d" % by, ttl_s)
        if not isinstance(total, int):
            raise SharedUnavailable("the node did not answer with a number")
        return total

    async def delete(self, key: str) -> None:
        await self._ask("delete", key)

    async def publish(self, channel: str, message: bytes) -> None:
        await self._ask("publish", channel, message)

    def subscribe(self, channel: str, hear: Callable[[bytes], None]) -> None:
        self._hearers.setdefault(channel, []).append(hear)
