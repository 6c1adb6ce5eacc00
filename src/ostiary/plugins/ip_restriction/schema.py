"""
The configuration of `ip-restriction`.

Spec: gateway §4.5 (ip-restriction).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from ostiary.kit import Entity
from ostiary.kit.fields import SET, Field, IpOrCidr, at_least_one_of, between


class IpRestrictionConfig(Entity):
    """`config` of the plugin."""

    allow: Annotated[tuple[IpOrCidr, ...] | None, SET] = Field(
        None, description="Addresses and networks that may; all others may not."
    )
    deny: Annotated[tuple[IpOrCidr, ...] | None, SET] = Field(
        None, description="Addresses and networks that may not; looked at first."
    )
    status: Annotated[int, between(100, 599)] | None = Field(
        None, description="The status of a refusal; 403 when unset."
    )
    message: str | None = Field(None, description="The message of a refusal.")

    checks: ClassVar = (at_least_one_of("allow", "deny"),)
