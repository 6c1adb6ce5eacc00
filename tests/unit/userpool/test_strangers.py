"""The counters of names without a user are bounded and apart."""

from __future__ import annotations

from ostiary.userpool.strangers import Strangers


def _tries(strangers: Strangers, pool_id: str, name: str, times: int) -> list[bool]:
    return [
        strangers.begin_attempt(pool_id=pool_id, login_key=name, now=1000.0)
        for _ in range(times)
    ]


def test_five_attempts_are_free_in_each_pool_for_each_name() -> None:
    strangers = Strangers()

    assert _tries(strangers, "p", "a", 6) == [True] * 5 + [False]
    assert _tries(strangers, "q", "a", 1) == [True]
    assert _tries(strangers, "p", "b", 1) == [True]


def test_the_oldest_go_first() -> None:
    strangers = Strangers(kept=3)
    for name in "abcd":
        _tries(strangers, "p", name, 6)

    assert len(strangers) == 3
    assert _tries(strangers, "p", "d", 1) == [False]
    assert _tries(strangers, "p", "a", 1) == [True]
