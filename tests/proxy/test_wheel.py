"""The timer wheel against the plainest thing that does the same: a list of deadlines."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.proxy.wheel import Waiter, Wheel

TICK_S = 0.25


class Sleeper(Waiter):
    """Has one deadline, and notes when it was woken after it."""

    __slots__ = ("_armed", "_slot", "_wheel", "deadline", "woken")

    def __init__(self, wheel: Wheel) -> None:
        self.wait_on(wheel)
        self.deadline = inf
        self.woken: list[float] = []

    def sleep_until(self, when: float) -> None:
        self.deadline = when
        self.arm(when)

    def tick(self, now: float) -> float:
        if now >= self.deadline:
            self.woken.append(self.deadline)
            self.deadline = inf
        return self.deadline


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sleep"), st.integers(0, 4), st.floats(0, 20)),
        st.tuples(st.just("forget"), st.integers(0, 4), st.just(0.0)),
        st.tuples(st.just("pass"), st.just(0), st.floats(0, 5)),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_everybody_is_woken_once_after_the_deadline_and_not_later_than_two_ticks(
    steps: list[tuple[str, int, float]],
) -> None:
    now = 100.0
    wheel = Wheel(TICK_S, now)
    sleepers = [Sleeper(wheel) for _ in range(5)]
    expected: list[list[float]] = [[] for _ in sleepers]
    naive: dict[int, float] = {}

    def turn(until: float) -> None:
        wheel.turn(until)
        for who in [w for w, when in naive.items() if when < until - 2 * TICK_S]:
            expected[who].append(naive.pop(who))
        for who, sleeper in enumerate(sleepers):
            if sleeper.woken != expected[who]:  # earlier than two ticks is fine as well
                assert naive[who] <= until
                expected[who].append(naive.pop(who))
            assert sleeper.woken == expected[who]

    for step, who, seconds in steps:
        if step == "sleep":
            sleepers[who].sleep_until(now + seconds)
            naive[who] = now + seconds
        elif step == "forget":
            sleepers[who].deadline = inf
            sleepers[who].disarm()
            naive.pop(who, None)
        else:
            for _ in range(int(seconds / TICK_S) + 1):
                now += TICK_S
                turn(now)
    now += 30
    turn(now)

    assert naive == {}
    assert len(wheel) == 0
    assert wheel._slots == {}


def test_removal_leaves_nothing_behind() -> None:
    wheel = Wheel(TICK_S, 0.0)
    sleepers = [Sleeper(wheel) for _ in range(1000)]
    for n, sleeper in enumerate(sleepers):
        sleeper.sleep_until(n)
    for sleeper in sleepers:
        sleeper.disarm()

    assert len(wheel) == 0
    assert wheel._slots == {}


def test_a_deadline_moved_later_wakes_late_and_one_moved_earlier_wakes_early() -> None:
    wheel = Wheel(TICK_S, 0.0)
    later, earlier = Sleeper(wheel), Sleeper(wheel)
    later.sleep_until(1.0)
    later.sleep_until(5.0)
    earlier.sleep_until(5.0)
    earlier.sleep_until(1.0)

    wheel.turn(2.0)
    assert (later.woken, earlier.woken) == ([], [1.0])
    assert len(wheel) == 1
    wheel.turn(6.0)
    assert (later.woken, earlier.woken) == ([5.0], [1.0])
    assert len(wheel) == 0


def test_who_is_disarmed_by_another_in_the_same_slot_is_not_woken() -> None:
    wheel = Wheel(TICK_S, 0.0)
    woken: list[Waiter] = []

    class Rival(Sleeper):
        other: Rival

        def tick(self, now: float) -> float:
            woken.append(self)
            self.other.disarm()
            return inf

    one, two = Rival(wheel), Rival(wheel)
    one.other, two.other = two, one
    one.arm(1.0)
    two.arm(1.0)
    wheel.turn(2.0)

    assert len(woken) == 1
    assert len(wheel) == 0


def test_a_failing_waiter_does_not_take_the_others_along() -> None:
    wheel = Wheel(TICK_S, 0.0)

    class Broken(Sleeper):
        def tick(self, now: float) -> float:
            raise RuntimeError

    sleepers = [Sleeper(wheel) for _ in range(20)]
    for who in [Broken(wheel), *sleepers]:
        who.arm(1.0)
    for sleeper in sleepers:
        sleeper.deadline = 1.0
    with pytest.raises(RuntimeError):
        wheel.turn(2.0)
    wheel.turn(3.0)

    assert all(sleeper.woken == [1.0] for sleeper in sleepers)
