"""Configurations as lines: what follows changes equals what is made of all lines at once."""

from __future__ import annotations

import gc
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.gateway.changes import (
    NO_LINES,
    Changes,
    Key,
    Lines,
    dump_changes,
    load_changes,
    merge,
)
from ostiary.gateway.directory import EMPTY_DIRECTORY, Directory, People
from ostiary.gateway.layered import Layered

KINDS = ("consumers", "keyauth_credentials", "acls", "services")
NAMES = ("ada", "Ada", "ADA", "eve")
GROUPS = ("g", "h")
TEAM = "22222222-2222-4333-8444-555555555555"


def identify(kind: str, number: int) -> str:
    return f"{KINDS.index(kind)}{number}000000-0000-4000-8000-000000000000"


def line(kind: str, number: int, value: int) -> bytes:
    """A row of which only what the directory reads is there."""
    row: dict[str, Any] = {"id": identify(kind, number), "created_at": None}
    row["ws_id"] = TEAM if value % 5 == 4 else None
    name = NAMES[value % len(NAMES)]
    match kind:
        case "consumers":
            row |= {"username": None if value == 7 else name, "custom_id": f"c{value}"}
        case "acls":
            row |= {"consumer": identify("consumers", value % 3), "group": GROUPS[value % 2]}  # fmt: skip
        case _:
            row |= {"consumer": identify("consumers", value % 3), "key": f"{name}{value}"}  # fmt: skip
    return kind.encode() + b" " + json.dumps(row, separators=(",", ":")).encode()


STATES = st.dictionaries(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2)), st.integers(0, 9), max_size=9
)
State = dict[tuple[str, int], int]


def lines_of(state: State) -> list[bytes]:
    return [line(kind, number, value) for (kind, number), value in state.items()]


def finish(before: Directory, changes: Changes, after: Lines) -> Directory:
    steps = before.changed(changes.puts, changes.gone, after)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Directory = end.value
            return made


def describe(directory: Directory) -> dict[Any, Any]:
    """Everything that can be asked."""
    found: dict[Any, Any] = {}
    for workspace in (None, TEAM):
        people = directory.of(workspace)
        for name in (*NAMES, *(f"c{n}" for n in range(10)), identify("consumers", 1)):
            for ignore_case in (False, True):
                by = ["username", "custom_id", "id"]
                found[workspace, name, ignore_case] = people.find(name, by=by, ignore_case=ignore_case)  # fmt: skip
            for number in range(10):
                key = f"{name}{number}"
                found[workspace, key] = people.credential("keyauth_credentials", key)
        for number in range(3):
            found[number] = sorted(people.acl_groups(identify("consumers", number)))
    return found


def distinct(state: State) -> bool:
    """Whether no two rows of a kind have one name, as in every configuration that is kept."""
    named = [(kind, value) for (kind, _), value in state.items() if kind != "acls"]
    folded = [
        (kind, value % len(NAMES), value % 5 == 4)
        for kind, value in named
        if kind == "consumers" and value != 7
    ]
    return len(set(named)) == len(named) and len(set(folded)) == len(folded)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(STATES.filter(distinct), min_size=2, max_size=4))
def test_following_changes_equals_beginning_anew(history: list[State]) -> None:
    known, people = NO_LINES, EMPTY_DIRECTORY
    steps: list[Changes] = []
    for state in history:
        after, changes = known.replace(lines_of(state))
        people = finish(people, changes, after)
        fresh, whole = NO_LINES.replace(lines_of(state))
        told = load_changes(dump_changes(changes))

        assert told == changes
        assert known.change(changes.puts, changes.gone)[0].revision == after.revision
        assert (after.revision, after.size) == (fresh.revision, fresh.size)
        assert sorted(after) == sorted(fresh) == sorted(lines_of(state))
        assert describe(people) == describe(finish(EMPTY_DIRECTORY, whole, fresh))
        known = after
        steps.append(changes)
    at_once = NO_LINES.change((one := merge(steps)).puts, one.gone)[0]

    assert at_once.revision == known.revision
    assert sorted(at_once) == sorted(known)


def count_directories() -> int:
    return sum(isinstance(found, Directory | People) for found in gc.get_objects())


def test_a_directory_that_nobody_holds_is_gone_without_the_collector() -> None:
    """What was built for good is not looked at: a circle would stay for ever."""
    gc.collect()
    before = count_directories()
    gc.disable()
    try:
        after, changes = NO_LINES.replace([line("consumers", 1, 1)])
        made = finish(EMPTY_DIRECTORY, changes, after)
        assert made.of(None) is made.of(None)
        assert made.of(None).find("Ada", by=["username"]) is not None
        del made
        assert count_directories() == before
    finally:
        gc.enable()


def test_a_revision_that_is_known_is_believed() -> None:
    lines = [line("services", 1, 1)]
    found, changes = NO_LINES.replace(lines, "5" * 32)

    assert found.revision == changes.revision == "5" * 32
    assert found.put([line("services", 1, 1)])[0].revision == "5" * 32
    assert found.put([line("services", 2, 2)])[0].revision != "5" * 32


@pytest.mark.parametrize(
    "wrong", [b"gadgets {}", b"services", b"services {}", b" services", b""]
)
def test_what_is_no_line_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="a line of the configuration has"):
        NO_LINES.put([wrong])


def test_many_changes_of_a_map_are_as_good_as_few() -> None:
    whole: dict[str, int | None] = {f"k{n}": n for n in range(1000)}
    empty: Layered[str, int] = Layered()
    some = empty.changed(whole)
    few = some.changed({"k1": None, "k2": 7, "new": 1})
    many = few.changed({f"k{n}": None for n in range(10, 900)})

    assert (few.get("k1"), few.get("k2"), few.get("new")) == (None, 7, 1)
    assert sorted(few) == sorted(set(whole) - {"k1"} | {"new"})
    assert sorted(few.values()) == sorted([1, 7, *range(3, 1000), 0])
    assert (many.get("k10"), many.get("k901"), many.get("new")) == (None, 901, 1)
    assert len([*many]) == len([*many.values()]) == 110
    assert some.get("k10") == 10


def test_a_key_of_a_row_is_its_kind_and_id() -> None:
    key: Key = ("services", identify("services", 1))
    found, _ = NO_LINES.put([line("services", 1, 1)])

    assert found.get(key) == line("services", 1, 1)
    assert found.put([], [key])[0].revision == NO_LINES.revision
    assert found.put([], [("acls", "x")])[1].gone == ()
