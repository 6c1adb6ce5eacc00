"""The `application-registration` plugin: developers' applications may call a service."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.application_registration.handler import ApplicationRegistration
from ostiary.plugins.application_registration.schema import (
    ApplicationRegistrationConfig,
)

PLUGIN = PluginType(
    name="application-registration",
    priority=995,
    schema=ApplicationRegistrationConfig,
    build=ApplicationRegistration,
    no_consumer=True,
    for_service=True,
)
