"""Copies of inherited methods behave as the originals do."""

from __future__ import annotations

from ostiary.proxy.heads import RequestReader, ResponseReader
from ostiary.proxy.inline import own_methods
from ostiary.proxy.turn import Outbox, Turn


def test_two_classes_share_no_code_object() -> None:
    assert RequestReader.feed is not ResponseReader.feed
    assert RequestReader.feed.__code__ is not ResponseReader.feed.__code__
    assert RequestReader.feed.__doc__ == ResponseReader.feed.__doc__


def test_a_copy_keeps_super_defaults_and_what_the_class_says_itself() -> None:
    class Child(Outbox):
        def __init__(self, turn: Turn) -> None:
            super().__init__(turn)
            self.said: list[str] = []

        def flush(self) -> None:
            self.said.append("child")

    plain = Child.flush
    made = own_methods(Child)

    assert made is Child
    assert Child.flush is plain
    assert Child.write is not Outbox.write
    assert Child.write.__qualname__ == "Outbox.write"
