"""Writes of one turn of the loop: together, in order, bounded, and gone with the connection."""

from __future__ import annotations

import asyncio
from typing import cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.proxy.turn import HOLD_BYTES, HOLD_PIECES, Outbox, Turn


class FakeLoop:
    """Keeps what was asked to be called soon."""

    def __init__(self) -> None:
        self.soon: list[object] = []

    def call_soon(self, what: object) -> None:
        self.soon.append(what)

    def turn(self) -> None:
        due, self.soon = self.soon, []
        for what in due:
            assert callable(what)
            what()


class FakeTransport:
    """Notes every call."""

    def __init__(self) -> None:
        self.calls: list[bytes | str] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.calls.append("close")

    def write_eof(self) -> None:
        self.calls.append("eof")


def outbox(loop: FakeLoop, turn: Turn | None = None) -> tuple[Outbox, FakeTransport]:
    made = Outbox(turn or Turn(cast("asyncio.AbstractEventLoop", loop)))
    fake = FakeTransport()
    made.transport = cast("asyncio.Transport", fake)
    return made, fake


def test_what_one_turn_says_leaves_as_one_write_at_its_end() -> None:
    loop = FakeLoop()
    box, transport = outbox(loop)
    box.write(b"a")
    box.write(b"b")
    box.write(b"c")
    before = [*transport.calls]
    loop.turn()
    box.write(b"d")
    loop.turn()
    loop.turn()

    assert before == []
    assert transport.calls == [b"abc", b"d"]
    assert loop.soon == []


def test_all_connections_of_a_turn_cost_one_call() -> None:
    loop = FakeLoop()
    turn = Turn(cast("asyncio.AbstractEventLoop", loop))
    boxes = [outbox(loop, turn) for _ in range(10)]
    for box, _ in boxes:
        box.write(b"x")
        box.write(b"y")

    assert len(loop.soon) == 1
    loop.turn()
    assert [transport.calls for _, transport in boxes] == [[b"xy"]] * 10


def test_many_pieces_and_large_ones_do_not_wait() -> None:
    loop = FakeLoop()
    many, to_many = outbox(loop)
    for _ in range(HOLD_PIECES):
        many.write(b"x")
    large, to_large = outbox(loop)
    large.write(b"first")
    large.write(b"y" * HOLD_BYTES)

    assert to_many.calls == [b"x" * HOLD_PIECES]
    assert to_large.calls == [b"first" + b"y" * HOLD_BYTES]
    loop.turn()
    assert len(to_many.calls) == len(to_large.calls) == 1


def test_endings_come_after_what_was_written_and_a_break_drops_it() -> None:
    loop = FakeLoop()
    shut, to_shut = outbox(loop)
    shut.write(b"a")
    shut.shut()
    half, to_half = outbox(loop)
    half.write(b"b")
    half.write_eof()
    broken, to_broken = outbox(loop)
    broken.write(b"c")
    broken.forget()
    gone, to_gone = outbox(loop)
    gone.write(b"d")
    to_gone.closing = True
    loop.turn()
    gone.write(b"e")
    loop.turn()

    assert to_shut.calls == [b"a", "close"]
    assert to_half.calls == [b"b", "eof"]
    assert to_broken.calls == []
    assert to_gone.calls == []
    assert gone._pieces == []


def test_an_outbox_knows_what_it_has_not_begun_to_send() -> None:
    loop = FakeLoop()
    box, _ = outbox(loop)
    first, second = b"first", b"second"

    assert not box.holds(first)
    box.write(first)
    box.write(second)
    assert box.holds(first)
    assert not box.holds(second)
    loop.turn()
    assert not box.holds(first)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.just(b"z" * HOLD_BYTES),
            st.sampled_from(["turn", "flush"]),
        ),
        max_size=60,
    )
)
def test_nothing_is_lost_and_nothing_overtakes(steps: list[bytes | str]) -> None:
    loop = FakeLoop()
    box, transport = outbox(loop)
    for step in steps:
        if step == "turn":
            loop.turn()
        elif step == "flush":
            box.flush()
        elif isinstance(step, bytes):
            box.write(step)
        assert len(box._pieces) < HOLD_PIECES
    loop.turn()

    sent = b"".join(call for call in transport.calls if isinstance(call, bytes))
    assert sent == b"".join(step for step in steps if isinstance(step, bytes))
