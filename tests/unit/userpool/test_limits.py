"""So many calls a second, and no more."""

from __future__ import annotations

from ostiary.userpool.limits import Buckets, Limits


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


def test_client_and_address_are_both_counted() -> None:
    limits = Limits(clients=Buckets(1), addresses=Buckets(2))

    def ask(address: str, client_id: str | None) -> bool:
        return limits.allow(address=address, client_id=client_id, now=0.0)

    assert [ask("a", "x"), ask("a", "x"), ask("a", "y"), ask("b", "y")] == [
        True,
        False,
        False,
        False,
    ]
    assert [ask("c", None), ask("c", None), ask("c", None)] == [True, True, False]
