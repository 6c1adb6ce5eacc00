"""
A response on its way to the client, as plugins see it and edit it.

It may be the upstream's or one that the gateway made itself: Kong's header_filter runs for
both. Framing is not among the fields; whoever sends the response adds it.

Spec: Kong's plugin phases (gateway §4.2, header_filter and body_filter).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.http.head import Field


@dataclass(slots=True, kw_only=True)
class Response:
    """One response: its status and fields may be changed. Look-ups fold ASCII case."""

    status: int
    fields: list[Field] = field(repr=False)
    is_upstream: bool

    def find(self, name: bytes) -> bytes | None:
        """The first value of a field, or None."""
        lower = name.lower()
        return next((v for n, v in self.fields if n.lower() == lower), None)

    def set(self, name: bytes, value: bytes) -> None:
        """Have a field once, with this value."""
        self.remove(name)
        self.fields.append((name, value))

    def add(self, name: bytes, value: bytes) -> None:
        """Have one more field."""
        self.fields.append((name, value))

    def remove(self, name: bytes) -> None:
        """Have no field of this name."""
        lower = name.lower()
        if any(n.lower() == lower for n, _ in self.fields):
            self.fields[:] = [f for f in self.fields if f[0].lower() != lower]
