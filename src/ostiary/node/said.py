"""What may be logged of an error in a configuration: its type and its places, never a value."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from ostiary.model.declarative import DeclarativeInvalid


def describe_safely(error: Exception) -> str:
    """The type of an error, and which fields it is about where it says so."""
    match error:
        case ValidationError():
            found = error.errors(
                include_input=False, include_context=False, include_url=False
            )
            places = _join(detail["loc"] for detail in found)
        case DeclarativeInvalid():
            places = _join(path for path, _ in error.problems)
        case _:
            places = ""
    kind = type(error).__name__
    return f"{kind} in {places}" if places else kind


def _join(paths: Iterable[tuple[str | int, ...]]) -> str:
    named = (".".join(str(step) for step in path) for path in paths)
    return ", ".join(dict.fromkeys(name for name in named if name))
