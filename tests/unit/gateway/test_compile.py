"""From configuration to snapshot: which plugin runs where, and what is refused."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ostiary.gateway.changes import NO_LINES
from ostiary.gateway.check import (
    build_revision,
    describe_config_warnings,
    read_plugin_configs,
)
from ostiary.model.declarative import DeclarativeInvalid, read_declarative
from tests.unit.gateway.gateway_kit import World, answer, ask, forward, route, service

SCOPES: dict[str, dict[str, str]] = {
    "route and service": {"route": "r", "service": "s"},
    "route": {"route": "r"},
    "service": {"service": "s"},
    "everything": {},
}


def plugin(mark: str, **more: Any) -> dict[str, Any]:
    return {"name": "fake", "config": {"mark": mark}, **more}


def ran(*rows: dict[str, Any], **kinds: int) -> list[str]:
    world = World()
    gateway = world.gateway(
        catalog=world.catalog(**(kinds or {"fake": 1})),
        services=[service(), service(name="t")],
        routes=[route(), route(name="o", paths=["/other"], service="t")],
        plugins=list(rows),
    )
    forward(ask(gateway))
    return world.ran


@pytest.mark.spec("gateway#4.1")
@pytest.mark.parametrize(
    ("narrow", "wide"), list(itertools.combinations(SCOPES, 2)), ids=" over ".join
)
def test_of_one_plugin_the_most_specific_instance_runs(narrow: str, wide: str) -> None:
    rows = [plugin(narrow, **SCOPES[narrow]), plugin(wide, **SCOPES[wide])]

    assert ran(*rows) == [narrow]
    assert ran(*reversed(rows)) == [narrow]


@pytest.mark.spec("gateway#4.1")
def test_an_instance_that_is_off_leaves_the_place_to_a_wider_one() -> None:
    off = plugin("route", route="r", enabled=False)

    assert ran(off, plugin("everything")) == ["everything"]
    assert ran(off) == []


@pytest.mark.spec("gateway#4.1")
def test_an_instance_runs_only_for_its_protocols() -> None:
    assert ran(plugin("plain only", protocols=["http"])) == []
    assert ran(plugin("both", protocols=["http", "https"])) == ["both"]


def test_an_instance_of_another_place_does_not_run() -> None:
    assert ran(plugin("a", route="o"), plugin("b", service="t")) == []


@pytest.mark.spec("gateway#4.2")
def test_higher_priorities_run_first_and_names_break_ties_from_z() -> None:
    names = {"a": 5, "b": 7, "c": 5, "d": 6}
    rows = [{"name": n, "config": {"mark": n}} for n in names]

    assert ran(*rows, **names) == ["b", "d", "c", "a"]


def problems(*rows: dict[str, Any]) -> tuple[Any, ...]:
    data = {
        "_format_version": "3.0",
        "services": [service()],
        "routes": [route()],
        "plugins": list(rows),
    }
    with pytest.raises(DeclarativeInvalid) as caught:
        read_plugin_configs(read_declarative(data), World().catalog(fake=1))
    return caught.value.problems


@pytest.mark.spec("gateway#1.5")
def test_an_unknown_plugin_and_a_wrong_config_are_both_told() -> None:
    rows: list[dict[str, Any]] = [
        {"name": "odd"},
        {"name": "fake", "config": {"mark": 5, "more": 1}},
        {"name": "fake", "route": "r", "enabled": False, "config": {"nome": 1}},
    ]

    assert problems(*rows) == (
        (
            ("plugins", 0, "name"),
            "plugin 'odd' not enabled; add it to the 'plugins' configuration property",
        ),
        (("plugins", 1, "config", "mark"), "expected a string"),
        (("plugins", 1, "config", "more"), "unknown field"),
        (("plugins", 2, "config", "nome"), "unknown field"),
    )


def test_two_instances_of_one_scope_are_refused() -> None:
    first = plugin("a", instance_name="one")
    ((place, text),) = problems(first, plugin("b", instance_name="two"))

    assert place == ("plugins", 1)
    assert text == (
        "UNIQUE violation detected on '{consumer=null,name=\"fake\",route=null,service=null}'"
    )


def test_a_service_that_is_off_takes_its_routes_along() -> None:
    gateway = World().gateway(services=[service(enabled=False)], routes=[route()])

    assert answer(ask(gateway)).status == 404


def test_warnings_say_where_the_plugin_is() -> None:
    data = {
        "_format_version": "3.0",
        "services": [service()],
        "routes": [route()],
        "plugins": [
            plugin("one", route="r"),
            plugin("two", service="s"),
            plugin("three"),
        ],
    }
    config = read_declarative(data)

    assert describe_config_warnings(config, World().catalog(fake=1)) == (
        "fake on route r: one",
        "fake on service s: two",
        "fake on everything: three",
    )


def test_a_revision_changes_with_the_configuration_only() -> None:
    one = read_declarative({"_format_version": "3.0", "services": [service()]})
    same = read_declarative({"services": [service()], "_format_version": "2.1"})
    other = read_declarative({"_format_version": "3.0", "services": [service(port=81)]})

    assert build_revision(one) == build_revision(same)
    assert build_revision(one) != build_revision(other)
    assert len(build_revision(one)) == 32


def test_revisions_follow_rows_and_not_their_order() -> None:
    one, two = (b'services {"id":"%036d"}' % n for n in (1, 2))
    forward = NO_LINES.replace([one, two])[0].revision

    assert NO_LINES.replace([two, one, b""])[0].revision == forward
    assert NO_LINES.replace([one])[0].put([two])[0].revision == forward
    assert NO_LINES.replace([one])[0].revision != forward
    assert NO_LINES.replace(())[0].revision == "0" * 32
