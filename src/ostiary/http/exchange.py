"""
A request we send and the reply we read, as values: one half of every protocol exchange.

Spec: RFC 9110 §9, §15.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """What to send. `body` is a form or JSON text; neither it nor the fields are in the repr."""

    method: str
    url: str
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingReply:
    """What came back. Field names are lower case."""

    status: int
    fields: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
