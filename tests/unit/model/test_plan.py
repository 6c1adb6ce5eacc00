"""From one configuration to another: rows recognised, changes planned, nothing lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.adapters.declarative import dump_yaml, parse_yaml
from ostiary.model.declarative import (
    DeclarativeInvalid,
    build_config,
    dump_config,
    iterate_rows,
    read_declarative,
)
from ostiary.model.identity import hash_password
from ostiary.model.matching import Known, build_known
from ostiary.model.plan import Plan, apply_plan, build_plan
from ostiary.model.row import Row

FAST = settings(max_examples=100, deadline=None, derandomize=True)
ID = "11111111-2222-4333-8444-555555555555"
OTHER = "99999999-2222-4333-8444-555555555555"
NOW = 1_800_000_000


def rows(known: Known | None = None, **parts: Any) -> list[Row]:
    data = {"_format_version": "3.0", **parts}
    found = read_declarative(data) if known is None else read_declarative(data, known)
    return [row for _, row in iterate_rows(found)]


def plan(there: list[Row], wanted: list[Row], *, keeps_others: bool = False) -> Plan:
    return build_plan(there, wanted, now=NOW, keeps_others=keeps_others)


def one(found: list[Row], kind: type | str) -> Any:
    name = kind if isinstance(kind, str) else kind.__name__
    (row,) = (row for row in found if type(row).__name__ == name)
    return row


SERVICE = {"name": "orders", "host": "a"}


@pytest.mark.spec("gateway#2.2")
def test_a_row_without_an_id_takes_that_of_the_row_it_is() -> None:
    there = rows(
        services=[{**SERVICE, "id": ID}],
        plugins=[{"id": OTHER, "name": "cors", "service": ID}],
    )
    nested = {**SERVICE, "host": "b", "plugins": [{"name": "cors"}], "routes": [{"name": "r", "paths": ["/"]}]}  # fmt: skip
    found = rows(build_known(there), services=[nested])

    assert one(found, "Service").id == ID
    assert one(found, "Plugin").id == OTHER
    assert one(found, "Plugin").service == ID
    assert one(found, "Route").service == ID
    assert one(found, "Route").id == one(rows(services=[nested]), "Route").id


def test_a_name_that_another_row_had_once_gets_a_new_id() -> None:
    (made,) = rows(services=[SERVICE])
    renamed = made.model_copy(update={"name": "renamed"})
    (found,) = rows(build_known([renamed]), services=[SERVICE])

    assert found.id not in {made.id, None}


def test_an_id_that_was_said_stays() -> None:
    there = rows(services=[{**SERVICE, "id": ID}])
    (found,) = rows(build_known(there), services=[{**SERVICE, "id": OTHER}])

    assert found.id == OTHER


@pytest.mark.spec("gateway#4.5")
def test_a_password_is_hashed_for_the_consumer_that_is_there() -> None:
    there = rows(consumers=[{"username": "ada", "id": ID}])
    ada = {"username": "ada", "basicauth_credentials": [{"username": "a", "password": "p"}]}  # fmt: skip
    found = rows(build_known(there), consumers=[ada])

    assert one(found, "BasicAuth").password == hash_password("p", ID)
    assert one(found, "BasicAuth").consumer == ID


def test_two_rows_cannot_be_the_same_row() -> None:
    there = rows(consumers=[{"username": "ada", "custom_id": "1", "id": ID}])
    with pytest.raises(DeclarativeInvalid) as caught:
        rows(build_known(there), consumers=[{"username": "ada"}, {"custom_id": "1"}])

    assert caught.value.code == "declarative_invalid"
    assert "primary key set to" in str(caught.value)


def test_the_same_needs_nothing() -> None:
    there = [r.model_copy(update={"created_at": 1}) for r in rows(services=[SERVICE])]
    found = plan(there, rows(services=[SERVICE]))

    assert found.is_empty
    assert found.same == 1


def test_what_differs_is_updated_and_keeps_its_birth() -> None:
    (before,) = (
        row.model_copy(update={"created_at": 1, "updated_at": 1})
        for row in rows(services=[SERVICE])
    )
    found = plan([before], rows(services=[{**SERVICE, "host": "b", "port": 81}]))

    assert not found.is_empty
    (update,) = found.updates
    assert set(update.fields) == {"host", "port"}
    assert (update.after.created_at, update.after.updated_at) == (1, NOW)


def test_what_is_new_gets_the_times_that_nobody_said() -> None:
    said = {"name": "b", "host": "b", "created_at": 5, "updated_at": 6}
    found = plan([], rows(services=[SERVICE, said]))

    times = {getattr(r, "name", ""): (r.created_at, r.updated_at) for r in found.creates}  # fmt: skip
    assert times == {"orders": (NOW, NOW), "b": (5, 6)}


def test_what_is_not_wanted_goes_unless_others_are_kept() -> None:
    there = rows(services=[{**SERVICE, "routes": [{"name": "r", "paths": ["/"]}]}])
    found = plan(there, [])

    # What refers to others goes first.
    assert [type(row).__name__ for row in found.deletes] == ["Route", "Service"]
    assert plan(there, [], keeps_others=True).is_empty


def test_what_is_referred_to_is_written_first() -> None:
    wanted = rows(services=[{**SERVICE, "routes": [{"name": "r", "paths": ["/"]}]}])
    puts = plan([], wanted[::-1]).puts

    assert [type(row).__name__ for row in puts] == ["Service", "Route"]


NAMES = st.sampled_from(["a", "b", "c", "on", "1e3", "null"])
TAGS = st.none() | st.lists(st.sampled_from(["x", "y", "0"]), unique=True, max_size=2)


def entity(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"tags": TAGS, **more})


def named(key: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    made = entity(**{key: NAMES}, **more)
    return st.lists(made, max_size=3, unique_by=lambda row: row[key])


PLUGINS = st.lists(
    entity(
        name=st.sampled_from(["cors", "jwt", "acl"]),
        config=st.just({}) | st.just({"a": None, "b": [None, {"c": None}]}),
        enabled=st.booleans(),
    ),
    max_size=2,
    unique_by=lambda row: row["name"],
)
FILES = st.fixed_dictionaries(
    {
        "_format_version": st.just("3.0"),
        "services": st.lists(
            entity(
                name=NAMES,
                host=st.sampled_from(["a", "b"]),
                port=st.sampled_from([80, 81]),
                retries=st.sampled_from([0, 5]),
                plugins=PLUGINS,
            ),
            max_size=3,
            unique_by=lambda row: row["name"],
        ),
        "routes": named("name", paths=st.just(["/a", "~/b$"]), strip_path=st.booleans()),
        "upstreams": named("name", targets=st.lists(
            entity(target=st.sampled_from(["a:1", "b:2"]), weight=st.integers(0, 9)),
            max_size=2, unique_by=lambda row: row["target"])),
        "consumers": named(
            "username",
            custom_id=st.none(),
            acls=st.lists(entity(group=NAMES), max_size=2, unique_by=lambda row: row["group"]),
            plugins=PLUGINS,
        ),
        "consumer_groups": named("name"),
        "plugins": PLUGINS,
    }
)  # fmt: skip


def read(data: dict[str, Any], known: Known | None = None) -> list[Row]:
    return rows(known, **data)


def export(found: list[Row] | tuple[Row, ...]) -> str:
    return dump_yaml(dump_config(build_config(found)))


@FAST
@given(FILES)
def test_what_is_exported_and_read_again_is_exported_alike(data: dict[str, Any]) -> None:  # fmt: skip
    first = export(plan([], read(data)).puts)
    again = parse_yaml(first)
    assert isinstance(again, dict)
    into_nothing = plan([], read(again)).puts

    assert export(into_nothing) == first
    assert plan(list(into_nothing), read(data, build_known(into_nothing))).is_empty


@FAST
@given(FILES, FILES)
def test_a_plan_that_was_followed_leaves_nothing_to_do(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    there = list(plan([], read(before)).puts)
    wanted = read(after, build_known(there))
    done = apply_plan(there, plan(there, wanted))

    assert plan(list(done), wanted).is_empty
    assert plan(list(done), read(after, build_known(done))).is_empty
    merged = apply_plan(there, plan(there, wanted, keeps_others=True))
    assert plan(list(merged), wanted, keeps_others=True).is_empty
    assert {r.id for r in there} <= {r.id for r in merged}
