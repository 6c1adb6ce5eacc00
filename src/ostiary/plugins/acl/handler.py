"""
Lets pass by group: a consumer's own, or those that sign-in found where there is no consumer.

Spec: gateway §4.5 (acl).
"""

from __future__ import annotations

from ostiary.kit import Exchange, Instant, Reply, Services, fold_names, refuse
from ostiary.plugins.acl.schema import AclConfig

_OF_CONSUMERS = b"X-Consumer-Groups"
_AUTHENTICATED = b"X-Authenticated-Groups"
_HEADERS = fold_names((_OF_CONSUMERS, _AUTHENTICATED))


class Acl(Instant):
    """One configured `acl` plugin."""

    def __init__(
        self,
        config: AclConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        self._log = services.log_as("acl")
        self._denies = bool(config.deny)
        self._groups = frozenset(config.deny or config.allow or ())
        self._hides = config.hide_groups_header
        self._always = config.always_use_authenticated_groups

    def access(self, exchange: Exchange) -> Reply | None:
        header, groups = self._find(exchange)
        if groups is None:
            if exchange.credential is not None:
                return self._refuse(exchange)
            self._log(
                "warn", "nobody is authenticated: acl needs a plugin that does so"
            )
            return refuse(exchange, 401, "Unauthorized")
        if self._groups.isdisjoint(groups) is not self._denies:
            return self._refuse(exchange)
        exchange.drop(_HEADERS)
        if groups and not self._hides:
            value = ", ".join(groups).encode()
            exchange.upstream_fields.append((header, value))
        return None

    def _find(self, exchange: Exchange) -> tuple[bytes, tuple[str, ...] | None]:
        """The groups that count, and the field that tells the upstream of them."""
        consumer, groups = exchange.consumer, exchange.groups
        if consumer is None or (self._always and groups is not None):
            return _AUTHENTICATED, groups
        return _OF_CONSUMERS, exchange.consumers.acl_groups(consumer.id)

    @staticmethod
    def _refuse(exchange: Exchange) -> Reply:
        return refuse(exchange, 403, "You cannot consume this service")
