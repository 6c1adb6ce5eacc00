"""
What one rendering of an operator's layout may cost, and what its values weigh.

A template can put one list into many others, so that what is small in memory is endless to
compare or to write. A value weighs as much as if nothing in it were shared; who weighs stops at a
limit, and whatever was looked at is paid for. Pure.

Spec: decision 0042.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

MAX_STEPS: Final = 20_000
MAX_OUTPUT_CHARS: Final = 2_000_000
MAX_TEXT_CHARS: Final = 100_000
MAX_WORK: Final = 8_000_000
MAX_VALUES: Final = 100_000
# Data of files are nested up to 100 levels deep, and stand in records of ours.
MAX_LEVELS: Final = 120
MAX_NUMBER: Final = 2**53
# To compare or copy as many characters takes as long as to look at one value.
_CHARS_PER_VALUE: Final = 16
_CHARS_AROUND: Final = 2
_SOME: Final[dict[str, str]] = {}
_VIEWS: Final = (type(_SOME.keys()), type(_SOME.values()), type(_SOME.items()))
_HOLDERS: Final = (list, tuple, dict, set, frozenset, *_VIEWS)


class TooMuch(Exception):
    """A template went beyond what it may do."""


@dataclass(slots=True)
class Budget:
    """What is left of one rendering; nothing is ever given back."""

    steps: int = MAX_STEPS
    output: int = MAX_OUTPUT_CHARS
    work: int = MAX_WORK

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise TooMuch(f"more than {MAX_STEPS:,} turns of loops and calls")

    def write(self, size: int) -> None:
        self.output -= max(size, 0)
        if self.output < 0:
            raise TooMuch(f"more than {MAX_OUTPUT_CHARS:,} characters")

    def toil(self, size: int) -> None:
        self.work -= max(size, 0)
        if self.work < 0:
            raise TooMuch("too much work")


BUDGET: Final[ContextVar[Budget]] = ContextVar("ostiary_layout_budget")


def weigh(value: object) -> tuple[int, int]:
    """
    How many values there are in a value, and how many characters.

    Raises:
        TooMuch: There are too many values, or levels of them.
    """
    values, chars = 1, 0
    level: list[Any] = [value]  # Any: whatever a template computes
    for _ in range(MAX_LEVELS):
        below: list[Any] = []
        for one in level:
            if isinstance(one, str):
                chars += len(one)
            elif isinstance(one, int):
                chars += one.bit_length() // 3
            elif isinstance(one, _HOLDERS):
                values += len(one) * (2 if isinstance(one, dict) else 1)
                if values > MAX_VALUES:
                    raise TooMuch(f"a list of more than {MAX_VALUES:,} values")
                below += one
                if isinstance(one, dict):
                    below += one.values()
        if not below:
            return values, chars
        level = below
    raise TooMuch(f"lists nested deeper than {MAX_LEVELS} levels")


def pay_for(value: object) -> None:
    """
    Pay for a value that is looked through to its end.

    Raises:
        TooMuch: It is too big, or nothing is left to pay with.
    """
    if isinstance(value, str):
        BUDGET.get().toil(len(value))
        return
    values, chars = weigh(value)
    BUDGET.get().toil(values + chars // _CHARS_PER_VALUE)


def pay_for_text(value: object) -> None:
    """
    Pay for a value that becomes a text, before it does.

    Raises:
        TooMuch: The text would be too long, or nothing is left to pay with.
    """
    if isinstance(value, str):
        BUDGET.get().toil(len(value))
        return
    values, chars = weigh(value)
    if chars + values * _CHARS_AROUND > MAX_OUTPUT_CHARS:
        raise TooMuch(f"more than {MAX_OUTPUT_CHARS:,} characters")
    BUDGET.get().toil(values + chars // _CHARS_PER_VALUE)


def write_text(value: object) -> str:
    """A value as a text; what is none is paid for first."""
    if isinstance(value, str):
        return value
    pay_for_text(value)
    return str(value)


def bounded(value: Any) -> Any:  # Any: whatever a template computes
    """
    A value that is not too big to go on with; lists are paid for by all that is in them.

    Raises:
        TooMuch: It is too big.
    """
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARS:
        raise TooMuch(f"a text of more than {MAX_TEXT_CHARS:,} characters")
    if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        raise TooMuch("a number that is too great")
    if isinstance(value, _HOLDERS):
        BUDGET.get().toil(weigh(value)[0])
    return value
