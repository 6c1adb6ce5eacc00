"""When counters make an address ill or well."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from ostiary.gateway.health import Rules, Vitals, build_rules, is_checked, is_probed
from ostiary.model.balancing import Active, Passive
from tests.unit.gateway.balance_kit import upstream

LIMITS = {"http_failures": 2, "tcp_failures": 3, "timeouts": 4}


def passive(**healthy: Any) -> Rules:
    return build_rules(
        Passive.model_validate({"healthy": healthy, "unhealthy": LIMITS})
    )


def active(**healthy: Any) -> Rules:
    return build_rules(Active.model_validate({"healthy": healthy, "unhealthy": LIMITS}))


@pytest.mark.spec("Kong#3.11")
@pytest.mark.parametrize(
    ("status", "times", "healthy"),
    [(500, 1, True), (500, 2, False), (404, 9, True), (200, 9, True), (0, 2, False)],
)
def test_bad_statuses_in_a_row_make_it_ill(
    status: int, times: int, healthy: bool
) -> None:
    vitals = Vitals()
    changes = [passive().judge_status(vitals, status) for _ in range(times)]

    assert vitals.is_healthy == healthy
    assert changes.count(True) == (0 if healthy else 1)


@pytest.mark.spec("Kong#3.11")
@pytest.mark.parametrize(("failure", "limit"), [("tcp", 3), ("timeout", 4)])
def test_failures_of_one_kind_make_it_ill(
    failure: Literal["tcp", "timeout"], limit: int
) -> None:
    vitals = Vitals()
    for _ in range(limit - 1):
        assert not passive().judge_failure(vitals, failure)

    assert vitals.is_healthy
    assert passive().judge_failure(vitals, failure)
    assert not vitals.is_healthy


def test_kinds_are_counted_apart() -> None:
    vitals = Vitals()
    for _ in range(2):
        passive().judge_failure(vitals, "tcp")
    for _ in range(3):
        passive().judge_failure(vitals, "timeout")
    passive().judge_status(vitals, 500)

    assert vitals.is_healthy
    assert vitals.has_failures


@pytest.mark.spec("Kong#3.11")
@pytest.mark.parametrize(("successes", "healthy"), [(1, True), (0, False)])
def test_a_success_clears_failures_where_successes_count(
    successes: int, healthy: bool
) -> None:
    vitals, rules = Vitals(), passive(successes=successes)
    rules.judge_status(vitals, 500)
    rules.judge_status(vitals, 200)
    rules.judge_status(vitals, 500)

    assert vitals.is_healthy == healthy


@pytest.mark.spec("Kong#3.11")
def test_a_limit_of_nothing_is_never_reached() -> None:
    vitals, rules = Vitals(), build_rules(Passive())
    for _ in range(300):
        rules.judge_status(vitals, 500)
        rules.judge_failure(vitals, "tcp")
        rules.judge_failure(vitals, "timeout")

    assert vitals == Vitals()


@pytest.mark.spec("Kong#3.11")
def test_only_probes_make_it_well_again() -> None:
    vitals = Vitals(is_healthy=False)
    for _ in range(9):
        assert not passive(successes=1).judge_status(vitals, 200)
    rules = active(successes=2)

    assert not rules.judge_status(vitals, 200)
    assert rules.judge_success(vitals)
    assert vitals == Vitals()


@pytest.mark.spec("Kong#3.11")
def test_a_failure_clears_successes() -> None:
    vitals, rules = Vitals(is_healthy=False), active(successes=2)
    rules.judge_status(vitals, 200)
    rules.judge_failure(vitals, "tcp")
    rules.judge_status(vitals, 200)

    assert not vitals.is_healthy


@pytest.mark.parametrize("healthy", [True, False])
def test_a_decree_counts_from_nothing(healthy: bool) -> None:
    vitals = Vitals(http_failures=1, timeouts=2)

    assert vitals.decree(healthy=healthy) == (not healthy)
    assert vitals == Vitals(is_healthy=healthy)


@pytest.mark.spec("Kong#3.11")
@pytest.mark.parametrize(
    ("checks", "checked", "probed"),
    [
        ({}, False, False),
        ({"passive": {"unhealthy": {"timeouts": 1}}}, True, False),
        ({"passive": {"healthy": {"successes": 1}}}, False, False),
        ({"active": {"healthy": {"interval": 1}}}, True, True),
        ({"active": {"unhealthy": {"interval": 1}}}, True, True),
        ({"active": {"unhealthy": {"timeouts": 1}}}, False, False),
    ],
)
def test_checks_are_on_where_something_can_make_a_target_ill(
    checks: dict[str, Any], checked: bool, probed: bool
) -> None:
    row = upstream(healthchecks=checks)

    assert (is_checked(row), is_probed(row)) == (checked, probed)
