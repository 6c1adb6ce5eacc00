"""
The configuration of `request-size-limiting`.

Spec: gateway §4.5 (request-size-limiting).
"""

from __future__ import annotations

from typing import Annotated

from ostiary.kit import Entity
from ostiary.kit.fields import Field, one_of

UNITS = {"megabytes": 1 << 20, "kilobytes": 1 << 10, "bytes": 1}


class RequestSizeLimitingConfig(Entity):
    """`config` of the plugin."""

    allowed_payload_size: int = Field(
        128, description="The most that a body may have, in units."
    )
    size_unit: Annotated[str, one_of(*UNITS)] = Field(
        "megabytes",
        description="megabytes (1048576 bytes), kilobytes (1024 bytes) or bytes.",
    )
    require_content_length: bool = Field(
        default=False, description="Refuse bodies that do not say their length."
    )
