"""
Values of the hot path: frozen for whoever type-checks, quick to make for the machine.

A frozen dataclass sets each field through `object.__setattr__`, which costs more than the rest
of a request's bookkeeping. Here the type checker refuses assignments and nobody else looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(field,)
)
def frozen(kind: type[T]) -> type[T]:
    """A dataclass with slots and named arguments; hash and equality go by the fields."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(kind)
