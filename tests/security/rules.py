"""How a case says what a wrong gateway shows: the proof that the case can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Case = TypeVar("Case", bound=Callable[..., None])
ATTRIBUTE = "shows"


def shows(pattern: str) -> Callable[[Case], Case]:
    """
    On the gateway that does everything wrong, this case fails with a text like this.

    Args:
        pattern: A regular expression for the AssertionError's text.
    """

    def mark(case: Case) -> Case:
        setattr(case, ATTRIBUTE, pattern)
        return case

    return mark


def expected_failure(case: Callable[..., Any]) -> str:
    """The pattern that a case names. Any: cases take parameters of their own."""
    pattern = getattr(case, ATTRIBUTE, None)
    assert isinstance(pattern, str), f"{case.__name__} does not say how it fails"
    return pattern
