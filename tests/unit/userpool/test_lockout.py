"""Guessing gets slower: 5 free failures, then 1, 2, 4 … seconds, at most 15 minutes."""

from __future__ import annotations

from ostiary.model.pool import Attempts
from ostiary.userpool.lockout import begin_attempt

NOW = 1000.0


def failures(n: int, at: float = NOW) -> Attempts:
    attempts = Attempts()
    for _ in range(n):
        attempts, allowed = begin_attempt(attempts, now=at)
        assert allowed
        at = max(at, attempts.locked_until)
    return attempts


def test_four_failures_cost_nothing() -> None:
    assert failures(4).locked_until <= NOW


def test_the_wait_doubles_from_the_fifth_on() -> None:
    waits = [
        failures(n).locked_until - failures(n).last_failed_at for n in (5, 6, 7, 10)
    ]

    assert waits == [1, 2, 4, 32]


def test_the_wait_never_passes_fifteen_minutes() -> None:
    attempts = failures(40)

    assert attempts.locked_until - attempts.last_failed_at == 900


def test_a_locked_attempt_is_refused_and_not_counted() -> None:
    attempts = failures(5)
    after, allowed = begin_attempt(attempts, now=NOW + 0.5)

    assert not allowed
    assert after == attempts


def test_fifteen_quiet_minutes_forget() -> None:
    attempts = failures(8)
    after, allowed = begin_attempt(attempts, now=attempts.locked_until + 900)

    assert allowed
    assert after.failures == 1


def test_before_that_nothing_is_forgotten() -> None:
    attempts = failures(8)
    after, _ = begin_attempt(attempts, now=attempts.locked_until + 899)

    assert after.failures == 9
