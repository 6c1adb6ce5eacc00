"""
The configuration of `cors`.

Spec: gateway §4.5 (cors).
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator

from ostiary.kit import Entity
from ostiary.kit.fields import LIST, Field, NonEmpty, Number, check_pattern, one_of

METHODS: Final = (
    "GET",
    "HEAD",
    "PUT",
    "PATCH",
    "POST",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
)


def _check_origin(value: str) -> str:
    return value if value == "*" else check_pattern(value)


Origin = Annotated[NonEmpty, AfterValidator(_check_origin)]


class CorsConfig(Entity):
    """`config` of the plugin."""

    origins: Annotated[tuple[Origin, ...] | None, LIST] = Field(
        None,
        description="Origins that may: texts, regular expressions, or `*`; nothing is everybody.",
    )
    headers: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None,
        description="Access-Control-Allow-Headers; nothing is what the browser asks for.",
    )
    exposed_headers: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Access-Control-Expose-Headers."
    )
    methods: Annotated[tuple[Annotated[str, one_of(*METHODS)], ...], LIST] = Field(
        METHODS, description="Access-Control-Allow-Methods."
    )
    max_age: Number | None = Field(
        None, description="Seconds for which browsers may remember a preflight."
    )
    credentials: bool = Field(
        default=False,
        description="Allow cookies and the like (never with a literal *).",
    )
    private_network: bool = Field(
        default=False, description="Allow public pages to ask private networks."
    )
    preflight_continue: bool = Field(
        default=False, description="Let the upstream answer preflights."
    )
    allow_origin_absent: bool = Field(
        default=True,
        description="Send the headers even where a request has no Origin.",
    )
