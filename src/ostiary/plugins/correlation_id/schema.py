"""
The configuration of `correlation-id`.

Spec: gateway §4.5 (correlation-id).
"""

from __future__ import annotations

from typing import Annotated

from ostiary.kit import Entity
from ostiary.kit.fields import Field, HeaderName, not_yet, one_of


class CorrelationIdConfig(Entity):
    """`config` of the plugin."""

    header_name: HeaderName = Field(
        "Kong-Request-ID", description="The field that carries the id."
    )
    generator: Annotated[
        str, one_of("uuid", "uuid#counter", "tracker"), not_yet("tracker")
    ] = Field(
        "uuid#counter",
        description="How an id is made: a UUID for each request, or one for each worker and a number.",
    )
    echo_downstream: bool = Field(
        default=False, description="Send the id back to the client, too."
    )
