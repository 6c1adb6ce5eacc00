"""The `prometheus` plugin: what of the node's numbers is asked for."""

from __future__ import annotations

from ostiary.kit import PluginType
from ostiary.plugins.prometheus.handler import Prometheus
from ostiary.plugins.prometheus.schema import PrometheusConfig, describe_warnings

PLUGIN = PluginType(
    name="prometheus",
    priority=13,
    schema=PrometheusConfig,
    build=Prometheus,
    warnings=describe_warnings,
)
