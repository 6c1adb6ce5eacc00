"""A plan as people read it, and a node found by its folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ostiary.cli.plan_text import describe_plan
from ostiary.cli.rows import read_file
from ostiary.cli.running import reach
from ostiary.model.declarative import iterate_rows, read_declarative
from ostiary.model.plan import build_plan
from ostiary.model.row import Row
from ostiary.node.lock import find_holder, hold_folder
from ostiary.settings import parse_listen


def rows(**parts: Any) -> list[Row]:
    config = read_declarative({"_format_version": "3.0", **parts})
    return [row for _, row in iterate_rows(config)]


def told(before: list[Row], after: list[Row]) -> list[str]:
    plan = build_plan(before, after, now=1, keeps_others=False)
    return [*describe_plan(plan, before)]


SERVICE = {"name": "orders", "host": "a"}


def plugin(**config: Any) -> dict[str, Any]:
    return {"plugins": [{"name": "p", "config": config}]}


def test_rows_are_told_by_name_and_what_they_belong_to() -> None:
    nested = {**SERVICE, "routes": [{"name": "r", "paths": ["/"]}]}

    assert told([], rows(services=[nested])) == [
        "+ services orders",
        "+ routes r (service orders)",
        "2 to create, 0 to update, 0 to delete, 0 the same",
    ]
    assert told(rows(services=[nested]), rows(services=[SERVICE])) == [
        "- routes r (service orders)",
        "0 to create, 0 to update, 1 to delete, 1 the same",
    ]


def test_what_changed_is_told_field_by_field() -> None:
    after = {**SERVICE, "host": "b", "tags": ["x"]}

    assert told(rows(services=[SERVICE]), rows(services=[after]))[:3] == [
        "~ services orders",
        '    tags: null -> ["x"]',
        '    host: "a" -> "b"',
    ]  # fmt: skip


def test_texts_of_a_plugins_config_are_masked_and_numbers_are_not() -> None:
    before = plugin(minute=5, redis={"password": "planted", "port": 1})
    after = plugin(minute=6, redis={"password": "planted-too", "port": 1}, on=True)

    lines = told(rows(**before), rows(**after))
    assert lines[0] == "~ plugins p"
    assert lines[1:4] == [
        "    config.minute: 5 -> 6",
        "    config.redis.password: ****** -> ******",
        "    config.on: null -> true",
    ]


def test_what_may_be_secret_elsewhere_is_masked_too() -> None:
    """Headers, whatever they are called, and texts that look like credentials."""

    def route(value: str) -> dict[str, Any]:
        found = {"name": "r", "paths": ["/"], "headers": {"x-anything": [value]}}
        return {"routes": [found]}

    def upstream(value: str) -> dict[str, Any]:
        active = {"headers": {"authorization": [value]}}
        return {"upstreams": [{"name": "u", "healthchecks": {"active": active}}]}

    for build in (route, upstream):
        text = "\n".join(
            told(rows(**build("Bearer planted-1")), rows(**build("planted-2")))
        )
        assert "planted" not in text
        assert "******" in text


def test_keys_are_told_by_id_alone() -> None:
    ada = {"username": "ada", "keyauth_credentials": [{"key": "planted"}]}

    assert "planted" not in "".join(told([], rows(consumers=[ada])))


def test_what_a_name_holds_moves_no_cursor() -> None:
    (line, *_) = told([], rows(consumers=[{"username": "a\x1b[2J"}]))

    assert line == "+ consumers a\\x1b[2J"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ("a: 1", {"a": 1}),
        ("{a: 1}", {"a": 1}),
        ("\n{}", {}),
    ],
)
def test_a_file_is_json_or_yaml(tmp_path: Path, text: str, expected: object) -> None:
    path = tmp_path / "f"
    path.write_text(text)

    assert read_file(path) == expected


def test_a_folder_is_held_or_not(tmp_path: Path) -> None:
    assert find_holder(tmp_path / "nowhere") is None
    held = hold_folder(tmp_path)
    assert find_holder(tmp_path) == os.getpid()
    held.close()
    assert find_holder(tmp_path) is None


@pytest.mark.parametrize("text", ["", "x", "-1", "4194305", "1"])
def test_a_lock_that_is_left_over_is_nobodys(tmp_path: Path, text: str) -> None:
    (tmp_path / ".lock").write_text(text)

    assert find_holder(tmp_path) is None


@pytest.mark.parametrize(
    ("listen", "expected"),
    [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("host:1", "host:1")],
)
def test_a_listener_is_reached_from_this_machine(listen: str, expected: str) -> None:
    (address,) = parse_listen(listen)

    assert reach(address) == expected
