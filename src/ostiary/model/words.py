"""
Kong's words for what is wrong with an entity, in one table keyed by pydantic's error type.

Spec: the messages of Kong's schema validators, word for word, so that tools which match on
them keep working.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

Problem = tuple[tuple[str | int, ...], str]

_TEXTS: dict[str, str] = {
    "missing": "required field missing",
    "extra_forbidden": "unknown field",
    "string_type": "expected a string",
    "int_type": "expected an integer",
    "int_parsing": "expected an integer",
    "int_from_float": "expected an integer",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected a boolean",
    "bool_parsing": "expected a boolean",
    "list_type": "expected an array",
    "tuple_type": "expected an array",
    "set_type": "expected a set",
    "dict_type": "expected a map",
    "model_type": "expected a record",
    "model_attributes_type": "expected a record",
    "string_too_short": "length must be at least {min_length}",
    "string_too_long": "length must be at most {max_length}",
    "too_short": "length must be at least {min_length}",
    "none_required": "value must be null",
    "finite_number": "expected a number",
}


def _message(kind: str, context: Mapping[str, object], fallback: str) -> str:
    if kind == "literal_error":
        return "expected one of: " + str(context.get("expected", "")).replace(
            "'", ""
        ).replace(" or ", ", ")
    if kind in {"greater_than_equal", "less_than_equal", "greater_than", "less_than"}:
        return fallback
    if kind == "told":
        return str(context["text"])
    if kind == "value_error":
        return str(context.get("error", fallback))
    text = _TEXTS.get(kind)
    return text.format(**context) if text else fallback


def read_problems(error: ValidationError) -> tuple[Problem, ...]:
    """Every violation as a path of names and indices, and Kong's message."""
    return tuple(
        (
            tuple(detail["loc"]),
            "required field missing"
            if detail["input"] is None and detail["type"].endswith("_type")
            else _message(detail["type"], detail.get("ctx", {}), detail["msg"]),
        )
        for detail in error.errors(include_url=False)
    )


@dataclass(slots=True)
class _Place:
    """One place of a file: what is wrong there, and below."""

    messages: list[str] = field(default_factory=list)
    below: dict[str | int, _Place] = field(default_factory=dict)

    def nested(self) -> object:
        if not self.below:
            return self.messages[0] if len(self.messages) == 1 else self.messages
        shown = self.inner()
        if not self.messages and all(isinstance(step, int) for step in shown):
            indices = [step for step in shown if isinstance(step, int)]
            return [shown.get(n) for n in range(max(indices) + 1)]
        named: dict[str, object] = {str(step): value for step, value in shown.items()}
        return {**named, "@entity": self.messages} if self.messages else named

    def inner(self) -> dict[str | int, object]:
        """What is wrong below, by step; of an entity as a whole always an array."""
        return {
            step: place.messages if step == "@entity" else place.nested()
            for step, place in self.below.items()
        }


def nest_problems(problems: Sequence[Problem]) -> dict[str, object]:
    """Violations as Kong nests them: objects by name, arrays by index with null gaps."""
    root = _Place()
    for path, message in problems:
        here = root
        for step in path or ("@entity",):
            here = here.below.setdefault(step, _Place())
        here.messages.append(message)
    return {str(step): value for step, value in root.inner().items()}


def describe_problems(problems: Sequence[Problem]) -> str:
    """Violations as one sentence: `in 'services[0].routes[1].paths': …; in …`."""
    parts = []
    for path, message in problems:
        place = ""
        for step in path:
            place += (
                f"[{step}]" if isinstance(step, int) else f".{step}" if place else step
            )
        parts.append(f"in '{place}': {message}" if place else message)
    return "; ".join(parts)
