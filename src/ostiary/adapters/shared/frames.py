"""The node socket's frames: one JSON array a line, bytes as base64."""

from __future__ import annotations

import base64
import json

MAX_FRAME_BYTES = 64 * 1024 * 1024


def encode(*parts: str | float | bool | bytes | None) -> bytes:
    """A line of parts; bytes are marked so that they come back as bytes."""
    row = [
        {"b": base64.b64encode(part).decode()} if isinstance(part, bytes) else part
        for part in parts
    ]
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> list[object]:
    """
    The parts of a line.

    Raises:
        ValueError: It is not such a line.
    """
    row = json.loads(line)
    if not isinstance(row, list):
        raise ValueError("a frame is an array")
    return [
        base64.b64decode(part["b"]) if isinstance(part, dict) and "b" in part else part
        for part in row
    ]
