"""A clock that moves when told, entropy that counts, and logs that can be read."""

from __future__ import annotations

import hashlib


class FakeClock:
    """Time stands still until `move`."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def move(self, seconds: float) -> None:
        self.time += seconds


class FakeEntropy:
    """Bytes that look random, differ each time, and are the same in every run."""

    def __init__(self, seed: str = "seed") -> None:
        self._seed = seed
        self._count = 0

    def bytes(self, n: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(f"{self._seed}{self._count}".encode()).digest(n)


class LogBook:
    """Every line that was logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, level: str, line: str) -> None:
        self.lines.append(f"{level} {line}")

    @property
    def text(self) -> str:
        return "\n".join(self.lines)
