"""The node socket's frames: one JSON array a line, then the bytes that it counts."""

from __future__ import annotations

import asyncio
import json

MAX_FRAME_BYTES = 64 * 1024 * 1024


def encode(*parts: str | float | bool | bytes | None) -> bytes:
    """A frame of parts; bytes follow the line as they are, which only says how many."""
    row = [{"b": len(part)} if isinstance(part, bytes) else part for part in parts]
    line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
    return b"".join((line, *(part for part in parts if isinstance(part, bytes))))


async def read_frame(reader: asyncio.StreamReader) -> list[object] | None:
    """
    The parts of the next frame; None at the end.

    Raises:
        ValueError: It is no frame, or one that is too long.
        asyncio.IncompleteReadError: It ends too early.
    """
    line = await reader.readline()
    if not line:
        return None
    row = json.loads(line)
    if not isinstance(row, list):
        raise ValueError("a frame is an array")
    return [await _read_part(reader, part) for part in row]


async def _read_part(reader: asyncio.StreamReader, part: object) -> object:
    match part:
        case {"b": int(size)} if 0 <= size <= MAX_FRAME_BYTES:
            return await reader.readexactly(size)
        case dict():
            raise ValueError("a frame counts its bytes, and not too many")
        case _:
            return part
