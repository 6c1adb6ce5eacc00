"""Errors of the API, and settings that are not served here in its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from ostiary.model.pool_settings import Wire
from ostiary.userpool import messages

W = TypeVar("W", bound=Wire)


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


def client_missing(client_id: str) -> ApiError:
    """A ResourceNotFoundException about a client."""
    text = messages.CLIENT_MISSING.format(client_id)
    return ApiError("ResourceNotFoundException", text)


def pool_missing(pool_id: str) -> ApiError:
    """A ResourceNotFoundException about a pool."""
    return ApiError("ResourceNotFoundException", messages.POOL_MISSING.format(pool_id))


def read_violations(error: ValidationError) -> ApiError:
    """
    The exception for settings that the API knows and that are not served here.

    The API's own limits were judged before (`validation`); what is left over is ours.
    """
    detail = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return invalid(messages.NOT_YET.format(path))
    if detail["type"] == "literal_error":
        return invalid(messages.NOT_YET.format(f"{path} {detail['input']}"))
    return invalid(f"{path}: {detail['msg']}")


def read_settings(model: type[W], given: Mapping[str, Any], *names: str) -> W:
    """
    The part of an input that is a pool's or a client's settings.

    Empty values of members that are not served count as absent, as SDKs and Terraform send them.

    Args:
        names: The members of the input that are no settings.

    Raises:
        ApiError: A setting that is not served here.
    """
    kept = {
        name: value
        for name, value in given.items()
        if name not in names
        and (name in model.model_fields or value not in ({}, [], ""))
    }
    try:
        return model.model_validate(kept)
    except ValidationError as error:
        raise read_violations(error) from error


def check_line(member: str, text: str) -> str:
    """
    A name without line ends, which the API's pattern lets pass and headers do not.

    Raises:
        ApiError: It has some.
    """
    if len(text.splitlines()) > 1 or text != text.rstrip("\r\n"):
        raise invalid(messages.LINE_END.format(member))
    return text
