"""
The configuration of `basic-auth`.

Spec: gateway §4.5 (basic-auth).
"""

from __future__ import annotations

from ostiary.kit import Entity
from ostiary.kit.fields import Field, NonEmpty


class BasicAuthConfig(Entity):
    """`config` of the plugin."""

    hide_credentials: bool = Field(
        default=False, description="Take the password out of what the upstream gets."
    )
    anonymous: NonEmpty | None = Field(
        None, description="Consumer (id or username) of requests that fail."
    )
    realm: NonEmpty = Field("service", description="The realm in WWW-Authenticate.")
