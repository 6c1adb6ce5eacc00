"""So many calls a second, and no more."""

from __future__ import annotations

from ostiary.web.buckets import Buckets


def test_a_bucket_holds_one_second_and_fills_steadily() -> None:
    buckets = Buckets(2)
    seen = [buckets.take("a", now=0.0) for _ in range(3)]

    assert seen == [True, True, False]
    assert [buckets.take("a", now=0.5), buckets.take("a", now=0.5)] == [True, False]
    assert [buckets.take("a", now=99.0) for _ in range(3)] == [True, True, False]


def test_everybody_has_a_bucket() -> None:
    buckets = Buckets(1)

    assert [buckets.take(who, now=0.0) for who in "aab"] == [True, False, True]


def test_a_rate_of_nothing_limits_nobody() -> None:
    buckets = Buckets(0)

    assert all(buckets.take("a", now=0.0) for _ in range(100))


def test_a_clock_that_goes_back_fills_nothing() -> None:
    buckets = Buckets(1)
    assert buckets.take("a", now=10.0)

    assert not buckets.take("a", now=5.0)


def test_those_who_have_not_asked_for_longest_are_forgotten() -> None:
    buckets = Buckets(1, kept=2)
    for who in "abc":
        buckets.take(who, now=0.0)

    assert [buckets.take(who, now=0.0) for who in "ca"] == [False, True]


def test_who_is_refused_is_told_when_to_come_again() -> None:
    slow, fast = Buckets(0.25), Buckets(50)
    slow.take("a", now=0.0)
    for _ in range(50):
        fast.take("a", now=0.0)

    assert not slow.take("a", now=1.0)
    assert slow.wait_s("a", now=1.0) == 3
    assert slow.take("a", now=4.0)
    assert not fast.take("a", now=0.0)
    assert fast.wait_s("a", now=0.0) == 1
