"""
Errors of the API, and pydantic's findings in the API's words.

The words come from one table keyed by pydantic's error type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ostiary.userpool import messages


class ApiError(Exception):
    """An operation is refused: `code` is the exception's name, `message` its text."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> ApiError:
    """An InvalidParameterException."""
    return ApiError("InvalidParameterException", message)


def pool_missing(pool_id: str) -> ApiError:
    """A ResourceNotFoundException about a pool."""
    return ApiError("ResourceNotFoundException", messages.POOL_MISSING.format(pool_id))


# What the API allows beyond what is served here, by member: told apart from nonsense.
_LATER: Final[Mapping[str, frozenset[str]]] = {
    "MfaConfiguration": frozenset({"ON", "OPTIONAL"}),
    "AutoVerifiedAttributes": frozenset({"phone_number"}),
    "UsernameAttributes": frozenset({"phone_number"}),
    "EmailSendingAccount": frozenset({"DEVELOPER"}),
    "DefaultEmailOption": frozenset({"CONFIRM_WITH_LINK"}),
    "AllowedFirstAuthFactors": frozenset(
        {"EMAIL_OTP", "SMS_OTP", "WEB_AUTHN", "SOFTWARE_TOKEN"}
    ),
    "ExplicitAuthFlows": frozenset(
        {"ALLOW_TOKEN_EXCHANGE_DELEGATION", "ALLOW_TOKEN_EXCHANGE_IMPERSONATION"}
    ),
}
_Context = Mapping[str, Any]  # Any: pydantic's own
_CONSTRAINTS: Final[Mapping[str, Callable[[_Context], str]]] = {
    "missing": lambda _: "not be null",
    "string_too_short": lambda c: (
        f"have length greater than or equal to {c['min_length']}"
    ),
    "string_too_long": lambda c: f"have length less than or equal to {c['max_length']}",
    "too_short": lambda c: f"have length greater than or equal to {c['min_length']}",
    "too_long": lambda c: f"have length less than or equal to {c['max_length']}",
    "string_pattern_mismatch": lambda c: (
        f"satisfy regular expression pattern: {c['pattern'].strip('^$')}"
    ),
    "greater_than_equal": lambda c: f"have value greater than or equal to {c['ge']}",
    "less_than_equal": lambda c: f"have value less than or equal to {c['le']}",
    "literal_error": lambda c: (
        "satisfy enum value set: ["
        + c["expected"].replace("'", "").replace(" or ", ", ")
        + "]"
    ),
}


def _member(location: tuple[int | str, ...]) -> str:
    parts = [
        f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:]
        for part in location
    ]
    return ".".join(parts)


def _name(location: tuple[int | str, ...]) -> str:
    return next((p for p in reversed(location) if isinstance(p, str)), "")


def _not_yet(error: ErrorDetails) -> str | None:
    name = _name(error["loc"])
    if error["type"] == "extra_forbidden":
        return messages.NOT_YET.format(name)
    value = error["input"]
    later = _LATER.get(name, frozenset())
    if error["type"] == "literal_error" and isinstance(value, str) and value in later:
        return messages.NOT_YET.format(f"{name} {value}")
    return None


def _show(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


def read_violations(error: ValidationError) -> ApiError:
    """The API's exception for an input that breaks its model."""
    found: list[str] = []
    for detail in error.errors(include_url=False):
        later = _not_yet(detail)
        if later is not None:
            return invalid(later)
        constraint = _CONSTRAINTS.get(detail["type"])
        if constraint is None:
            return ApiError("SerializationException", messages.BAD_JSON)
        value = "null" if detail["type"] == "missing" else _show(detail["input"])
        found.append(
            f"Value '{value}' at '{_member(detail['loc'])}' failed to satisfy "
            f"constraint: Member must {constraint(detail.get('ctx', {}))}"
        )
    noun = "validation error" if len(found) == 1 else "validation errors"
    return invalid(f"{len(found)} {noun} detected: {'; '.join(found)}")
