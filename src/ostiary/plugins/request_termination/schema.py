"""
The configuration of `request-termination`.

Spec: gateway §4.5 (request-termination).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from ostiary.kit import Check, Entity, Problem
from ostiary.kit.fields import Field, HeaderName, between


def _judge(values: Mapping[str, Any]) -> Iterable[Problem]:
    message, body = values["message"], values["body"]
    kind = values["content_type"]
    if message is not None and (kind is not None or body is not None):
        yield (), "message cannot be used with content_type or body"
    elif kind is not None and body is None:
        yield (), "content_type requires a body"
    elif values["echo"] and (kind is not None or body is not None):
        yield (), "echo cannot be used with content_type and body"


class RequestTerminationConfig(Entity):
    """`config` of the plugin."""

    status_code: Annotated[int, between(100, 599)] = Field(
        503, description="The status of the answer."
    )
    message: str | None = Field(
        None, description="The message of the answer, in JSON; a usual one when unset."
    )
    content_type: str | None = Field(None, description="The type of `body`.")
    body: str | None = Field(None, description="The answer's body, as it is.")
    echo: bool = Field(
        default=False,
        description="Answer with the request itself. Dangerous on public routes.",
    )
    trigger: HeaderName | None = Field(
        None,
        description="Answer only requests with a field or an argument of this name.",
    )

    checks: ClassVar = (
        Check(fields=("message", "content_type", "body", "echo"), judge=_judge),
    )


def describe_warnings(config: RequestTerminationConfig) -> tuple[str, ...]:
    """What operators should know of a config that is accepted."""
    if not config.echo:
        return ()
    return ("echo shows how the gateway is built inside to everybody",)
