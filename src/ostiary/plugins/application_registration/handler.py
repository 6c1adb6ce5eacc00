"""
Lets developers' applications call a service that they have a contract with.

Behind a plugin that authenticates. While it is there, applications are among those whom that
plugin knows; anywhere else nobody passes as one.

Spec: portal §3.8.
"""

from __future__ import annotations

from ostiary.kit import Exchange, Finished, Instant, Reply, Services, refuse
from ostiary.plugins.application_registration.schema import (
    ApplicationRegistrationConfig,
)


class ApplicationRegistration(Instant):
    """One configured `application-registration` plugin."""

    takes_applications = True

    def __init__(
        self,
        config: ApplicationRegistrationConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        self._log = services.log_as("application-registration")
        self._count = services.count
        self._takes_consumers = config.enable_proxy_with_consumer_credential

    def access(self, exchange: Exchange) -> Reply | None:
        consumer = exchange.consumer
        if consumer is None or exchange.credential is None:
            self._log("info", "no application and no consumer: nobody is authenticated")
            return refuse(exchange, 401, "Unauthorized")
        if consumer.application is None:
            if self._takes_consumers:
                return None
            self._log("info", "a consumer that is no application does not pass")
            return refuse(exchange, 401, "Unauthorized")
        if exchange.service_id not in consumer.application.services:
            self._log("info", f"application {consumer.id} has no good contract")
            return refuse(exchange, 403, "You cannot consume this service")
        return None

    def on_finish(self, exchange: Exchange, finished: Finished) -> None:
        consumer = exchange.consumer
        if consumer is None or consumer.application is None:
            return
        kind = "failed" if finished.status >= 500 else "refused"
        kind = "ok" if finished.status < 400 else kind
        self._count(f"application:{consumer.id}:{exchange.service_id}:{kind}")
