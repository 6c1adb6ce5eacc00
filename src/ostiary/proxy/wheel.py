"""
The one timer of a worker: who has a deadline waits in the slot of that time.

A deadline that moves further away costs nothing: when the old slot comes up, the waiter is put
where it belongs now.
"""

from __future__ import annotations

from math import inf


class Waiter:
    """
    Something with deadlines. It is in at most one slot.

    Whoever is one beside something else keeps `_armed`, `_slot` and `_wheel` among its own slots.
    """

    _armed: float
    _slot: int
    _wheel: Wheel

    def wait_on(self, wheel: Wheel) -> None:
        """Begin without a deadline."""
        self._wheel = wheel
        self._armed = inf
        self._slot = 0

    def arm(self, when: float) -> None:
        """Be woken at `when` (the loop's seconds) or earlier."""
        if when < self._armed:
            self._wheel.remove(self)
            self._armed = when
            self._wheel.add(self, when)

    def disarm(self) -> None:
        """Never be woken again, unless armed anew."""
        self._wheel.remove(self)
        self._armed = inf

    def wake(self, now: float) -> None:
        """Act on what is due, and wait for what is next."""
        self._armed = inf
        self._slot = 0
        due = self.tick(now)
        if due < inf:
            self.arm(due)

    def tick(self, now: float) -> float:  # noqa: ARG002 - what those with deadlines need
        """Act on the deadlines that have passed; the next one, or infinity."""
        return inf


class Wheel:
    """Slots of `tick_s` seconds. `turn` it at least that often."""

    __slots__ = ("_at", "_slots", "_tick_s")

    def __init__(self, tick_s: float, now: float) -> None:
        self._tick_s = tick_s
        self._at = int(now / tick_s)
        self._slots: dict[int, set[Waiter]] = {}

    def add(self, waiter: Waiter, when: float) -> None:
        slot = max(int(when / self._tick_s), self._at) + 1
        waiter._slot = slot  # noqa: SLF001 - the wheel and its waiters are one thing
        members = self._slots.get(slot)
        if members is None:
            self._slots[slot] = {waiter}
        else:
            members.add(waiter)

    def remove(self, waiter: Waiter) -> None:
        slot = waiter._slot  # noqa: SLF001
        waiter._slot = 0  # noqa: SLF001
        members = self._slots.get(slot)
        if members is not None:
            members.discard(waiter)
            if not members:
                del self._slots[slot]

    def turn(self, now: float) -> None:
        """Wake everybody whose time has come."""
        last = int(now / self._tick_s)
        while self._at < last:
            self._at += 1
            members = self._slots.pop(self._at, None)
            if members is not None:
                self._wake(members, self._at, now)

    def _wake(self, members: set[Waiter], slot: int, now: float) -> None:
        try:
            while members:
                waiter = members.pop()
                # One that was woken before may have disarmed this one, or armed it anew.
                if waiter._slot == slot:  # noqa: SLF001
                    waiter.wake(now)
        finally:  # who fails does not take the deadlines of the others along
            for waiter in members:
                if waiter._slot == slot:  # noqa: SLF001
                    self.add(waiter, now)

    def __len__(self) -> int:
        return sum(len(members) for members in self._slots.values())
