"""The router chooses what Kong's rules choose, for any routes and any request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.gateway.router import Query, build_entries, build_router
from ostiary.model.gateway import Route
from tests.spec.router_oracle import choose, priority

HOSTS = ["a.test", "*.test", "a.*", "a.test:80", "A.test:81", "*.a.test", "b.test"]
PATHS = ["/", "/a", "/a/", "/a/b", "/b", "~/a", "~/a/[a-z]", "~/(a|b)", "~/[ab]/b$"]
NAMES = ["methods", "hosts", "paths", "headers", "snis"]
ROUTES = st.fixed_dictionaries(
    {
        "regex_priority": st.integers(0, 2),
        "created_at": st.integers(1, 3),
        "methods": st.none()
        | st.lists(st.sampled_from(["GET", "POST"]), max_size=2, unique=True),
        "hosts": st.none() | st.lists(st.sampled_from(HOSTS), max_size=3, unique=True),
        "paths": st.none() | st.lists(st.sampled_from(PATHS), max_size=3, unique=True),
        "snis": st.none()
        | st.lists(st.sampled_from(["a.test", "b.test."]), max_size=2, unique=True),
        "headers": st.none()
        | st.dictionaries(
            st.sampled_from(["X-A", "x-b"]),
            st.lists(st.sampled_from(["1", "Two", "~*^t[wx]o"]), min_size=1, max_size=2),
            max_size=2,
        ),
    }
).filter(lambda row: any(row[name] for name in NAMES))  # fmt: skip
REQUESTS = st.fixed_dictionaries(
    {
        "path": st.sampled_from(
            ["/", "/a", "/ab", "/a/", "/a/b", "/a/b/c", "/b/b", "/b/c", "/z"]
        ),
        "method": st.sampled_from(["GET", "POST", "PUT"]),
        "host": st.sampled_from(["a.test", "b.test", "x.a.test", "a.other", "test"]),
        "port": st.sampled_from([80, 81, 82]),
        "headers": st.lists(
            st.tuples(
                st.sampled_from(["x-a", "X-B", "x-c"]),
                st.sampled_from(["1", "TWO", "txo"]),
            ),
            max_size=3,
        ),
        "tls": st.booleans(),
        "sni": st.sampled_from(["a.test", "A.test.", "b.test", None]),
    }
)


def ask(request: dict[str, Any]) -> Query:
    sni = request["sni"] if request["tls"] else None
    return Query(
        method=request["method"].encode(),
        host=request["host"],
        port=request["port"],
        path=request["path"],
        fields=tuple((n.encode(), v.encode()) for n, v in request["headers"]),
        tls=request["tls"],
        sni=sni,
    )


@pytest.mark.spec("gateway#3.1")
@pytest.mark.spec("gateway#3.2")
@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.lists(ROUTES, max_size=8), st.lists(REQUESTS, min_size=1, max_size=6))
def test_the_index_and_the_rules_choose_the_same_route(
    rows: list[dict[str, Any]], requests: list[dict[str, Any]]
) -> None:
    routes = [
        {**row, "id": f"00000000-0000-4000-8000-{number * 7 % 10:012}"}
        for number, row in enumerate(rows)
    ]
    router = build_router(
        entry
        for row in routes
        for entry in build_entries(Route.model_validate(row, strict=False), None)
    )

    for request in requests:
        found = router.match(ask(request))
        assert (None if found is None else found.route.id) == choose(routes, request)


@pytest.mark.spec("gateway#3.2")
def test_the_oracle_knows_the_order_of_the_rules() -> None:
    one = {"hosts": ["a.test"], "paths": ["/long/prefix", "~/x"], "regex_priority": 9}
    wild = {"hosts": ["*.test"], "paths": ["/long/prefix"]}
    named = {"hosts": ["*.test"], "headers": {"X-A": ["1"]}}

    assert priority(one, "~/x") > priority(one, "/long/prefix")
    assert priority(one, "/long/prefix") > priority(wild, "/long/prefix")
    assert priority({**wild, "methods": ["GET"]}, "/") > priority(one, "~/x")
    assert priority(named, None) > priority(wild, "/long/prefix")
