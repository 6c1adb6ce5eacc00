"""References to vaults: what they mean, and what happens to those that lead nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.gateway.compile import (
    NOTHING,
    Compiled,
    Workshop,
    compile_lines,
    finish,
)
from ostiary.gateway.outoforder import OutOfOrder
from ostiary.gateway.vaults import Vaults, build_vaults, has_reference, see_environ
from ostiary.kit import Services
from ostiary.model.declarative import dump_rows, read_declarative
from ostiary.model.keys import EnvConfig, Vault
from ostiary.plugins import CATALOG
from tests.unit.gateway.gateway_kit import FakePlugin, World
from tests.unit.plugins.plugin_kit import Gate

ENVIRON = {
    "MY_SECRET": "s3",
    "APP_PASSWORD": "p",
    "DB": '{"user":"u","n":5}',
    "ODD": "{",
}
VAULTS = build_vaults(
    [Vault(prefix="my-app", name="env", config=EnvConfig(prefix="app_"))], ENVIRON
)


@pytest.mark.spec("gateway#1.9")
@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("{vault://env/my-secret}", "s3"),
        ("{vault://env/MY_SECRET}", "s3"),
        ("{vault://my-app/password}", "p"),
        ("{vault://env/db/user}", "u"),
        ("{vault://env/db/user/}", "u"),
        ("{vault://env/db/n}", None),
        ("{vault://env/db/none}", None),
        ("{vault://env/odd/x}", None),
        ("{vault://env/nothing}", None),
        ("{vault://other/password}", None),
        ("{vault://env/}", None),
        ("x{vault://env/my-secret}", None),
        ("{vault://env/my-secret}x", None),
        ("plain", None),
    ],
)
def test_a_reference_is_what_its_variable_holds(
    reference: str, value: str | None
) -> None:
    expected = reference if value is None else value

    assert VAULTS.resolve(reference) == expected
    assert VAULTS.resolve({"a": [reference, 5]}) == {"a": [expected, 5]}


def test_references_that_lead_nowhere_are_named_and_values_are_not() -> None:
    config = {"a": ["{vault://env/none}", "{vault://env/my-secret}"], "b": 1}

    assert VAULTS.unresolved(config) == ["{vault://env/none}"]
    assert has_reference(config)
    assert not has_reference({"a": ["x"]})
    assert "s3" not in repr(VAULTS)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text())
def test_any_text_is_a_reference_or_stays_as_it_is(text: str) -> None:
    assert Vaults(environ={}).resolve(text) == text


def compiled(previous: Compiled, environ: dict[str, str], **parts: Any) -> Compiled:
    lent: Services = None  # type: ignore[assignment] # fake plugins ask for nothing
    workshop = Workshop(catalog=World().catalog(fake=1), services=lent, environ=environ)
    lines = dump_rows(read_declarative({"_format_version": "3.0", **parts}))
    return finish(compile_lines(previous, lines, workshop))


def mark(state: Compiled) -> str:
    (plan,) = state.snapshot.plans.values()
    (handler,) = plan.plain
    assert isinstance(handler, FakePlugin)
    return handler.mark


def test_plugins_get_the_value_and_follow_their_vault() -> None:
    parts: dict[str, Any] = {
        "routes": [{"name": "r", "paths": ["/"]}],
        "plugins": [
            {"name": "fake", "config": {"mark": "{vault://app/password}"}},
        ],
    }
    environ = {"A_PASSWORD": "planted-1", "B_PASSWORD": "planted-2"}

    def vault(prefix: str) -> dict[str, Any]:
        row = {"prefix": "app", "name": "env", "config": {"prefix": prefix}}
        return {"vaults": [row]}

    none = compiled(NOTHING, environ, **parts)
    one = compiled(none, environ, **parts, **vault("a_"))
    two = compiled(one, environ, **parts, **vault("b_"))

    assert mark(none) == "{vault://app/password}"
    assert (mark(one), mark(two)) == ("planted-1", "planted-2")
    assert "planted-1" not in repr(one.rows)


ENVIRON = {
    "KONG_PASSWORD": "1", "OSTIARY_X": "2", "MY_TEAM__SECRET": "3", "MY__SECRET": "4", "PATH": "5"
}  # fmt: skip


@pytest.mark.spec("T-O7")
@pytest.mark.parametrize(
    ("workspace", "seen"),
    [
        (None, {"MY_TEAM__SECRET", "MY__SECRET", "PATH"}),
        ("my-team", {"MY_TEAM__SECRET"}),
        ("my", {"MY__SECRET"}),
        ("kong", set()),
        ("other", set()),
    ],
)
def test_a_workspace_reads_variables_of_its_own_and_nobody_our_settings(
    workspace: str | None, seen: set[str]
) -> None:
    assert set(see_environ(ENVIRON, workspace)) == seen


@pytest.mark.spec("T-O7")
@pytest.mark.parametrize(
    ("workspace", "others", "seen"),
    [
        ("a", ("a__b",), {"A__SECRET"}),
        ("a__b", ("a",), {"A__B__SECRET"}),
        ("my-team", ("my_team",), set()),
        (None, ("a",), {"A__SECRET", "A__B__SECRET", "MY_TEAM__X"}),
    ],
)
def test_what_may_be_another_workspaces_is_read_by_nobody_else(
    workspace: str | None, others: tuple[str, ...], seen: set[str]
) -> None:
    environ = {"A__SECRET": "1", "A__B__SECRET": "2", "MY_TEAM__X": "3"}

    assert set(see_environ(environ, workspace, others=others)) == seen


@pytest.mark.spec("gateway#1.9")
async def test_a_plugin_whose_reference_does_not_fit_is_out_of_order_alone() -> None:
    """What a variable holds is not known where a row is written: it must not stop the others."""
    said: list[str] = []
    lent = Services(signin=None, log=lambda _, line: said.append(line))  # type: ignore[arg-type] # nobody signs in
    transform = {
        "name": "request-transformer",
        "config": {"add": {"body": ["{vault://env/home}"]}},
    }
    parts: dict[str, Any] = {
        "routes": [
            {"name": "bad", "paths": ["/bad"], "plugins": [transform]},
            {"name": "good", "paths": ["/good"]},
        ],
    }
    lines = dump_rows(read_declarative({"_format_version": "3.0", **parts}))

    def compile_with(value: str) -> Compiled:
        workshop = Workshop(catalog=CATALOG, services=lent, environ={"HOME": value})
        return finish(compile_lines(NOTHING, lines, workshop))

    fits, unfit = compile_with("name:value"), compile_with("planted-value")

    assert len(fits.snapshot.plans) == len(unfit.snapshot.plans) == 2
    (broken,) = (i.handler for i in unfit.handlers.values())
    assert isinstance(broken, OutOfOrder)
    asked = await Gate(handlers=(broken,)).ask()
    assert asked.reply is not None
    assert asked.reply.status == 500
    assert "planted-value" not in "".join(said)
    assert "config.add.body" in said[0]
