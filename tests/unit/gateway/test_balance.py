"""Who is next: by weight, by load, by key; and what goes on when targets change."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.gateway.balance import (
    Balancer,
    Change,
    build_balancer,
    build_balancers,
    build_host,
    build_target,
)
from ostiary.gateway.decision import KeyPair, Target, TlsTo
from ostiary.model.balancing import Target as Row
from ostiary.model.certificates import Certificate
from tests.unit.gateway.balance_kit import (
    UPSTREAM_ID,
    at,
    balancer,
    draw,
    named,
    passive,
    target,
    targets,
    upstream,
)

PAIR = str(uuid.UUID(int=9))
PASSIVE = passive(tcp_failures=1)
WEIGHTS = st.dictionaries(
    st.sampled_from("abcdefg"), st.integers(1, 12), min_size=1, max_size=7
)


def decree(made: Balancer, name: str, *, healthy: bool) -> None:
    address = at(made, name)
    made.apply(
        Change(
            upstream=UPSTREAM_ID,
            host=address.name,
            port=address.port,
            ip=None,
            healthy=healthy,
        )
    )


@pytest.mark.spec("Kong#3.10")
@settings(max_examples=60, deadline=None, derandomize=True)
@given(WEIGHTS, st.integers(0, 99))
def test_round_robin_serves_everybody_exactly_by_weight(
    weights: dict[str, int], seed: int
) -> None:
    made = build_balancer(upstream(), targets(**weights), seed=seed)
    round_ = sum(weights.values())
    draw(made, seed)

    assert draw(made, round_) == weights


@pytest.mark.spec("Kong#3.10")
def test_round_robin_spreads_a_heavy_target_over_the_round() -> None:
    made = balancer(*targets(a=3, b=3))
    names = [named(made.choose()) for _ in range(60)]

    assert all(len(set(names[n : n + 3])) == 2 for n in range(57))


def test_workers_do_not_begin_with_the_same_target() -> None:
    first = {
        named(build_balancer(upstream(), targets(a=1, b=1, c=1), seed=s).choose())
        for s in range(20)
    }

    assert first == {"a", "b", "c"}


@pytest.mark.spec("Kong#3.10")
@pytest.mark.parametrize("algorithm", ["round-robin", "least-connections"])
def test_a_weight_of_nothing_takes_a_target_out(algorithm: str) -> None:
    made = balancer(*targets(a=0, b=1), algorithm=algorithm)

    assert set(draw(made, 10)) == {"b"}
    assert set(draw(balancer(*targets(a=0), algorithm=algorithm), 3)) == {""}
    assert set(draw(balancer(algorithm=algorithm), 3)) == {""}


@pytest.mark.spec("Kong#3.10")
def test_least_connections_go_to_who_has_fewest_by_weight() -> None:
    made = balancer(*targets(a=100, b=200), algorithm="least-connections")
    chosen = []
    for _ in range(6):
        address = made.choose()
        assert address is not None
        address.load.active += 1
        chosen.append(named(address))
    at(made, "a").load.active = 0

    assert Counter(chosen) == {"a": 2, "b": 4}
    assert named(made.choose()) == "a"


def test_of_equally_idle_targets_each_has_its_turn() -> None:
    made = balancer(*targets(a=1, b=1, c=1), algorithm="least-connections")

    assert draw(made, 9) == {"a": 3, "b": 3, "c": 3}


KEYS = [f"key {n}" for n in range(2000)]


def ring(**weights: int) -> Balancer:
    return balancer(*targets(**weights), hash_on="ip")


def places(made: Balancer) -> dict[str, str]:
    return {key: named(made.choose(key)) for key in KEYS}


@pytest.mark.spec("Kong#3.10")
def test_a_key_stays_where_it_is() -> None:
    made = ring(a=1, b=1, c=1)

    assert places(made) == places(made)
    assert places(ring(c=1, b=1, a=1)) == places(made)


@pytest.mark.spec("Kong#3.10")
@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.sets(st.sampled_from("abcdefg"), min_size=2), st.data())
def test_when_a_target_leaves_only_its_keys_move(
    names: set[str], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(sorted(names)))
    before = places(ring(**dict.fromkeys(sorted(names), 10)))
    after = places(ring(**dict.fromkeys(sorted(names - {gone}), 10)))

    assert all(after[k] == v for k, v in before.items() if v != gone)
    assert gone not in after.values()


@pytest.mark.spec("Kong#3.10")
@settings(max_examples=25, deadline=None, derandomize=True)
@given(WEIGHTS)
def test_keys_are_spread_by_weight(weights: dict[str, int]) -> None:
    found = Counter(places(ring(**weights)).values())
    total = sum(weights.values())

    for name, weight in weights.items():
        assert abs(found[name] / len(KEYS) - weight / total) < 0.12


@pytest.mark.parametrize("slots", [10, 65536])
def test_slots_bound_the_ring(slots: int) -> None:
    made = balancer(*targets(a=1, b=1, c=1), hash_on="ip", slots=slots)

    assert set(places(made).values()) == {"a", "b", "c"}


@pytest.mark.spec("Kong#3.10")
def test_requests_without_a_key_go_round() -> None:
    assert draw(ring(a=1, b=1), 10) == {"a": 5, "b": 5}


@pytest.mark.parametrize(
    "fields", [{}, {"algorithm": "least-connections"}, {"hash_on": "ip"}]
)
def test_who_was_tried_is_left_out_while_there_is_another(
    fields: dict[str, Any],
) -> None:
    made = balancer(*targets(a=100, b=1), **fields)
    a, b = at(made, "a"), at(made, "b")

    assert {made.choose("k", [a]) for _ in range(5)} == {b}
    assert {made.choose("k", [b]) for _ in range(5)} == {a}
    assert made.choose("k", [a, b]) in {a, b}


@pytest.mark.parametrize(
    "fields", [{}, {"algorithm": "least-connections"}, {"hash_on": "ip"}]
)
def test_who_is_ill_is_left_out_until_it_is_well(fields: dict[str, Any]) -> None:
    made = balancer(*targets(a=1, b=1), healthchecks=PASSIVE, **fields)
    decree(made, "a", healthy=False)

    assert {named(made.choose(f"{n}")) for n in range(20)} == {"b"}

    decree(made, "b", healthy=False)
    assert made.choose("k") is None

    decree(made, "a", healthy=True)
    assert {named(made.choose(f"{n}")) for n in range(20)} == {"a"}


@pytest.mark.spec("Kong#3.11")
@pytest.mark.parametrize(
    ("threshold", "ill", "serves"),
    [
        (0, "ab", True),
        (0, "abcd", False),
        (49, "ab", True),
        (50, "ab", False),
        (74, "a", True),
        (75, "a", False),
        (100, "", True),
        (100, "a", False),
    ],
)
def test_too_little_healthy_weight_is_none(
    threshold: int, ill: str, serves: bool
) -> None:
    checks = {**PASSIVE, "threshold": threshold}
    made = balancer(*targets(a=5, b=5, c=5, d=5), healthchecks=checks)
    for name in ill:
        decree(made, name, healthy=False)

    assert (made.choose() is not None) == serves


@pytest.mark.spec("Kong#3.11")
def test_without_checks_nobody_is_ill() -> None:
    made = balancer(*targets(a=1))
    decree(made, "a", healthy=False)
    made.note_failure(at(made, "a"), "tcp", made.passive)

    assert named(made.choose()) == "a"


def test_a_name_is_nobody_until_it_has_addresses() -> None:
    made = balancer(target("app.test:80"))

    assert made.names == {"app.test"}
    assert made.choose() is None

    made.resolve("other.test", ["10.0.0.9"])
    assert made.choose() is None

    made.resolve("app.test", ["10.0.0.2", "10.0.0.1"])
    assert draw(made, 4) == {"a": 2, "b": 2}


@pytest.mark.spec("Kong#3.10")
def test_each_address_of_a_name_has_the_targets_weight() -> None:
    made = balancer(target("app.test:80", 10), target("10.0.0.3:80", 10))
    made.resolve("app.test", ["10.0.0.1", "10.0.0.2", "2001:db8::1"])

    assert made.total == 30
    assert draw(made, 30) == {"a": 10, "b": 10, "c": 10}


def test_addresses_of_ipv6_count_where_there_are_no_others() -> None:
    made = balancer(target("app.test:80"), target("[2001:db8::2]:81"))
    made.resolve("app.test", ["2001:db8::1"])

    assert [a.ip for host in made.hosts for a in host.addresses] == [
        "2001:db8::1",
        "2001:db8::2",
    ]
    assert [host.dns for host in made.hosts] == ["AAAA", "AAAA"]


def test_an_address_that_stays_keeps_what_is_known_of_it() -> None:
    made = balancer(target("app.test:80"), healthchecks=PASSIVE)
    made.resolve("app.test", ["10.0.0.1", "10.0.0.2"])
    decree(made, "a", healthy=False)
    decree(made, "b", healthy=True)
    made.note_failure(at(made, "a"), "tcp", made.passive)
    made.resolve("app.test", ["10.0.0.1", "10.0.0.3"])

    assert not at(made, "a").vitals.is_healthy
    assert set(draw(made, 5)) == {"c"}

    made.resolve("app.test", [], "no such name")
    assert made.choose() is None
    assert made.hosts[0].dns == "no such name"


def test_the_next_balancer_goes_on_with_targets_that_stay() -> None:
    row = upstream(healthchecks=PASSIVE)
    rows = [target("10.0.0.1:80"), target("10.0.0.2:80"), target("app.test:80")]
    first = build_balancer(row, rows)
    first.resolve("app.test", ["10.0.0.4"])
    decree(first, "a", healthy=False)
    at(first, "b").load.active = 3
    heavier = target("10.0.0.2:80", 7)
    second = build_balancer(row, [rows[0], heavier, rows[2], target("10.0.0.3:80")], first)  # fmt: skip

    assert not at(second, "a").vitals.is_healthy
    assert at(second, "c").vitals.is_healthy
    assert at(second, "b").load is at(first, "b").load
    assert (at(second, "b").weight, at(first, "b").weight) == (7, 100)
    assert at(second, "d").ip == "10.0.0.4"


def test_another_port_is_another_target() -> None:
    row = upstream(healthchecks=PASSIVE)
    first = build_balancer(row, [target("10.0.0.1:80")])
    decree(first, "a", healthy=False)
    second = build_balancer(row, [target("10.0.0.1:81")], first)

    assert at(second, "a").vitals.is_healthy


def test_health_is_forgotten_when_checks_are_turned_off() -> None:
    rows = targets(a=1)
    first = build_balancer(upstream(healthchecks=PASSIVE), rows)
    decree(first, "a", healthy=False)

    assert build_balancer(upstream(), rows, first).choose() is not None


def test_what_did_not_change_is_the_same_balancer() -> None:
    row, rows = upstream(), targets(a=1, b=1)
    first = build_balancer(row, rows)

    assert build_balancer(row, tuple(rows), first) is first
    assert build_balancer(row, rows[:1], first) is not first
    assert build_balancer(upstream(), rows, first) is not first


def test_a_change_of_health_is_reported_once() -> None:
    heard: list[Change] = []
    made = balancer(*targets(a=1, b=1), healthchecks=passive(tcp_failures=2))
    made.report = heard.append
    for _ in range(4):
        made.note_failure(at(made, "a"), "tcp", made.passive)

    assert heard == [
        Change(
            upstream=UPSTREAM_ID, host="10.0.0.1", port=80, ip="10.0.0.1", healthy=False
        )
    ]
    assert set(draw(made, 4)) == {"b"}


def test_each_upstream_of_a_configuration_has_its_balancer() -> None:
    other = str(uuid.UUID(int=2))
    rows = [upstream(name="Pool.Test", client_certificate=PAIR), upstream(id=other, name="other.test")]  # fmt: skip
    pair = Certificate.model_construct(id=PAIR, cert="cert", key="key")
    ends = [*targets(b=1, a=1), Row(upstream=other, target="10.0.0.3:80")]
    first = build_balancers(rows, ends, {PAIR: pair}, {})
    second = build_balancers(rows, reversed(ends), {PAIR: pair}, first)
    third = build_balancers(rows, ends, {}, first)

    assert set(draw(first["pool.test"], 2)) == {"a", "b"}
    assert set(draw(first["other.test"], 2)) == {"c"}
    assert first["pool.test"].shown == KeyPair(cert="cert", key="key")
    assert all(second[key] is made for key, made in first.items())
    assert third["pool.test"].shown is None
    assert third["other.test"] is first["other.test"]


TEMPLATE = Target(host="pool.test", port=1, tls=TlsTo(server_name="pool.test"))


@pytest.mark.spec("Kong#1.6")
@pytest.mark.parametrize(
    ("text", "header", "host", "name"),
    [
        ("10.0.0.1:443", None, b"10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:8443", None, b"10.0.0.1:8443", "10.0.0.1"),
        ("[2001:db8::1]:443", None, b"[2001:db8::1]", "2001:db8::1"),
        ("app.test:80", None, b"app.test:80", "app.test"),
        ("app.test:443", "api.test", b"api.test", "api.test"),
        ("app.test:8443", "api.test", b"api.test:8443", "api.test"),
        ("app.test:8443", "api.test:1", b"api.test:1", "api.test"),
    ],
)
def test_a_target_hears_its_own_name_or_the_upstreams(
    text: str, header: str | None, host: bytes, name: str
) -> None:
    made = balancer(target(text), host_header=header)
    made.resolve("app.test", ["10.0.0.9"])
    address = made.choose()
    assert address is not None
    reached = build_target(made, address, TEMPLATE)
    assert reached.tls is not None

    assert build_host(made.upstream, address, secure=True) == host
    assert (reached.host, reached.port) == (address.ip, address.port)
    assert reached.tls.server_name == name
    assert build_target(made, address, TEMPLATE) is reached


def test_what_is_remembered_of_templates_is_bounded() -> None:
    made = balancer(*targets(a=1))
    address = at(made, "a")
    for port in range(200):
        build_target(made, address, Target(host="x", port=port))

    assert len(address.made) <= 64
