"""What a worker counts, that sums are exact, and how Prometheus sees them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ostiary.gateway import metrics as module
from ostiary.gateway.decision import Outcome
from ostiary.gateway.metrics import KONG_BUCKETS_MS, OTHERS, Metrics
from ostiary.model.gateway import Route, Service
from ostiary.node.exposition import build_exposition, read_node
from ostiary.node.observer import Observation, WorkerAnswer
from tests.unit.gateway.gateway_kit import PEER, World

SERVICES = tuple(Service(id=None, name=n, host="up.example") for n in ("a", "b"))
ROUTES = tuple(
    Route(id=f"00000000-0000-4000-8000-00000000000{n}", name=f"r{n}", paths=("/",))
    for n in range(3)
)


@dataclass(frozen=True)
class Finished:
    """One exchange, and where it went."""

    route: Route | None
    service: Service | None
    outcome: Outcome


def finished(**more: Any) -> Finished:
    fields: dict[str, Any] = {
        "status": 200, "sent_bytes": 100, "body_bytes": 60, "total_ms": 30.0,
        "upstream_ms": 20.0, "upstream_status": 200,
    }  # fmt: skip
    route = more.pop("route", ROUTES[0])
    service = more.pop("service", SERVICES[0])
    return Finished(route, service, Outcome(**fields | more))


def counted(*records: Finished) -> Metrics:
    found = Metrics()
    for record in records:
        found.observe(record.route, record.service, record.outcome)
    return found


records = st.builds(
    finished,
    route=st.sampled_from((None, *ROUTES)),
    service=st.sampled_from((None, *SERVICES)),
    status=st.sampled_from((200, 302, 404, 499, 502)),
    sent_bytes=st.integers(0, 10**9),
    total_ms=st.floats(0, 10**6),
    upstream_ms=st.none() | st.floats(0, 10**6),
    upstream_status=st.sampled_from((None, 200, 500)),
)


@given(st.lists(st.lists(records, max_size=8), max_size=4))
def test_the_sum_of_workers_is_what_one_worker_would_have_counted(
    parts: list[list[Finished]],
) -> None:
    together = counted(*(record for part in parts for record in part))
    summed, in_pieces = Metrics(), Metrics()
    for part in parts:
        summed.merge(json.loads(json.dumps(counted(*part).dump())))
        for piece in counted(*part).dump_pieces():
            in_pieces.merge(piece)

    assert sorted(summed.dump()["series"]) == sorted(together.dump()["series"])
    assert summed.dump() == in_pieces.dump()
    assert summed.requests == sum(len(part) for part in parts)


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)),
)
def test_counts_add_up_and_gauges_of_the_dead_do_not(
    first: dict[str, int], second: dict[str, int]
) -> None:
    living, dead = (Metrics(counts=dict(n), gauges=dict(n)) for n in (first, second))
    total = Metrics()
    total.merge(living.dump())
    total.merge(dead.dump(), gauges=False)

    names = first.keys() | second.keys()
    assert total.counts == {n: first.get(n, 0) + second.get(n, 0) for n in names}
    assert total.gauges == first


def test_pieces_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_SERIES", 2)
    one = counted(*(finished(route=r) for r in ROUTES))
    one.count("x")
    pieces = [*one.dump_pieces()]

    assert [len(p["series"]) for p in pieces] == [0, 2, 1]
    assert [p["counts"] for p in pieces] == [{"x": 1}, {}, {}]


def test_a_dump_is_a_copy() -> None:
    one = counted(finished())
    total = Metrics()
    total.merge(one.dump())
    total.merge(one.dump())

    assert one.requests == 1
    assert total.requests == 2


@pytest.mark.spec("gateway#4.5")
@pytest.mark.parametrize(
    ("ms", "place"),
    [(0.0, 0), (1.0, 0), (1.001, 1), (6000.0, 16), (6000.1, 17), (1e9, 17)],
)
def test_a_bucket_holds_its_own_bound(ms: float, place: int) -> None:
    one = counted(finished(total_ms=ms, upstream_ms=None))
    counts = one.series["a", "r0", ""].kong.counts

    assert [i for i, n in enumerate(counts) if n] == [place]
    assert len(counts) == len(KONG_BUCKETS_MS) + 1


def test_time_is_split_between_the_upstream_and_us() -> None:
    series = counted(finished(), finished(total_ms=5.0, upstream_ms=5.001)).series
    found = series["a", "r0", ""]

    assert found.request.total_us == 35_000
    assert found.upstream.total_us == 25_001
    assert found.kong.total_us == 10_000


def test_a_renamed_route_is_counted_under_its_new_name() -> None:
    renamed = ROUTES[0].model_copy(update={"name": "new"})
    one = counted(finished(), finished(route=renamed), finished(service=SERVICES[1]))

    assert set(one.series) == {("a", "r0", ""), ("a", "new", ""), ("b", "r0", "")}


def test_names_stand_in_for_what_has_none() -> None:
    bare = Route(id=ROUTES[1].id, paths=("/",))
    nameless = Service(host="up.example")
    one = counted(
        finished(route=None, service=None), finished(route=bare, service=nameless)
    )

    assert set(one.series) == {("", "", ""), ("up.example", ROUTES[1].id, "")}


def test_routes_beyond_the_limit_share_one_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_SERIES", 2)
    monkeypatch.setattr(module, "MAX_KNOWN_ROUTES", 2)
    one = counted(*(finished(route=r, service=s) for r in ROUTES for s in SERVICES))

    assert set(one.series) == {("a", "r0", ""), ("b", "r0", ""), OTHERS}
    assert one.series[OTHERS].answered == {200: 4}
    again = Metrics()
    again.merge(one.dump())
    assert again.series[OTHERS].answered == {200: 4}


def test_the_gateway_feeds_it() -> None:
    numbers = Metrics()
    gateway = World().gateway()
    gateway.meter = numbers.observe
    gateway.on_bad_request(431, "too large", PEER)

    assert numbers.series["", "", ""].exits == {431: 1}


def shown(seen: Observation, accept: str = "") -> dict[tuple[str, ...], float]:
    body, _ = build_exposition(
        seen, accept=accept, node_id="n", version="1", revision="abc"
    )
    return {
        (sample.name, *(f"{k}={v}" for k, v in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }  # fmt: skip


def observed(total: Metrics) -> Observation:
    answers = tuple(
        WorkerAnswer(worker=n, run=str(n), pid=n, revision="abc", resident_bytes=5)
        for n in (1, 2)
    )
    return Observation(answers=answers, missing=(3,), total=total)


@pytest.mark.spec("gateway#4.5")
def test_prometheus_sees_kongs_names() -> None:
    total = counted(
        finished(), finished(status=404, upstream_ms=None, upstream_status=None)
    )
    total.count("connections", 4)
    total.count("jwks:ok")
    total.gauges["connections"] = 3
    found = shown(observed(total))

    def one(name: str, **labels: str) -> float:
        return found[name, *(f"{k}={v}" for k, v in sorted(labels.items()))]

    where = {"service": "a", "route": "r0", "workspace": "default"}
    requests = {**where, "consumer": ""}
    assert (
        one("kong_http_requests_total", code="200", source="service", **requests) == 1
    )
    assert one("kong_http_requests_total", code="404", source="kong", **requests) == 1
    assert one("kong_bandwidth_bytes", direction="egress", **requests) == 200
    assert one("kong_request_latency_ms_count", **where) == 2
    assert one("kong_request_latency_ms_sum", **where) == 60
    assert one("kong_upstream_latency_ms_bucket", le="25", **where) == 1
    assert one("kong_kong_latency_ms_bucket", le="10", **where) == 1
    assert one("kong_kong_latency_ms_bucket", le="+Inf", **where) == 2
    nginx = {"node_id": "n", "subsystem": "http"}
    assert one("kong_nginx_connections_total", state="active", **nginx) == 3
    assert one("kong_nginx_connections_total", state="accepted", **nginx) == 4
    assert one("kong_nginx_requests_total", **nginx) == 2
    assert one("kong_node_info", node_id="n", version="1") == 1
    assert one("ostiary_jwks_fetches_total", outcome="ok") == 1
    assert one("ostiary_backchannel_requests_total", outcome="failed") == 0
    assert one("ostiary_snapshot_info", revision="abc") == 1
    assert one("ostiary_snapshot_workers", revision="abc") == 2
    assert one("ostiary_worker_resident_bytes", worker="2") == 5
    assert one("ostiary_workers_missing") == 1


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ],
)
def test_the_form_is_negotiated(accept: str, kind: str) -> None:
    body, told = build_exposition(
        observed(counted(finished())), accept=accept, node_id="n", version="1", revision="r"
    )  # fmt: skip

    assert told.startswith(kind)
    assert (body.endswith(b"# EOF\n")) is ("openmetrics" in kind)


def test_labels_cannot_break_out_of_their_line() -> None:
    wild = Service(name="x", host="up.example").model_copy(update={"name": 'a"b\nc\\'})
    found = shown(observed(counted(finished(service=wild))))

    assert any('service=a"b\nc\\' in key for key in found)


def test_status_shows_the_same_numbers() -> None:
    total = counted(finished())
    total.count("connections", 2)
    now = read_node(observed(total))

    assert (now.requests, now.connections["accepted"], now.missing) == (1, 2, (3,))
