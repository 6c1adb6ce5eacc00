"""A configuration compiled from the one before equals one compiled from nothing."""

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
from ostiary.gateway.plan import Chain
from ostiary.gateway.router import Query
from ostiary.gateway.snapshot import Snapshot
from ostiary.kit import Services
from ostiary.model.declarative import (
    DeclarativeInvalid,
    dump_rows,
    load_rows,
    read_declarative,
)
from tests.unit.gateway.gateway_kit import FakePlugin, World

HOSTS = ("a.test", "b.test", "*.test", "c.*")
PATHS = ("/", "/a", "/a/b", "~/a/[a-z]+", "~/(x|y)")
SERVICES = ("s", "t")
TEAM = "22222222-2222-4333-8444-555555555555"


def compiled(previous: Compiled, data: dict[str, Any]) -> Compiled:
    lent: Services = None  # type: ignore[assignment] # fake plugins ask for nothing
    workshop = Workshop(catalog=World().catalog(fake=1, other=2), services=lent)
    lines = dump_rows(read_declarative({"_format_version": "3.0", **data}))
    return finish(compile_lines(previous, lines, workshop))


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    services = [
        {
            "name": name,
            "host": "up.test",
            "port": draw(st.sampled_from([80, 81])),
            "enabled": draw(st.booleans()),
        }
        for name in SERVICES
    ]
    routes = [
        {
            "name": f"r{number}",
            "hosts": draw(st.lists(st.sampled_from(HOSTS), max_size=2, unique=True)),
            "paths": draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=2, unique=True)),
            "service": draw(st.sampled_from([*SERVICES, None])),
        }
        for number in draw(st.sets(st.integers(0, 5), max_size=5))
    ]  # fmt: skip
    names = [route["name"] for route in routes]
    plugins: dict[Any, dict[str, Any]] = {}
    for _ in range(draw(st.integers(0, 3))):
        row = {
            "name": draw(st.sampled_from(["fake", "other"])),
            "route": draw(st.sampled_from([*names, None])),
            "service": draw(st.sampled_from([*SERVICES, None])),
        }
        plugins[tuple(row.values())] = {
            **row,
            "config": {"mark": draw(st.sampled_from(["x", "y"]))},
        }
    apart: list[dict[str, Any]] = [
        {"name": name, "hosts": ["b.test"], "paths": [f"/{name}"], "ws_id": TEAM}
        for name in draw(st.sets(st.sampled_from(["a", "x"])))
    ]
    for route in draw(st.sets(st.sampled_from([None, *(r["name"] for r in apart)]))):
        own: dict[str, Any] = {
            "name": "fake",
            "config": {"mark": "team"},
            "route": route,
            "ws_id": TEAM,
        }
        plugins[TEAM, route] = own
    return {
        "workspaces": [{"id": TEAM, "name": "team"}],
        "services": services,
        "routes": [*routes, *apart],
        "plugins": [*plugins.values()],
    }


def marks(chain: Chain) -> list[tuple[str, str]]:
    return [(h.row, h.mark) for h in chain if isinstance(h, FakePlugin)]


def describe(snapshot: Snapshot) -> dict[str, Any]:
    """Everything a request could notice."""
    found: dict[Any, Any] = {
        "revision": snapshot.revision,
        "own cookies": snapshot.cookies.own,
    }
    for key, plan in snapshot.plans.items():
        found[key] = (plan.route, plan.service, plan.target, plan.host)
        found[key, "chains"] = (marks(plan.plain), marks(plan.secure))
    for host in ("a.test", "b.test", "x.b.test", "c.org", "other.org"):
        for path in ("/", "/a", "/a/b", "/a/bc", "/x", "/z"):
            query = Query(method=b"GET", host=host, port=80, path=path, fields=(), tls=False, sni=None)  # fmt: skip
            found[host, path] = snapshot.router.match(query)
    return found


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(configurations(), min_size=2, max_size=4))
def test_compiling_changes_equals_compiling_from_nothing(
    history: list[dict[str, Any]],
) -> None:
    state = NOTHING
    for data in history:
        state = compiled(state, data)

        assert describe(state.snapshot) == describe(compiled(NOTHING, data).snapshot)
        assert set(state.entries) == set(state.snapshot.plans)


def base() -> dict[str, Any]:
    return {
        "services": [{"name": name, "host": "up.test"} for name in SERVICES],
        "routes": [
            {"name": f"r{n}", "hosts": [f"h{n}.test"], "service": SERVICES[n % 2]}
            for n in range(6)
        ],
        "plugins": [
            {"name": "fake", "route": "r1", "config": {"mark": "1"}},
            {"name": "other", "service": "s", "config": {"mark": "2"}},
        ],
    }


def test_what_no_change_touches_is_shared() -> None:
    data = base()
    first = compiled(NOTHING, data)
    data["routes"][1]["paths"] = ["/new"]
    second = compiled(first, data)
    plans = {p.route.name: p for p in first.snapshot.plans.values()}
    changed = {
        p.route.name
        for p in second.snapshot.plans.values()
        if p is not plans[p.route.name]
    }

    assert changed == {"r1"}
    assert all(second.handlers[key] is pair for key, pair in first.handlers.items())
    assert second.snapshot.cookies is first.snapshot.cookies
    old, new = (s.snapshot.router.tables[0] for s in (first, second))
    assert [host for host in old if old[host] is not new[host]] == ["h1.test"]


def test_a_changed_plugin_touches_the_routes_it_runs_on() -> None:
    data = base()
    first = compiled(NOTHING, data)
    data["plugins"][1]["config"] = {"mark": "3"}
    second = compiled(first, data)
    changed = {
        plan.route.name
        for key, plan in second.snapshot.plans.items()
        if plan is not first.snapshot.plans[key]
    }

    assert changed == {"r0", "r2", "r4"}
    assert second.snapshot.router.tables[0] == first.snapshot.router.tables[0]


def test_what_does_not_compile_leaves_the_state_before_as_it_was() -> None:
    first = compiled(NOTHING, base())
    before = describe(first.snapshot)
    bad = base()
    bad["plugins"][0]["config"] = {"nome": 1}

    with pytest.raises(DeclarativeInvalid, match="nome"):
        compiled(first, bad)
    with pytest.raises(ValueError, match="unknown kind"):
        load_rows([b"gadgets {}"])
    assert describe(first.snapshot) == before
