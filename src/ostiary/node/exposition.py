"""
The node's numbers as Prometheus reads them. The only importer of prometheus-client.

Names and labels are those of Kong's prometheus plugin where it has them, so that its
dashboards work; ours begin with `ostiary_`.

Spec: gateway §4.5 (prometheus); Prometheus text format 0.0.4, OpenMetrics 1.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ostiary.admin.status import NodeNow, WorkerNow
from ostiary.gateway.metrics import Histogram, Metrics
from ostiary.gateway.snapshot import DEFAULT_ALONE
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.node.observer import Observation

OUTCOMES = {
    "ostiary_backchannel_requests": (
        "backchannel",
        ("ok", "refused", "failed"),
        "Requests of the gateway to providers, by outcome",
    ),
    "ostiary_jwks_fetches": (
        "jwks",
        ("ok", "failed"),
        "Fetches of a provider's keys, by outcome",
    ),
    "ostiary_upstream_connections": (
        "upstream",
        ("opened", "reused"),
        "Times that a request got an upstream connection, a new one or one from the pool",
    ),
}


def _latencies(
    total: Metrics, names: Mapping[str, str], name: str, attribute: str, text: str
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=("service", "route", "workspace"))
    for (service, route, workspace), series in total.series.items():
        found: Histogram = getattr(series, attribute)
        if not any(found.counts):
            continue
        sums, seen = [], 0
        for bound, count in zip((*found.bounds, "+Inf"), found.counts, strict=True):
            seen += count
            sums.append((str(bound), seen))
        shown = names.get(workspace or DEFAULT_WORKSPACE, workspace)
        family.add_metric((service, route, shown), sums, found.total_us / 1000)
    return family


def _requests(total: Metrics, names: Mapping[str, str]) -> Iterable[Metric]:
    """What Kong's plugin counts per route; `names` are those of workspaces."""
    codes = CounterMetricFamily(
        "kong_http_requests",
        "HTTP status codes per consumer/service/route in Kong",
        labels=("service", "route", "code", "source", "workspace", "consumer"),
    )
    # Kong calls this a counter without `_total`, which the format no longer knows.
    sent = Metric(
        "kong_bandwidth_bytes",
        "Total bandwidth (egress) throughput in bytes",
        "unknown",
    )
    for (service, route, workspace), series in total.series.items():
        shown = names.get(workspace or DEFAULT_WORKSPACE, workspace)
        for code, source, count in series.codes():
            codes.add_metric((service, route, str(code), source, shown, ""), count)
        labels = {"service": service, "route": route, "direction": "egress"}
        labels |= {"workspace": shown, "consumer": ""}
        sent.add_sample("kong_bandwidth_bytes", labels, series.sent_bytes)
    yield codes
    yield sent
    yield _latencies(
        total,
        names,
        "kong_kong_latency_ms",
        "kong",
        "Latency added by Kong and enabled plugins for each service/route in Kong",
    )
    yield _latencies(
        total,
        names,
        "kong_upstream_latency_ms",
        "upstream",
        "Latency added by upstream response for each service/route in Kong",
    )
    yield _latencies(
        total,
        names,
        "kong_request_latency_ms",
        "request",
        "Total latency incurred during requests for each service/route in Kong",
    )


def read_connections(total: Metrics) -> Mapping[str, int]:
    """Client connections by nginx's words for their state; `active` is how many there are."""
    accepted = total.counts.get("connections", 0)
    active = total.gauges.get("connections", 0)
    return {
        "accepted": accepted,
        "handled": accepted,
        "active": active,
        "total": accepted,
    }


def read_node(seen: Observation) -> NodeNow:
    """What `/status` shows of an observation."""
    return NodeNow(
        workers=tuple(
            WorkerNow(
                number=a.worker,
                pid=a.pid,
                revision=a.revision,
                resident_bytes=a.resident_bytes,
            )
            for a in seen.answers
        ),
        missing=seen.missing,
        connections=read_connections(seen.total),
        requests=seen.total.requests,
    )


class _Node(Collector):
    """One observation, as the library asks for it."""

    def __init__(
        self,
        seen: Observation,
        *,
        node_id: str,
        version: str,
        revision: str,
        workspaces: Mapping[str, str],
    ) -> None:
        self._seen = seen
        self._node_id = node_id
        self._version = version
        self._revision = revision
        self._workspaces = workspaces

    def collect(self) -> Iterable[Metric]:
        yield from _requests(self._seen.total, self._workspaces)
        yield from self._nginx()
        yield from self._ours()

    def _nginx(self) -> Iterable[Metric]:
        total = self._seen.total
        info = GaugeMetricFamily(
            "kong_node_info",
            "Kong Node metadata information",
            labels=("node_id", "version"),
        )
        info.add_metric((self._node_id, self._version), 1)
        yield info
        # Gauges under a counter's name: Kong's own choice.
        connections = GaugeMetricFamily(
            "kong_nginx_connections_total",
            "Number of connections by subsystem",
            labels=("node_id", "subsystem", "state"),
        )
        for state, count in read_connections(total).items():
            connections.add_metric((self._node_id, "http", state), count)
        yield connections
        requests = CounterMetricFamily(
            "kong_nginx_requests",
            "Total number of requests",
            labels=("node_id", "subsystem"),
        )
        requests.add_metric((self._node_id, "http"), total.requests)
        yield requests

    def _ours(self) -> Iterable[Metric]:
        seen, total = self._seen, self._seen.total
        for name, (prefix, outcomes, text) in OUTCOMES.items():
            family = CounterMetricFamily(name, text, labels=("outcome",))
            for outcome in outcomes:
                family.add_metric(
                    (outcome,), total.counts.get(f"{prefix}:{outcome}", 0)
                )
            yield family
        yield GaugeMetricFamily(
            "ostiary_upstream_connections_idle",
            "Upstream connections that wait in the pool",
            value=total.gauges.get("upstream_idle", 0),
        )
        yield GaugeMetricFamily(
            "ostiary_worker_connections",
            "Client connections that are open",
            value=total.gauges.get("connections", 0),
        )
        revision = GaugeMetricFamily(
            "ostiary_snapshot_info",
            "The configuration that the node has accepted last",
            labels=("revision",),
        )
        revision.add_metric((self._revision,), 1)
        yield revision
        serving = GaugeMetricFamily(
            "ostiary_snapshot_workers",
            "Workers by the configuration they serve",
            labels=("revision",),
        )
        for served, count in Counter(a.revision for a in seen.answers).items():
            serving.add_metric((served,), count)
        yield serving
        memory = GaugeMetricFamily(
            "ostiary_worker_resident_bytes",
            "Resident memory of a worker",
            labels=("worker",),
        )
        for answer in seen.answers:
            memory.add_metric((str(answer.worker),), answer.resident_bytes)
        yield memory
        yield GaugeMetricFamily(
            "ostiary_workers_missing",
            "Workers that did not answer when these numbers were asked for",
            value=len(seen.missing),
        )


def build_exposition(
    seen: Observation,
    *,
    accept: str,
    node_id: str,
    version: str,
    revision: str,
    workspaces: Mapping[str, str] = DEFAULT_ALONE,
) -> tuple[bytes, str]:
    """
    The body and its content type, in the form that `accept` asks for.

    Args:
        workspaces: Names by id.
    """
    encode, content_type = choose_encoder(accept)
    node = _Node(
        seen,
        node_id=node_id,
        version=version,
        revision=revision,
        workspaces=workspaces,
    )
    return encode(node), content_type
