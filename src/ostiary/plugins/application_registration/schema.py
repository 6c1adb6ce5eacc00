"""
The configuration of `application-registration`.

Spec: portal §3.8.
"""

from __future__ import annotations

from typing import Annotated

from ostiary.kit import Entity
from ostiary.kit.fields import Field, NonEmpty


class ApplicationRegistrationConfig(Entity):
    """`config` of the plugin."""

    display_name: Annotated[NonEmpty, Field(max_length=100)] = Field(
        description="What developers see the service called."
    )
    description: NonEmpty | None = Field(
        None, description="What developers read about it."
    )
    auto_approve: bool = Field(
        default=False, description="Requests for access need nobody's approval."
    )
    show_issuer: bool = Field(
        default=False,
        description="Tell developers the issuer of the service's openid-connect plugin.",
    )
    enable_proxy_with_consumer_credential: bool = Field(
        default=False,
        description="Let ordinary consumers pass as well, with their own credentials.",
    )
