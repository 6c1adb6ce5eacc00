"""
The API's operations, run in process with the API's own validation, and said as a command.

Spec: AWS JSON 1.1; the AWS command line's names of options.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostiary.userpool.api.caller import Call, Shape
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.api.operations import OPERATIONS
from ostiary.userpool.api.service import load_service
from ostiary.userpool.api.validation import check_input
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

_SECRET: Final = frozenset({"TemporaryPassword", "Password", "ClientSecret"})
_HIDDEN: Final = "********"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCall:
    """A call as people make it elsewhere: the command, and the JSON it sends."""

    operation: str
    command: str
    body: str


def kebab(name: str) -> str:
    """A member's or an operation's name as the AWS command line spells it."""
    text = re.sub(r"[A-Z]{2,}s$", lambda found: f"_{found[0].lower()}", name)
    text = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", text)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text).lower()
    return re.sub(r"_+", "-", text)


def _option(name: str, value: object) -> str:
    match value:
        case bool():
            return f"--{'' if value else 'no-'}{kebab(name)}"
        case str() | int():
            return f"--{kebab(name)} {shlex.quote(str(value))}"
        case _:
            return f"--{kebab(name)} {shlex.quote(json.dumps(value))}"


def show_call(
    name: str, given: Mapping[str, Any], *, endpoint: str, region: str
) -> ShownCall:
    """An operation with its input; secrets are not shown."""
    shown = {k: _HIDDEN if k in _SECRET else v for k, v in given.items()}
    parts = [
        f"aws cognito-idp {kebab(name)}",
        f"--endpoint-url {shlex.quote(endpoint)} --region {shlex.quote(region)}",
        *(_option(member, value) for member, value in shown.items()),
    ]
    return ShownCall(
        operation=name,
        command=" \\\n  ".join(parts),
        body=json.dumps(shown, indent=2, ensure_ascii=False),
    )


def check_members(name: str, given: Mapping[str, Any]) -> Shape:
    """
    An operation's input, judged and not used.

    Raises:
        ApiError: All that the API's model has against it.
    """
    return check_input(load_service(), OPERATIONS[name].shape.input, dict(given))


async def run_operation(
    services: Services, name: str, given: Mapping[str, Any], *, region: str
) -> Shape:
    """
    What an operation answers to somebody in this process.

    Raises:
        ApiError: It refuses.
    """
    kept = check_members(name, given)
    try:
        return await OPERATIONS[name].run(Call(services=services, region=region), kept)
    except AccountError as error:
        raise ApiError(error.code, error.message) from error
