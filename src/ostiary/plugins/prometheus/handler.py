"""
Takes part in no phase: every worker counts anyway, and `/metrics` tells the sums of a node.

Spec: gateway §4.5 (prometheus).
"""

from __future__ import annotations

from ostiary.kit import NO_COOKIES, Services
from ostiary.plugins.prometheus.schema import PrometheusConfig


class Prometheus:
    """One configured `prometheus` plugin."""

    own_cookies = NO_COOKIES

    def __init__(
        self,
        config: PrometheusConfig,
        row_id: str,
        services: Services,
    ) -> None:
        """Need nothing of it."""
