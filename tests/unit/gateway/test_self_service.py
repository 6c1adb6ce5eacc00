"""Where credentials that developers made for themselves pass: as the node and the workspace say."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from ostiary.gateway.compile import (
    NOTHING,
    Compiled,
    Workshop,
    compile_lines,
    finish,
)
from ostiary.kit import Services
from ostiary.model.declarative import dump_row
from ostiary.model.developer_credentials import DeveloperCredential, build_name
from ostiary.model.kinds import OF_MODEL
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT, Workspace, WorkspaceConfig
from tests.unit.gateway.gateway_kit import World

pytestmark = pytest.mark.spec("portal#1.2")
TEAM, HERE, THERE = (str(uuid.UUID(int=n, version=4)) for n in range(1, 4))
KEY = "k" * 32


def credential(identity: str, workspace: str | None = None) -> DeveloperCredential:
    return DeveloperCredential(
        id=identity, ws_id=workspace, developer=identity, plugin="key-auth",
        name=build_name("key-auth", KEY), self_made=True,
    )  # fmt: skip


def workspace(like: Workspace, *plugins: str) -> Workspace:
    config = WorkspaceConfig(portal_developer_credentials=plugins)
    return like.model_copy(update={"config": config})


TEAM_ROW = Workspace(id=TEAM, name="team")
ROWS = (credential(HERE), credential(THERE, TEAM))


def compile_rows(
    *rows: Row,
    usual: tuple[str, ...] = (),
    before: Compiled = NOTHING,
    has_portal: bool = True,
) -> Compiled:
    lent: Services = None  # type: ignore[assignment] # there are no plugins
    workshop = Workshop(
        catalog=World().catalog(),
        services=lent,
        has_portal=has_portal,
        self_service=frozenset(usual),
    )
    lines = [dump_row(row, OF_MODEL[type(row)]) for row in (*ROWS, *rows)]
    return finish(compile_lines(before, lines, workshop))


def passes(compiled: Compiled) -> list[bool]:
    """Whether the key is known in `default`, and in the team."""
    directory = compiled.snapshot.consumers
    return [
        directory.of(place).credential("keyauth_credentials", KEY) is not None
        for place in (None, TEAM)
    ]


@pytest.mark.parametrize(
    ("usual", "rows", "wanted"),
    [
        ((), (), [False, False]),
        (("key-auth",), (), [True, True]),
        (("jwt",), (TEAM_ROW,), [False, False]),
        (("key-auth",), (workspace(TEAM_ROW),), [True, False]),
        ((), (workspace(TEAM_ROW, "key-auth"),), [False, True]),
        ((), (workspace(DEFAULT, "key-auth"), TEAM_ROW), [True, False]),
        (("key-auth",), (workspace(DEFAULT, "jwt"), TEAM_ROW), [False, True]),
    ],
)
def test_the_node_says_and_a_workspace_says_otherwise(
    usual: tuple[str, ...], rows: tuple[Row, ...], wanted: list[bool]
) -> None:
    assert passes(compile_rows(*rows, usual=usual)) == wanted


def test_what_a_workspace_says_counts_from_its_next_configuration_on() -> None:
    on = compile_rows(workspace(DEFAULT, "key-auth"))
    off = compile_rows(workspace(DEFAULT), before=on)
    same: Any = compile_rows(workspace(DEFAULT), before=off)

    assert (passes(on), passes(off)) == ([True, False], [False, False])
    assert same.snapshot.consumers is off.snapshot.consumers
    assert passes(compile_rows(before=off, usual=("key-auth",))) == [True, True]


@pytest.mark.parametrize("is_self_made", [False, True])
def test_where_the_node_has_no_portal_none_passes_whoever_made_it(
    *, is_self_made: bool
) -> None:
    row = credential(HERE).model_copy(update={"self_made": is_self_made})
    on = compile_rows(row, usual=("key-auth",))
    off = compile_rows(row, usual=("key-auth",), has_portal=False)
    again = compile_rows(row, usual=("key-auth",), before=off)
    from_on = compile_rows(row, usual=("key-auth",), before=on, has_portal=False)

    assert passes(on) == passes(again) == [True, True]
    assert passes(off) == passes(from_on) == [False, False]


def test_a_worker_that_is_told_nothing_of_a_portal_has_none() -> None:
    lent: Services = None  # type: ignore[assignment] # there are no plugins

    assert not Workshop(catalog=World().catalog(), services=lent).has_portal
