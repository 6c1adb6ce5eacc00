"""
The configuration of `prometheus`.

The node counts status codes, latencies and bandwidth per route whether or not the plugin asks
for them. What it does not count is refused.

Spec: gateway §4.5 (prometheus).
"""

from __future__ import annotations

from ostiary.kit import Entity
from ostiary.kit.fields import Field, NotYetTrue


class PrometheusConfig(Entity):
    """`config` of the plugin."""

    per_consumer: NotYetTrue = Field(
        default=False, description="Count consumers apart. Not supported yet."
    )
    status_code_metrics: bool = Field(
        default=False, description="Status codes; shown in any case."
    )
    latency_metrics: bool = Field(
        default=False, description="Latencies; shown in any case."
    )
    bandwidth_metrics: bool = Field(
        default=False, description="Bytes sent; shown in any case."
    )
    upstream_health_metrics: NotYetTrue = Field(
        default=False, description="The health of targets. Not supported yet."
    )
    ai_metrics: NotYetTrue = Field(
        default=False, description="Use of language models. Not supported yet."
    )
    wasm_metrics: NotYetTrue = Field(
        default=False, description="Filters in WebAssembly. Not supported yet."
    )


def describe_warnings(config: PrometheusConfig) -> tuple[str, ...]:
    """What operators should know of a config that is accepted."""
    shown = ("status_code_metrics", "latency_metrics", "bandwidth_metrics")
    off = [
        name
        for name in shown
        if name in config.model_fields_set and not getattr(config, name)
    ]
    return tuple(f"{name}: false hides nothing, /metrics shows them" for name in off)
