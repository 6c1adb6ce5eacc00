"""The health of upstreams as it is told and as it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ostiary.gateway.balance import Balancer, Change
from ostiary.gateway.health_view import (
    View,
    build_balancer_page,
    build_decree,
    build_health_page,
    build_view,
    dump_change,
    dump_view,
    find_changes,
    load_change,
    load_view,
    merge_views,
)
from ostiary.http.url import MalformedUrl
from tests.unit.gateway.balance_kit import (
    UPSTREAM_ID,
    at,
    balancer,
    passive,
    target,
    upstream,
)

CHECKS = passive(tcp_failures=1)
ROWS = [{"id": "1", "target": "10.0.0.1:80", "weight": 100}]


def made(*, ill: str = "", **fields: Any) -> Balancer:
    rows = [target("10.0.0.1:80"), target("app.test:80", 10)]
    found = balancer(*rows, **{"healthchecks": CHECKS, **fields})
    found.resolve("app.test", ["10.0.0.2", "10.0.0.3"])
    for name in ill:
        found.note_failure(at(found, name), "tcp", found.passive)
    return found


def page(views: list[View], rows: list[dict[str, Any]] = ROWS, **more: Any) -> Any:
    row = upstream(**{"healthchecks": CHECKS, **more})
    return build_health_page(row, rows, views, node_id="n")


@pytest.mark.spec("Kong#1.7")
def test_the_page_tells_a_targets_health_and_its_addresses() -> None:
    assert page([build_view(made())]) == {
        "data": [
            {
                "id": "1",
                "target": "10.0.0.1:80",
                "weight": 100,
                "health": "HEALTHY",
                "data": {
                    "host": "10.0.0.1",
                    "port": 80,
                    "dns": "A",
                    "nodeWeight": 100,
                    "weight": {"total": 100, "available": 100, "unavailable": 0},
                    "addresses": [
                        {
                            "ip": "10.0.0.1",
                            "port": 80,
                            "health": "HEALTHY",
                            "weight": 100,
                        }
                    ],
                },
            }
        ],
        "next": None,
        "node_id": "n",
    }


NAMED = [{"target": "app.test:80", "weight": 10}]


@pytest.mark.spec("Kong#1.7")
@pytest.mark.parametrize(
    ("ill", "health", "unavailable"),
    [("", "HEALTHY", 0), ("b", "HEALTHY", 10), ("bc", "UNHEALTHY", 20)],
)
def test_a_target_is_healthy_while_one_address_is(
    ill: str, health: str, unavailable: int
) -> None:
    (row,) = page([build_view(made(ill=ill))], NAMED)["data"]

    assert row["health"] == health
    assert row["data"]["weight"] == {
        "total": 20,
        "available": 20 - unavailable,
        "unavailable": unavailable,
    }


@pytest.mark.spec("Kong#1.7")
def test_a_name_without_addresses_is_an_error_of_dns() -> None:
    found = made()
    found.resolve("app.test", [], "dns server error: 3 name error")
    (row,) = page([build_view(found)], NAMED)["data"]

    assert row["health"] == "DNS_ERROR"
    assert row["data"]["dns"] == "dns server error: 3 name error"
    assert row["data"]["addresses"] == []


@pytest.mark.spec("Kong#1.7")
def test_without_checks_the_page_says_so() -> None:
    found = made(healthchecks={})
    (row,) = page([build_view(found)], healthchecks={})["data"]

    assert row["health"] == "HEALTHCHECKS_OFF"
    assert row["data"]["addresses"][0]["health"] == "HEALTHCHECKS_OFF"


def test_a_target_that_no_worker_knows_yet_has_no_addresses() -> None:
    (row,) = page([])["data"]

    assert row["health"] == "DNS_ERROR"
    assert row["data"]["dns"] == "unknown"
    assert row["data"]["nodeWeight"] == 100


def test_the_page_has_the_offset_of_the_next() -> None:
    row = upstream(healthchecks=CHECKS)
    found = build_health_page(
        row, [], [], node_id="n", offset="o", next_page="/upstreams/u/health?offset=o"
    )

    assert (found["offset"], found["next"]) == ("o", "/upstreams/u/health?offset=o")
    assert "offset" not in page([])


@pytest.mark.spec("Kong#1.7")
@pytest.mark.parametrize(("ill", "health"), [("a", "HEALTHY"), ("abc", "UNHEALTHY")])
def test_the_balancers_page_sums_up(ill: str, health: str) -> None:
    row = upstream(healthchecks=CHECKS)
    found = build_balancer_page(row, [build_view(made(ill=ill))], node_id="n")
    data = found["data"]

    assert (found["next"], found["node_id"]) == (None, "n")
    assert (data["health"], data["balancer_health"], data["id"]) == (
        health,
        health,
        UPSTREAM_ID,
    )
    assert data["details"]["healthy"] == (health == "HEALTHY")
    assert data["details"]["weight"]["total"] == 120
    assert data["details"]["hosts"][0]["addresses"] == [
        {"ip": "10.0.0.1", "port": 80, "weight": 100, "healthy": False}
    ]


def test_a_balancer_without_checks_has_no_health() -> None:
    found = build_balancer_page(upstream(), [build_view(made())], node_id="n")["data"]

    assert found == {
        "id": UPSTREAM_ID,
        "health": "HEALTHCHECKS_OFF",
        "balancer_health": "HEALTHCHECKS_OFF",
    }


def test_a_balancer_that_no_worker_knows_is_not_healthy() -> None:
    row = upstream(healthchecks=CHECKS)

    assert build_balancer_page(row, [], node_id="n")["data"]["health"] == "UNHEALTHY"


def test_what_one_worker_finds_ill_is_ill_and_what_one_knows_is_there() -> None:
    one, other = made(ill="a"), made(ill="b")
    other.resolve("app.test", ["10.0.0.2", "10.0.0.4"])
    merged = merge_views([build_view(one), build_view(other)])
    assert merged is not None
    found = {a.ip[-1]: a.healthy for host in merged.hosts for a in host.addresses}

    assert found == {"1": False, "2": False, "3": True, "4": True}
    assert merge_views([]) is None


@pytest.mark.parametrize("ill", ["", "ac"])
def test_views_and_changes_survive_the_way(ill: str) -> None:
    view = build_view(made(ill=ill))
    change = Change(upstream="u", host="h", port=1, ip=None, healthy=False)

    assert load_view(json.loads(json.dumps(dump_view(view)))) == view
    assert load_change(dump_change(change)) == change


def test_what_another_worker_knows_better_is_found() -> None:
    theirs, mine = made(ill="ab"), made(ill="bc")
    mine.resolve("app.test", ["10.0.0.2"])

    assert find_changes(build_view(theirs), mine) == (
        Change(
            upstream=UPSTREAM_ID, host="10.0.0.1", port=80, ip="10.0.0.1", healthy=False
        ),
    )
    assert find_changes(build_view(mine), mine) == ()


@pytest.mark.spec("Kong#1.7")
@pytest.mark.parametrize(
    ("address", "ip"),
    [(None, None), ("10.0.0.2:80", "10.0.0.2"), ("[::1]:80", "::1"), ("::1", "")],
)
def test_an_operator_decrees_for_a_target_or_one_address(
    address: str | None, ip: str | None
) -> None:
    row = target("[::1]:80")
    if ip == "":
        with pytest.raises(MalformedUrl):
            build_decree(upstream(), row, address, healthy=True)
        return

    assert build_decree(upstream(), row, address, healthy=True) == Change(
        upstream=UPSTREAM_ID, host="::1", port=80, ip=ip, healthy=True
    )
