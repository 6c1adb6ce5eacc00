"""
Parameters of the protocol: each at most once, empty ones as if absent.

Spec: RFC 6749 §3.1, §3.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Named values, and the names that came more than once."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    repeated: frozenset[str] = frozenset()

    def get(self, name: str) -> str | None:
        """The value, or None where it is absent or empty."""
        return self.values.get(name) or None


def parse_parameters(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """Read name-value pairs, keeping the first of each name."""
    values: dict[str, str] = {}
    repeated: set[str] = set()
    for name, value in pairs:
        if name in values:
            repeated.add(name)
        else:
            values[name] = value
    return Parameters(values=values, repeated=frozenset(repeated))
