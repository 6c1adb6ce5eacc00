"""What serves requests keeps workspaces apart: people, plugins, upstreams, vaults."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.gateway.compile import NOTHING, Workshop, compile_lines, finish
from ostiary.gateway.decision import Answer
from ostiary.kit import Services
from ostiary.model.declarative import dump_rows, read_declarative
from ostiary.plugins import CATALOG
from tests.unit.gateway.gateway_kit import World, answer, ask

TEAM = "22222222-2222-4333-8444-555555555555"


def both(kind: str, one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """A row of `default`, and one of the team."""
    return {kind: [one, {**two, "ws_id": TEAM}]}


FILE: dict[str, Any] = {
    "workspaces": [{"id": TEAM, "name": "team"}],
    **both("services", {"name": "s", "host": "one.example"}, {"name": "s", "host": "two.example"}),
    **both(
        "routes",
        {"name": "r", "paths": ["/one"], "service": "s"},
        {"name": "r", "paths": ["/two"], "service": "s"},
    ),
}  # fmt: skip
CONSUMERS = both("consumers", {"username": "ada"}, {"username": "ada"})


def key(value: str, workspace: str | None = None) -> dict[str, Any]:
    row = {"key": value, "consumer": "ada"}
    return row if workspace is None else {**row, "ws_id": workspace}


@pytest.mark.spec("T-O7")
def test_a_key_of_one_workspace_opens_nothing_of_another() -> None:
    gateway = World().gateway(
        catalog={"key-auth": CATALOG["key-auth"]},
        **FILE,
        **CONSUMERS,
        keyauth_credentials=[key("k1"), key("k2", TEAM), key("k"), key("k", TEAM)],
        plugins=[{"name": "key-auth"}, {"name": "key-auth", "ws_id": TEAM}],
    )

    def status(path: bytes, value: bytes) -> int:
        found = ask(gateway, path, fields=((b"apikey", value),))
        return answer(found).status if isinstance(found, Answer) else 200

    assert [status(b"/one", b"k1"), status(b"/one", b"k2")] == [200, 401]
    assert [status(b"/two", b"k1"), status(b"/two", b"k2")] == [401, 200]
    assert [status(b"/one", b"k"), status(b"/two", b"k")] == [200, 200]


@pytest.mark.spec("T-O7")
def test_people_are_known_in_their_workspace_alone() -> None:
    gateway = World().gateway(**FILE, **CONSUMERS)
    directory = gateway.snapshot.consumers
    ours, theirs = directory.of(None), directory.of(TEAM)
    mine = ours.find("ada", by=["username"])
    other = theirs.find("ADA", by=["username"], ignore_case=True)

    assert mine is not None
    assert other is not None
    assert mine.id != other.id
    assert ours.find(other.id, by=["id"]) is None
    assert theirs.find(other.id, by=["id"]) == other
    assert directory.of("nobody").find("ada", by=["username"]) is None
    assert directory.of(TEAM) is theirs


@pytest.mark.spec("gateway#4.1")
def test_a_plugin_for_everything_is_for_its_workspace() -> None:
    world = World()
    gateway = world.gateway(
        **FILE,
        plugins=[
            {"name": "fake", "config": {"mark": "ours"}},
            {"name": "fake", "config": {"mark": "theirs"}, "ws_id": TEAM},
        ],
    )
    ask(gateway, b"/one")
    ask(gateway, b"/two")

    assert world.ran == ["ours", "theirs"]


@pytest.mark.spec("gateway#4.1")
def test_a_plugin_of_a_workspace_is_not_for_others() -> None:
    world = World()
    rows = [{"name": "fake", "config": {"mark": "theirs"}, "ws_id": TEAM}]
    gateway = world.gateway(**FILE, plugins=rows)
    ask(gateway, b"/one")
    ask(gateway, b"/nowhere")
    assert world.ran == []
    ask(gateway, b"/two")

    assert world.ran == ["theirs"]


@pytest.mark.spec("T-O7")
def test_an_upstream_is_that_of_the_services_workspace() -> None:
    snapshot = (
        World()
        .gateway(
            **FILE,
            **both("upstreams", {"name": "One.example"}, {"name": "one.example"}),
        )
        .snapshot
    )
    hosts = {plan.host: plan.upstream for plan in snapshot.plans.values()}

    assert set(snapshot.balancers) == {"one.example", f"{TEAM}/one.example"}
    assert hosts == {b"one.example": "one.example", b"two.example": None}


@pytest.mark.spec("T-O7")
def test_a_vault_is_read_in_its_workspace_alone() -> None:
    marks = {"config": {"mark": "{vault://mine/word}"}, "name": "fake"}
    data = {
        **FILE,
        "vaults": [{"name": "env", "prefix": "mine", "config": {"prefix": "my_"}}],
        **both("plugins", marks, marks),
    }
    lent: Services = None  # type: ignore[assignment] # fake plugins ask for nothing
    workshop = Workshop(
        catalog=World().catalog(fake=1), services=lent, environ={"MY_WORD": "read"}
    )
    lines = dump_rows(read_declarative({"_format_version": "3.0", **data}))
    found = finish(compile_lines(NOTHING, lines, workshop)).handlers.values()

    said = {i.row.ws_id: i.handler.mark for i in found}  # type: ignore[attr-defined]
    assert said == {None: "read", TEAM: "{vault://mine/word}"}
